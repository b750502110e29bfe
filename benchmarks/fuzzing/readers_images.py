"""Readers of images: a file becomes a radiograph, and the radiograph a network input."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fuzzing import mending, seeds_images
from benchmarks.fuzzing.mutation_binary import change_deflated, change_dicom, change_words
from benchmarks.fuzzing.reader import Reader, from_file
from edgefrac.imaging.dicom.decode import DicomFile
from edgefrac.imaging.dicom.parse import recognises_dicom
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.read import decode_radiograph
from edgefrac.imaging.stack import read_stack

_SIZE = 64
_SLICES = 3
_NAME = "an image"
_DECODERS = ("pydicom.pixels", "imagecodecs", "jpeg_ls", "openjpeg", "PIL.TiffImagePlugin", "PIL.WebPImagePlugin")


def _image(data: bytes) -> None:
    preprocess(decode_radiograph(data, _NAME).pixels, _SIZE)


def _dicom(data: bytes) -> None:
    _image(data)
    if recognises_dicom(data):
        file = DicomFile(data, _NAME)
        file.place(file.frames - 1)
        decode_radiograph(data, _NAME, window="bone")


def _stack(path: Path) -> None:
    stack = read_stack(path)
    for index in range(min(len(stack), _SLICES)):
        stack[index]


def _envelope(data: bytes) -> None:
    from edgefrac.serve.dicom.envelope import envelope_of

    envelope_of(data, _NAME).to_json()


def _identity(data: bytes) -> None:
    from pydicom.uid import UID

    from edgefrac.serve.dicom.identity import identity_of, identity_of_file

    identity_of_file(data)
    for syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"):
        identity_of(data[132:], UID(syntax))


_dicom_files = seeds_images.dicom_files
READERS = (
    Reader("png", _image, seeds_images.png_files, mend=mending.png, modules=_DECODERS, weight=6),
    Reader("jpeg", _image, seeds_images.jpeg_files, modules=_DECODERS, weight=6),
    Reader("tiff", _image, seeds_images.tiff_files, modules=_DECODERS, weight=5),
    Reader("bmp-webp", _image, seeds_images.other_files, modules=_DECODERS, weight=4),
    Reader("dicom", _dicom, _dicom_files, (change_dicom,), modules=_DECODERS, weight=8),
    Reader("dicom-stack", from_file(_stack), _dicom_files, (change_dicom,), modules=_DECODERS, weight=3),
    Reader("dicom-envelope", _envelope, _dicom_files, (change_dicom,), modules=_DECODERS, weight=3),
    Reader("dicom-identity", _identity, _dicom_files, (change_dicom,), modules=_DECODERS, weight=3),
    Reader("nifti", from_file(_stack), seeds_images.nifti_files, (change_deflated, change_words), weight=4),
)
"""In the order of the report."""
