"""The size that a compressed frame itself states; decoders go by it, whatever the data set around it says."""

from __future__ import annotations

import struct

_JPEG, _JPEG_2000, _JPEG_2000_BOXED = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  "
# start of frame: of every JPEG process (T.81 table B.1), and of JPEG-LS (T.87)
_FRAMES = frozenset((*(c for c in range(0xC0, 0xD0) if c not in (0xC4, 0xC8, 0xCC)), 0xF7))
_FILL, _SCAN = 0xFF, 0xDA


def stated_size(frame: bytes) -> tuple[int, int] | None:
    """(width, height) by the frame's own header, or None where it has none that could be found.

    Raises ``struct.error`` for a header that is cut short.
    """
    if frame.startswith(_JPEG):
        return _of_jpeg(frame)
    if frame.startswith((_JPEG_2000, _JPEG_2000_BOXED)):
        return _of_jpeg_2000(frame)
    return None


def has_end(frame: bytes) -> bool:
    """Whether a JPEG-LS frame ends, which coded bytes never look like; CharLS reads on beyond one that does not."""
    return b"\xff\xd9" in frame


def _of_jpeg(frame: bytes) -> tuple[int, int] | None:
    at = len(_JPEG)
    while at + 4 <= len(frame):
        if frame[at] != 0xFF:
            return None
        marker = frame[at + 1]
        if marker == _FILL:
            at += 1
            continue
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", frame, at + 5)
            return width, height
        if marker == _SCAN:
            return None
        at += 2 + int(struct.unpack_from(">H", frame, at + 2)[0])
    return None


def _of_jpeg_2000(frame: bytes) -> tuple[int, int] | None:
    """Of the first codestream (T.800 A.5.1): the reference grid less what lies before the image."""
    start = frame.find(_JPEG_2000)
    if start < 0:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", frame, start + 8)
    return right - left, bottom - top
