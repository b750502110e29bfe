"""What size an image may have; checked on its header, before anything is decoded."""

from __future__ import annotations

from edgefrac.errors import ImageError

MAX_BYTES = 1 << 30
"""Largest file that is read, in bytes."""
MAX_SIDE = 20_000
"""Longest side in pixels: keeps the sums of ``preprocess`` exact."""
MAX_PIXELS = 80_000_000
"""Most pixels: four times the largest flat-panel detectors, and below the size at which Pillow starts to warn."""
MIN_SIDE = 16
"""Shortest side in pixels: below it nothing can be seen, and the file is an icon or damaged."""

_UNQUESTIONED_BYTES = 32 << 20
_MOST_EXPANSION = 100


def most_unpacked(packed: int, expansion: int = _MOST_EXPANSION) -> int:
    """To how many bytes so many may unpack: radiographs shrink 2 to 40 times, what is empty 1000 times."""
    return min(MAX_BYTES, max(_UNQUESTIONED_BYTES, expansion * packed))


def check_expansion(name: str, unpacked: int, packed: int) -> None:
    """Raise ``ImageError`` for a decompression bomb, see ``most_unpacked``."""
    if unpacked > most_unpacked(packed):
        raise ImageError(
            f"{name}: {packed} bytes that would unpack to {unpacked >> 20} MiB, not read",
            hint="check that it is not a decompression bomb; an image that is empty all over has nothing to say",
        )


def check_size(name: str, width: int, height: int) -> None:
    """Raise ``ImageError`` unless an image of ``width``×``height`` pixels may be decoded."""
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{name}: {width}×{height} pixels are too few; each side needs at least {MIN_SIDE}")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageError(
            f"{name}: {width}×{height} pixels are too many; the limit is {MAX_SIDE} px a side "
            f"and {MAX_PIXELS // 1_000_000} megapixels",
            hint="reduce the image first, or check that it is not a decompression bomb",
        )
