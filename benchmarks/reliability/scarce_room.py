"""The reading room with too little memory: from its start, and from one moment on while images come.

Memory is taken away by a limit on the data of the server's process; its readers have limits of their own. Right is: it
starts, or says why not; each image is acknowledged or refused, in time; once there is memory again, what was
acknowledged is answered, by the same process or, where that had to end, by the next one on the same folder.
"""

from __future__ import annotations

import json
import resource
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.reading_room.images import pngs
from benchmarks.reading_room.room import Room
from benchmarks.reliability.outcome import MEBIBYTES, Outcome, little_memory, misspoken, sizes
from benchmarks.reliability.toy import environment
from edgefrac.workers.limits import data_bytes

_IMAGES = 12
_SIDE = 512  # pixels
_PATIENCE = 60.0  # seconds; whoever waits longer for a word is held up
_REFUSALS = {503, 507}
_KIBIBYTES = (16, 64 << 10)
"""More than it has when the limit comes: from nearly nothing to enough."""


@dataclass
class _Sent:
    """What became of images that were sent: identifiers of those acknowledged, and the answers counted."""

    acknowledged: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def send(self, room: Room, image: bytes) -> None:
        """One image, that is like no other."""
        request = urllib.request.Request(f"{room.address}/v1/worklist", image, {"Content-Type": "image/png"})
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as response:
                self.acknowledged += [one["id"] for one in json.load(response)]
                self.answers["acknowledged"] += 1
        except urllib.error.HTTPError as error:
            self.answers[f"refused ({error.code})"] += 1
            if error.code not in _REFUSALS:
                self.faults.append(f"refused by {error.code}")
        except TimeoutError:
            self.faults.append(f"no word within {_PATIENCE:g} s")
        except OSError:  # which a client sends again after, as after a refusal
            self.answers["connection broken"] += 1


def from_the_start(model: Path, work: Path, steps: int) -> Iterator[Outcome]:
    """Started with little memory."""
    for size in sizes(MEBIBYTES, steps):
        room = Room(model, work / f"start-{size}")
        try:
            room.start(limit=little_memory(size), environment=environment())
            said, faults = "ready", []
        except RuntimeError as error:
            said = room.log.read_text(errors="replace") or str(error)
            assert room.process
            status = room.process.poll()
            faults = ["neither ready nor ended"] if status is None else list(misspoken(status, said))
            room.kill()
        room.stop()
        assert room.process
        yield Outcome("serve", f"{size} MiB of memory", room.process.returncode, said, tuple(faults))


def while_images_come(model: Path, work: Path, steps: int) -> Iterator[Outcome]:
    """Started with enough, of which some is taken away."""
    *images, last = pngs(_IMAGES + 1, _SIDE)
    for more in sizes(_KIBIBYTES, steps):
        room = Room(model, work / f"room-{more}")
        room.start(environment=environment())
        assert room.process
        sent = _Sent()
        _limit(room, more << 10)
        for image in images:
            sent.send(room, image)
        ended = room.process.poll()
        if ended is None:
            _limit(room, None)
        else:
            sent.answers[f"ended ({ended}) and started again"] += 1
            room.start(environment=environment())
        faults = [*sent.faults, *_afterwards(room, sent, last)]
        said = ", ".join(f"{times} {what}" for what, times in sorted(sent.answers.items()))
        yield Outcome("serve", f"{more} KiB more than at rest", room.process.returncode, said, tuple(faults))


def _afterwards(room: Room, sent: _Sent, image: bytes) -> Iterator[str]:
    """There is memory again: what is not as it should be."""
    sent.send(room, image)
    try:
        room.wait_until_read(_PATIENCE)
        for id_ in sent.acknowledged:
            if (state := room.get(f"/v1/worklist/{id_}")["state"]) != "answered":
                yield f"acknowledged, and {state}"
    except (OSError, RuntimeError) as error:
        yield f"afterwards: {error}"
    started = time.monotonic()
    try:
        room.stop()
    except TimeoutError:
        room.kill()
    assert room.process
    if room.process.returncode or time.monotonic() - started > _PATIENCE / 2:
        yield f"told to end, it ended with {room.process.returncode}"


def _limit(room: Room, more: int | None) -> None:
    """Let the server's process have ``more`` bytes of data than now; None takes the limit away."""
    assert room.process
    limit = resource.RLIM_INFINITY
    if more is not None:
        used = data_bytes(room.process.pid)
        assert used is not None
        limit = used + more
    resource.prlimit(room.process.pid, resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
