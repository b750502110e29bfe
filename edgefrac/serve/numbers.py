"""The numbers that are kept of an image that has its answer: arrays in NumPy's format, one behind the other in a file.

    greys       uint8 [N]: the grey of each value in the raster that was predicted on
    evidence    float32 [h, w]: the evidence map in log-odds; [0, 0] where the model has none
    values      uint8 or uint16 [H, W]: the image at its own depth, from 0 on (``imaging.depth``)

One file, because each file that must be on the disk before the answer counts costs some milliseconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import OutputError
from edgefrac.imaging.depth import Depth

Map = NDArray[np.float32]


def leave(depth: Depth, evidence: Map | None, path: Path) -> None:
    """Write an image's numbers to a new file, to be synced before they are relied on; raises ``OutputError``."""
    try:
        with path.open("xb") as file:
            for array in (depth.table, np.zeros((0, 0), np.float32) if evidence is None else evidence, depth.values):
                _write(file, np.ascontiguousarray(array))
    except OSError as error:
        raise OutputError(f"{path.parent}: the image's numbers cannot be stored ({error.strerror})") from None


def values(path: Path) -> NDArray[Any]:
    """The image at its own depth; raises ``OSError`` where it is gone."""
    return _read(path)[2]


def greys(path: Path) -> NDArray[np.uint8]:
    """The grey of each value; raises ``OSError``."""
    return _read(path, 1)[0]


def raster(path: Path) -> NDArray[np.uint8]:
    """The raster that was predicted on, uint8 [H, W]; raises ``OSError``."""
    table, _, stored = _read(path)
    shown: NDArray[np.uint8] = table[stored]
    return shown


def evidence(path: Path) -> Map:
    """The evidence map; raises ``OSError``."""
    return _read(path, 2)[1]


def _write(file: IO[bytes], array: NDArray[Any]) -> None:
    """As ``np.save`` does, which takes no notice when the last bytes find no room on the disk."""
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
    file.write(array.data)


def _read(path: Path, count: int = 3) -> list[NDArray[Any]]:
    """The first arrays of the file."""
    with path.open("rb") as file:
        return [np.lib.format.read_array(file, allow_pickle=False) for _ in range(count)]
