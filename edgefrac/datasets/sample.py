"""What a data set is made of: samples that are read only when asked for."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from edgefrac.datasets.classes import FRACTURE, NO_FRACTURE, is_negative
from edgefrac.errors import ImageError
from edgefrac.imaging.guarded import decode_guarded
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import read_bytes

CLASSES = (NO_FRACTURE, FRACTURE)
_LARGEST_MEMBER = 1 << 28  # bytes unpacked; more is a decompression bomb, not a radiograph

DAMAGED_ZIP = (OSError, EOFError, RuntimeError, ValueError, IndexError, zipfile.BadZipFile, zlib.error, struct.error)
"""What ``zipfile`` raises on damaged archives, on encrypted members and on compressions that it does not know."""

Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Box:
    """An axis-aligned rectangle in pixels of the raster as read (upright), from its top left corner."""

    x: float
    y: float
    width: float
    height: float


class Reader(Protocol):
    """Something small and picklable that reads one radiograph."""

    def read(self) -> Radiograph:
        """Decode the image; raises ``ImageError``."""
        ...


@dataclass(frozen=True)
class FileReader:
    """Reads an image file."""

    path: Path

    def data(self) -> bytes:
        """The file as it is stored; raises ``OSError``."""
        return self.path.read_bytes()

    def read(self) -> Radiograph:
        """Decode the file, see ``imaging.guarded``; raises ``ImageError``."""
        return decode_guarded(read_bytes(self.path), str(self.path))


@dataclass(frozen=True)
class ZipReader:
    """Reads one member of a zip without unpacking it to disk."""

    zip_path: Path
    member: str

    def read(self) -> Radiograph:
        """Decode the member, see ``imaging.guarded``; raises ``ImageError``."""
        return decode_guarded(self.data(), f"{self.zip_path}:{self.member}")

    def data(self) -> bytes:
        """The member as it was packed; raises ``ImageError``."""
        name = f"{self.zip_path}:{self.member}"
        try:
            archive = _open_zip(self.zip_path, os.getpid())
            if archive.getinfo(self.member).file_size > _LARGEST_MEMBER:
                raise ImageError(f"{name}: unpacks to more than {_LARGEST_MEMBER >> 20} MiB")
            return archive.read(self.member)
        except (*DAMAGED_ZIP, KeyError) as error:
            raise ImageError(f"{name}: cannot be unpacked ({error})") from error


@lru_cache(maxsize=4)
def _open_zip(path: Path, _process: int) -> zipfile.ZipFile:
    """One open archive per process: a file position shared after a fork would mix up the workers' reads."""
    return zipfile.ZipFile(path)


@dataclass(frozen=True)
class Sample:
    """One labelled radiograph.

    ``label`` indexes the data set's classes. ``group`` names what a split must not separate: the patient, or a block
    of neighbouring image ids where patients are unknown. Boxes and polygons are in pixels of the raster as read.
    ``facets`` are facts to slice the figures by ("region": "hand", "hardware": "no").
    """

    id: str
    label: int
    reader: Reader
    group: str
    boxes: tuple[Box, ...] = ()
    polygons: tuple[Polygon, ...] = ()
    facets: Mapping[str, str] = field(default_factory=dict)

    def read(self) -> Radiograph:
        """Decode the image; raises ``ImageError``."""
        return self.reader.read()


@dataclass(frozen=True)
class Dataset:
    """Samples with their licence, and what was found wrong on opening (each finding states the rule applied).

    ``synthetic`` ones were made, each anew: there is no copy to look for.
    """

    name: str
    samples: tuple[Sample, ...]
    classes: tuple[str, ...] = CLASSES
    licence: str = "unknown"
    attribution: str = ""
    findings: tuple[str, ...] = ()
    synthetic: bool = False

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def positives(self) -> int:
        """Number of samples of any class but one that says nothing is broken."""
        return sum(not is_negative(self.classes[sample.label]) for sample in self.samples)
