"""NIfTI volume -> its slices as radiographs, the way a DICOM series of the same volume shows them. Read by nibabel.

Slices lie along the third axis of the file, which is how scanners' volumes are stored. Of the header, only geometry,
scaling and display range are used: its free texts go nowhere.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import ImageError, MissingDecoderError
from edgefrac.imaging.dicom.quiet import quietly
from edgefrac.imaging.limits import check_size, most_unpacked
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.voi import CT_PRESETS, Window, WindowChoice, range_to_grey

_KIND = "NIfTI file"
_HINT = "write it anew as one file, .nii or .nii.gz, of integers or floats"
_GZIP = b"\x1f\x8b"
_HEADER_END = 352
_MOST_EXPANSION = 30  # nothing is lost in gzip, and volumes shrink 2 to 10 times
_PIECE = 1 << 20


def recognises_nifti(data: bytes) -> bool:
    """Whether ``data`` is a NIfTI-1 or NIfTI-2 volume in one file, as it is or in gzip."""
    return _version(_head(data)) is not None


def decode_nifti(data: bytes, name: str, window: WindowChoice | None = None) -> Radiograph:
    """Decode a volume of one slice; raises ``ImageError`` for others, and like ``NiftiVolume``."""
    volume = NiftiVolume(data, name)
    if volume.slices != 1:
        raise ImageError(
            f"{name}: a volume of {volume.slices} slices, not one image",
            hint="read it slice by slice, with edgefrac.imaging.stack.read_stack",
        )
    return volume.slice(0, window)


class NiftiVolume:
    """A NIfTI volume, by slice. ``name`` is what errors call it.

    Raises ``ImageError``, and ``MissingDecoderError`` where nibabel is not installed.
    """

    def __init__(self, data: bytes, name: str) -> None:
        try:
            import nibabel  # noqa: F401
        except ImportError:
            raise MissingDecoderError(name, "NIfTI volumes", "dicom") from None
        self._name = name
        self._notes: list[str] = []
        quietly(name, _KIND, lambda: self._load(data), _HINT)

    def _load(self, data: bytes) -> None:
        from nibabel import orientations as typed

        orientations: Any = typed  # its functions have no types

        whole = _inflated(data, self._name)
        image = _open(whole)
        shape = image.shape
        # of a volume of one slice some writers leave out the third axis
        if len(shape) < 2 or 0 in shape:
            raise ImageError(f"{self._name}: NIfTI file with a shape that is not a volume")
        expected = math.prod(shape) * image.get_data_dtype().itemsize
        if len(whole) < expected:
            raise ImageError(f"{self._name}: truncated NIfTI file: {len(whole)} of {expected} bytes")
        if len(shape) > 3 and any(size > 1 for size in shape[3:]):
            self._notes.append(f"first of {int(np.prod(shape[3:]))} volumes")
        stored = np.asanyarray(image.dataobj.get_unscaled())
        if stored.dtype.kind not in "iuf":
            raise ImageError(f"{self._name}: NIfTI file with samples that are neither integers nor floats")
        stored = stored.reshape(*shape[:2], shape[2] if len(shape) > 2 else 1, -1, order="F")[..., 0]
        slope, intercept = image.dataobj.slope, image.dataobj.inter
        self._slope, self._intercept = float(slope), float(intercept)
        axes = orientations.io_orientation(image.affine)
        # to DICOM's patient axes: towards the left, the back and the head
        turn = orientations.ornt_transform(axes, orientations.axcodes2ornt(("L", "P", "S")))
        self._stored = orientations.apply_orientation(stored, turn)
        self._axis = int(axes[2, 0])
        zooms = [float(zoom) for zoom in image.header.get_zooms()[:3]] + [1.0] * (3 - len(shape[:3]))
        self._zooms = [zooms[int(np.flatnonzero(axes[:, 0] == axis)[0])] for axis in range(3)]
        self._shown = float(image.header["cal_min"]), float(image.header["cal_max"])
        height, width = (self._stored.shape[axis] for axis in self._plane)
        check_size(self._name, width, height)

    @property
    def slices(self) -> int:
        """How many slices there are."""
        return int(self._stored.shape[self._axis])

    @property
    def _plane(self) -> tuple[int, int]:
        """Which axes run down and across a slice: head to feet unless the slice is axial, then front to back."""
        across, down = (axis for axis in range(3) if axis != self._axis)
        return down, across

    def slice(self, index: int, window: WindowChoice | None = None) -> Radiograph:
        """Decode one slice, in DICOM's order: towards the head, to the back, to the patient's right."""
        return quietly(self._name, _KIND, lambda: self._slice(index, window), _HINT)

    def _slice(self, index: int, window: WindowChoice | None) -> Radiograph:
        at = self.slices - 1 - index if self._axis == 0 else index
        plane = np.take(self._stored, at, axis=self._axis).T
        if self._axis != 2:
            plane = plane[::-1]  # the head on top
        values = self._values(plane)
        pixels, note = self._grey(values, window)
        pixels[~np.isfinite(values)] = 0
        down, across = self._plane
        spacing = self._zooms[down], self._zooms[across]
        return Radiograph(
            pixels,
            source_format="NIfTI",
            spacing_mm=spacing if min(spacing) > 0 else None,
            notes=(*self._notes, note),
        )

    def _values(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        return stored.astype(np.float64) * self._slope + self._intercept

    def _grey(self, values: NDArray[np.float64], window: WindowChoice | None) -> tuple[NDArray[np.uint8], str]:
        known = np.nan_to_num(values, nan=0.0)
        if window is not None:
            # a NIfTI file does not say whether it is CT: the user does
            chosen = CT_PRESETS[window] if isinstance(window, str) else Window(*window)
            return chosen.to_grey(known), "window as asked for"
        low, high = self._shown
        if high > low:
            return range_to_grey(known, low, high), "display range of the file"
        finite = self._stored[np.isfinite(self._stored)] if self._stored.dtype.kind == "f" else self._stored
        if not finite.size:
            return np.zeros(values.shape, np.uint8), "no finite value in the file"
        ends = self._values(np.array([finite.min(), finite.max()]))
        return range_to_grey(known, ends.min(), ends.max()), "no window in the file: smallest to largest value"


def _head(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data[:_HEADER_END]
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data[:65536], _HEADER_END)
    except zlib.error:
        return b""


def _version(head: bytes) -> int | None:
    if head[344:348] == b"n+1\0":
        return 1
    return 2 if head[4:8] == b"n+2\0" else None


def _open(data: bytes) -> Any:
    from nibabel.nifti1 import Nifti1Image
    from nibabel.nifti2 import Nifti2Image

    return (Nifti1Image if _version(data) == 1 else Nifti2Image).from_bytes(data)


def _inflated(data: bytes, name: str) -> bytes:
    """``data`` without gzip. Raises ``ImageError`` beyond the limit or if it is cut short."""
    if not data.startswith(_GZIP):
        return data
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    most = most_unpacked(len(data), _MOST_EXPANSION)
    whole, rest = bytearray(), data
    while rest and not inflater.eof:
        # in pieces: in one, the memory that it takes is twice what comes out
        whole += inflater.decompress(rest, _PIECE)
        rest = inflater.unconsumed_tail
        if len(whole) > most:
            raise ImageError(f"{name}: inflates to more than {most >> 20} MiB, not read")
    if not inflater.eof:
        raise ImageError(f"{name}: truncated NIfTI file: its gzip stream ends too early")
    return bytes(whole)
