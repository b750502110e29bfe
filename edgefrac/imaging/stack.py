"""Several slices of one body, in order: a DICOM series in a folder, a multi-frame DICOM file or a NIfTI volume."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edgefrac.errors import ImageError
from edgefrac.imaging.dicom.decode import DicomFile
from edgefrac.imaging.dicom.facts import Place
from edgefrac.imaging.dicom.parse import recognises_dicom
from edgefrac.imaging.nifti import NiftiVolume, recognises_nifti
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import check_window, decode_radiograph, read_bytes
from edgefrac.imaging.voi import WindowChoice
from edgefrac.progress import Track, silent


@dataclass(frozen=True)
class Stack:
    """Slices in order, each decoded when it is asked for, so that no more than one is held.

    ``stack[i]`` and iteration give ``Radiograph``s with their ``slice_index``, and raise ``ImageError`` as
    ``read_radiograph`` does. ``notes`` says what the order rests on and which files were left out.
    """

    name: str
    notes: tuple[str, ...]
    _readers: tuple[Callable[[], Radiograph], ...]

    def __len__(self) -> int:
        return len(self._readers)

    def __getitem__(self, index: int) -> Radiograph:
        return replace(self._readers[index](), slice_index=range(len(self))[index])

    def __iter__(self) -> Iterator[Radiograph]:
        return (self[index] for index in range(len(self)))


def read_stack(path: Path, *, window: WindowChoice | None = None, track: Track = silent) -> Stack:
    """The one stack of a file or folder; ``window`` as in ``read_radiograph``.

    A file of a single image is a stack of one. Raises ``ImageError`` if there is none or more than one.
    """
    stacks = read_stacks(path, window=window, track=track)
    if len(stacks) > 1:
        raise ImageError(
            f"{path}: {len(stacks)} series in one folder, where one was expected",
            hint="give each series a folder of its own, or take all of them with read_stacks",
        )
    return stacks[0]


def read_stacks(path: Path, *, window: WindowChoice | None = None, track: Track = silent) -> list[Stack]:
    """All stacks of a file or folder (not of folders in it), the longest first.

    Slices of a DICOM series are ordered by their position along the normal of the slices, else by InstanceNumber, else
    by file name. Raises ``ImageError`` for a file that cannot be read, or if no file is an image of a stack.
    """
    check_window(window)
    return _series(path, window, track) if path.is_dir() else [_of_file(path, window)]


def _of_file(path: Path, window: WindowChoice | None) -> Stack:
    data, name = read_bytes(path), str(path)
    if recognises_dicom(data):
        file = DicomFile(data, name)
        return Stack(name, ("frames in the order of the file",), _frames(file.frame, file.frames, window))
    if recognises_nifti(data):
        volume = NiftiVolume(data, name)
        return Stack(name, ("slices in the order of the volume",), _frames(volume.slice, volume.slices, window))
    return Stack(name, (), (partial(decode_radiograph, data, name, window=window),))


def _frames(
    read: Callable[[int, WindowChoice | None], Radiograph], count: int, window: WindowChoice | None
) -> tuple[Callable[[], Radiograph], ...]:
    return tuple(partial(read, index, window) for index in range(count))


@dataclass(frozen=True)
class _Member:
    path: Path
    frames: int
    place: Place

    def readers(self, window: WindowChoice | None) -> tuple[Callable[[], Radiograph], ...]:
        return _frames(self._read, self.frames, window)

    def _read(self, frame: int, window: WindowChoice | None) -> Radiograph:
        return DicomFile(read_bytes(self.path), str(self.path)).frame(frame, window)


def _series(folder: Path, window: WindowChoice | None, track: Track) -> list[Stack]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    members = [member for path in track(files, f"headers in {folder}") if (member := _member(path))]
    if not members:
        raise ImageError(f"{folder}: no DICOM image in this folder", hint="name the folder that holds the slices")
    left_out = len(files) - len(members)
    notes = (f"{left_out} files without a DICOM image left out",) if left_out else ()
    by_series: dict[str, list[_Member]] = {}
    for member in members:
        by_series.setdefault(member.place.series, []).append(member)
    stacks = []
    for series in by_series.values():
        ordered, how = _in_order(series)
        readers = tuple(reader for member in ordered for reader in member.readers(window))
        stacks.append(Stack(str(folder), (how, *notes), readers))
    return sorted(stacks, key=len, reverse=True)


def _member(path: Path) -> _Member | None:
    """What the header of a file says, or None if it is not a DICOM image."""
    data = read_bytes(path)
    if not recognises_dicom(data):
        return None
    file = DicomFile(data, str(path))
    return _Member(path, file.frames, file.place()) if file.has_pixels else None


def _in_order(series: list[_Member]) -> tuple[list[_Member], str]:
    along = [member.place.along_normal for member in series]
    numbers = [member.place.number for member in series]
    # what is missing in one slice can order none; equal positions, as of phases of the heart, keep their numbers' order
    if None not in numbers:
        series = sorted(series, key=lambda member: member.place.number or 0)
    if None not in along:
        return sorted(series, key=lambda member: member.place.along_normal or 0.0), "ordered by position"
    return series, "ordered by file name" if None in numbers else "ordered by instance number"
