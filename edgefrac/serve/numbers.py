"""The numbers that are kept of an image that has its answer, in a folder of their own.

values.npy      uint8 or uint16 [H, W]: the image at its own depth, from 0 on (``imaging.depth``)
greys.npy       uint8 [N]: the grey of each value in the raster that was predicted on
evidence.npy    float32 [h, w]: the evidence map in log-odds, where the model has one
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import OutputError
from edgefrac.imaging.depth import Depth

Map = NDArray[np.float32]


def leave(depth: Depth, evidence: Map | None, folder: Path) -> None:
    """Write an image's numbers to a new folder, and have them on the disk; raises ``OutputError``."""
    arrays: dict[str, NDArray[Any]] = {"values": depth.values, "greys": depth.table}
    if evidence is not None:
        arrays["evidence"] = evidence
    try:
        folder.mkdir()
        for name, array in arrays.items():
            with (folder / f"{name}.npy").open("wb") as file:
                _write(file, np.ascontiguousarray(array))
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"{folder.parent}: the image's numbers cannot be stored ({error.strerror})") from None


def _write(file: IO[bytes], array: NDArray[Any]) -> None:
    """As ``np.save`` does, which takes no notice when the last bytes find no room on the disk."""
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
    file.write(array.data)


def values(folder: Path) -> NDArray[Any]:
    """The image at its own depth; raises ``OSError`` where it is gone."""
    return _read(folder, "values")


def greys(folder: Path) -> NDArray[np.uint8]:
    """The grey of each value; raises ``OSError``."""
    return _read(folder, "greys")


def raster(folder: Path) -> NDArray[np.uint8]:
    """The raster that was predicted on, uint8 [H, W]; raises ``OSError``."""
    shown: NDArray[np.uint8] = greys(folder)[values(folder)]
    return shown


def evidence(folder: Path) -> Map:
    """The evidence map; raises ``OSError`` where there is none."""
    return _read(folder, "evidence")


def _read(folder: Path, name: str) -> NDArray[Any]:
    found: NDArray[Any] = np.load(folder / f"{name}.npy", allow_pickle=False)
    return found
