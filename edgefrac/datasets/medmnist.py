"""Arrays of images and labels as MedMNIST publishes them: Yang et al., "MedMNIST v2 - A large-scale lightweight
benchmark for 2D and 3D biomedical image classification", Scientific Data 10 (2023), doi 10.1038/s41597-022-01721-8.

A .npz with {train,val,test}_images and {train,val,test}_labels. Images are uint8 or uint16, [N, H, W] grey,
[N, H, W, 3] colour, or [N, D, H, W] volumes whose second axis counts the slices. A volume is shown as a montage of its
slices, row by row, or with "FILE.npz?volume=slices" as one image per slice, all with the volume's label. Labels are
integers [N] or [N, 1]; what they mean is not in the file, so "FILE.npz?classes=normal,fracture" names them in order,
and FractureMNIST3D's are known. Nobody knows the patients: each image or volume is a group of its own.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.datasets.classes import require_classes
from edgefrac.datasets.findings import Findings
from edgefrac.datasets.location import split_options
from edgefrac.datasets.presplit import report_splits
from edgefrac.datasets.registry import source
from edgefrac.datasets.sample import DAMAGED_ZIP, Dataset, Sample
from edgefrac.errors import DatasetError, ImageError
from edgefrac.imaging.grey import to_grey
from edgefrac.imaging.limits import check_size
from edgefrac.imaging.radiograph import Radiograph

SPLITS = ("train", "val", "test")
VOLUMES = ("montage", "slices")
KNOWN_CLASSES = {"fracturemnist3d": ("buckle rib fracture", "nondisplaced rib fracture", "displaced rib fracture")}
LICENCE = "CC-BY-4.0"
ATTRIBUTION = (
    "MedMNIST: Yang et al., MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image "
    "classification, Scientific Data 10 (2023), doi:10.1038/s41597-022-01721-8; FractureMNIST3D is made from RibFrac, "
    "Jin et al., EBioMedicine 62 (2020)"
)
_LARGEST = 1 << 32  # bytes of one array, which is held in memory whole: it is packed and cannot be read in parts
# the header of an array is Python text, read by Python's own tokenizer and parser
_DAMAGE = (*DAMAGED_ZIP, KeyError, MemoryError, OverflowError, SyntaxError, TypeError, TokenError)


@dataclass(frozen=True)
class ArrayReader:
    """Reads one image of an array in a .npz; of a volume one slice, or with ``slice_`` None the montage of all."""

    path: Path
    member: str
    index: int
    slice_: int | None = None

    def read(self) -> Radiograph:
        """Take the image out of its array; raises ``ImageError``."""
        name = f"{self.path}:{self.member}[{self.index}]"
        try:
            image = _array(self.path, self.member)[self.index]
        except _DAMAGE as error:
            raise ImageError(f"{name}: cannot be read ({error})") from error
        if image.ndim == 3 and image.shape[2] != 3:
            image = image[self.slice_] if self.slice_ is not None else montage(image)
        check_size(name, image.shape[1], image.shape[0])
        return Radiograph(to_grey(image), source_format="NPZ")


def montage(volume: NDArray[Any]) -> NDArray[Any]:
    """[D, H, W] -> [rows·H, columns·W]: the slices row by row in the squarest grid, the rest of it 0."""
    depth, height, width = volume.shape
    columns = math.ceil(math.sqrt(depth))
    rows = math.ceil(depth / columns)
    grid = np.zeros((rows * columns, height, width), volume.dtype)
    grid[:depth] = volume
    return grid.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)


@source
def open_npz(location: str) -> Dataset | None:
    """Open a MedMNIST-like .npz, or return None if the location is none; raises ``DatasetError``."""
    parts = split_options(location, ".npz", ("classes", "volume"))
    if parts is None:
        return None
    path, options = parts
    volume = options.get("volume", VOLUMES[0])
    if volume not in VOLUMES:
        raise DatasetError(f"{path}: volume={volume} is neither {' nor '.join(VOLUMES)}")
    labels = {split: _labels(path, split) for split in SPLITS if f"{split}_labels.npy" in _members(path)}
    if not labels:
        raise DatasetError(f"{path}: holds no train_labels, val_labels or test_labels, as MedMNIST files do")
    classes = _classes(path, max(int(of_split.max(initial=0)) for of_split in labels.values()), options.get("classes"))
    samples = [sample for split, values in labels.items() for sample in _samples(path, split, values, volume)]
    require_classes(str(path), (classes[sample.label] for sample in samples), classes)
    findings = Findings()
    report_splits(samples, findings)
    known = _known(path) is not None
    licence, attribution = (LICENCE, ATTRIBUTION) if known else ("unknown", "")
    return Dataset(path.stem, tuple(samples), classes, licence, attribution, findings.lines())


def _members(path: Path) -> frozenset[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return frozenset(archive.namelist())
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except DAMAGED_ZIP as error:
        raise DatasetError(f"{path}: not a .npz file, or cut short ({error})", hint="is it there whole?") from error


def _header(path: Path, member: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of an array, from its first bytes."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{member}.npy") as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
    except _DAMAGE as error:
        raise DatasetError(f"{path}: {member} cannot be read ({error})") from error
    if dtype.hasobject:
        raise DatasetError(f"{path}: {member} holds pickled Python objects, which are never loaded")
    return shape, dtype


def _labels(path: Path, split: str) -> NDArray[np.int64]:
    """int64 [N]: the labels of a split, one per image."""
    member = f"{split}_labels"
    shape, dtype = _header(path, member)
    if dtype.kind not in "iub" or not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        raise DatasetError(f"{path}: {member} is {dtype}{list(shape)}, not one class number per image")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            labels: NDArray[np.int64] = arrays[member].reshape(-1).astype(np.int64)
    except _DAMAGE as error:
        raise DatasetError(f"{path}: {member} cannot be read ({error})") from error
    if labels.size and labels.min() < 0:
        raise DatasetError(f"{path}: {member} holds negative class numbers")
    return labels


def _classes(path: Path, largest: int, named: str | None) -> tuple[str, ...]:
    known = _known(path)
    classes = tuple(name.strip() for name in named.split(",")) if named else known
    if classes is None:
        return tuple(f"class {number}" for number in range(max(2, largest + 1)))
    if largest >= len(classes) or len(set(classes)) < len(classes):
        raise DatasetError(f"{path}: {len(classes)} different class names are needed for labels up to {largest}")
    return classes


def _known(path: Path) -> tuple[str, ...] | None:
    return KNOWN_CLASSES.get(path.stem.lower().partition("_")[0])  # fracturemnist3d_64.npz is the larger version


def _samples(path: Path, split: str, labels: NDArray[np.int64], volume: str) -> Iterator[Sample]:
    member = f"{split}_images"
    shape, dtype = _header(path, member)
    if dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)) or len(shape) not in (3, 4):
        raise DatasetError(f"{path}: {member} is {dtype}{list(shape)}, not grey, colour or volumes of uint8 or uint16")
    if shape[0] != len(labels):
        raise DatasetError(f"{path}: {shape[0]} images but {len(labels)} labels in {split}")
    if math.prod(shape) * dtype.itemsize > _LARGEST:
        raise DatasetError(
            f"{path}: {member} unpacks to more than {_LARGEST >> 30} GiB",
            hint="take the set at a smaller size, such as 64 or 128 pixels",
        )
    slices = range(shape[1]) if volume == "slices" and len(shape) == 4 and shape[3] != 3 else None
    for index, label in enumerate(labels.tolist()):
        name = f"{split}/{index:06d}"
        for slice_ in [None] if slices is None else slices:
            id_ = name if slice_ is None else f"{name}/{slice_:03d}"
            yield Sample(id_, label, ArrayReader(path, member, index, slice_), name, facets={"split": split})


@lru_cache(maxsize=len(SPLITS))
def _array(path: Path, member: str) -> NDArray[Any]:
    with np.load(path, allow_pickle=False) as arrays:
        array: NDArray[Any] = arrays[member]
        return array
