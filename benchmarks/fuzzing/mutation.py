"""Damage that needs no knowledge of the format: flipped bits, cuts, repeats, numbers at the ends of their range."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from benchmarks.fuzzing.reader import Change

LONGEST = 1 << 20
"""Bytes of a mutated input; what grows beyond is cut."""
_SIZES = (1, 2, 4, 8)
_EXTREMES = (0, 1, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 62, 1 << 63)


def mutated(
    random: Random, seed: bytes, others: Sequence[bytes], changes: Sequence[Change], gently: bool = False
) -> bytes:
    """``seed`` with one to four changes, among them splices with ``others`` and the format's own ``changes``.

    ``gently``: one or two, and nearly always the format's own, so that the file gets far before it is refused.
    """
    data = seed
    for _ in range(random.randint(1, 2) if gently else min(random.randint(1, 4), random.randint(1, 6))):
        if changes and random.random() < (0.9 if gently else 0.6):
            data = random.choice(changes)(random, data)
        elif others and random.random() < 0.1:
            data = splice(random, data, random.choice(others))
        else:
            data = blunt(random, data)
    return data[:LONGEST]


def blunt(random: Random, data: bytes) -> bytes:
    """One change, of any kind."""
    return random.choice(_BLUNT)(random, data) if data else random.randbytes(random.randint(1, 64))


def splice(random: Random, data: bytes, other: bytes) -> bytes:
    """The beginning of one file and the end of another, or a block of the other in the middle."""
    if random.random() < 0.5:
        return data[: _place(random, data)] + other[_place(random, other) :]
    at, (start, stop) = _place(random, data), _block(random, other)
    return data[:at] + other[start:stop] + data[at:]


def flip_bits(random: Random, data: bytes) -> bytes:
    """Up to eight bits."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4, 8))):
        changed[_place(random, data)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _set_bytes(random: Random, data: bytes) -> bytes:
    start, stop = _block(random, data, 16)
    return data[:start] + random.randbytes(stop - start) + data[stop:]


def _fill(random: Random, data: bytes) -> bytes:
    start, stop = _block(random, data)
    return data[:start] + bytes([random.choice((0, 0xFF, 0x20, 0x41))]) * (stop - start) + data[stop:]


def _truncate(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data))]


def _cut(random: Random, data: bytes) -> bytes:
    start, stop = _block(random, data)
    return data[:start] + data[stop:]


def _repeat(random: Random, data: bytes) -> bytes:
    start, stop = _block(random, data)
    times = random.choice((2, 2, 3, 16, 256))
    return data[:start] + (data[start:stop] * times)[:65536] + data[stop:]


def _move(random: Random, data: bytes) -> bytes:
    start, stop = _block(random, data)
    rest = data[:start] + data[stop:]
    at = random.randint(0, len(rest))
    return rest[:at] + data[start:stop] + rest[at:]


def _append(random: Random, data: bytes) -> bytes:
    return data + random.randbytes(random.randint(1, 64))


def extreme(random: Random, data: bytes) -> bytes:
    """A number of 1 to 8 bytes set to an end of its range, or a little more or less than it was."""
    size = random.choice(_SIZES)
    if len(data) < size:
        return data
    at = random.randrange(len(data) - size + 1)
    if random.random() < 0.5:
        at -= at % size
    order = random.choice(("little", "little", "big"))
    if random.random() < 0.6:
        value = random.choice(_EXTREMES)
    else:
        value = int.from_bytes(data[at : at + size], order) + random.choice((-16, -4, -2, -1, 1, 2, 4, 16))
    return data[:at] + (value % (1 << 8 * size)).to_bytes(size, order) + data[at + size :]


def _place(random: Random, data: bytes) -> int:
    """Somewhere in ``data``; in the first kilobyte, where headers are, more often than by chance."""
    if not data:
        return 0
    return random.randrange(min(len(data), 1024) if random.random() < 0.5 else len(data))


def _block(random: Random, data: bytes, longest: int = 0) -> tuple[int, int]:
    start = _place(random, data)
    length = random.randint(1, longest or random.choice((4, 16, 64, 512, 4096)))
    return start, min(start + length, len(data))


# bits and numbers more often than the rest: they leave a file sound enough to be read on
_BLUNT: tuple[Change, ...] = (
    *(flip_bits, flip_bits, extreme, extreme, extreme),
    *(_set_bytes, _fill, _truncate, _cut, _repeat, _move, _append),
)
