"""PNG, JPEG and DICOM files of many kinds, with the pixels that Python reads from them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from imagecodecs import ljpeg_encode
from numpy.typing import NDArray
from pack import Pack
from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from edgefrac.imaging.read import decode_radiograph

HEIGHT, WIDTH = 61, 83
_ORIENTATION = 0x0112


def write(folder: Path) -> int:
    """Files and what Python makes of each."""
    pack = Pack()
    for name, content in _all():
        radiograph = decode_radiograph(content, name)
        pack.add(
            name=name,
            content=np.frombuffer(content, np.uint8),
            height=radiograph.height,
            width=radiograph.width,
            chroma=radiograph.chroma,
            pixels=radiograph.pixels,
        )
    return pack.write(folder, "files")


def _all() -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(10)
    yield from _pngs(rng)
    yield from _jpegs(rng)
    yield from _dicoms(rng)


def _scene(rng: np.random.Generator, channels: int = 1) -> NDArray[np.uint8]:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    layers = [127 + 100 * np.sin(x / (7 + c)) * np.cos(y / 11) + rng.normal(0, 6, x.shape) for c in range(channels)]
    return np.clip(np.stack(layers, -1), 0, 255).astype(np.uint8).squeeze()


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _pngs(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    grey, colour, alpha = _scene(rng), _scene(rng, 3), _scene(rng, 4)
    yield "grey.png", _saved(Image.fromarray(grey), "PNG")
    yield "grey-alpha.png", _saved(Image.fromarray(np.dstack([grey, alpha[..., 3]])), "PNG")
    yield "colour.png", _saved(Image.fromarray(colour), "PNG")
    yield "colour-alpha.png", _saved(Image.fromarray(alpha), "PNG")
    yield "one-bit.png", _saved(Image.fromarray(grey > 120), "PNG")
    palette = Image.fromarray(colour).quantize(200)
    yield "palette.png", _saved(palette, "PNG")
    yield "palette-of-4-bits.png", _saved(Image.fromarray(colour).quantize(13), "PNG", bits=4)
    yield "palette-transparent.png", _saved(palette, "PNG", transparency=bytes(range(200)))
    yield "grey-key.png", _saved(Image.fromarray(grey), "PNG", transparency=int(grey[5, 5]))
    yield "colour-key.png", _saved(Image.fromarray(colour), "PNG", transparency=tuple(int(v) for v in colour[3, 4]))
    yield "profile.png", _saved(Image.fromarray(grey), "PNG", icc_profile=b"not a profile, and not to be applied")
    gamma = PngImagePlugin.PngInfo()
    gamma.add(b"gAMA", (100_000).to_bytes(4, "big"))
    yield "gamma.png", _saved(Image.fromarray(grey), "PNG", pnginfo=gamma)
    for bits in (8, 10, 12, 16):
        deep = rng.integers(0, 1 << bits, grey.shape).astype(np.uint16)
        yield f"deep-{bits}.png", _saved(Image.fromarray(deep), "PNG")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        yield f"turned-{orientation}.png", _saved(Image.fromarray(grey), "PNG", exif=exif)


def _jpegs(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    grey, colour = _scene(rng), _scene(rng, 3)
    for quality in (60, 95):
        yield f"grey-{quality}.jpg", _saved(Image.fromarray(grey), "JPEG", quality=quality)
        yield f"colour-{quality}.jpg", _saved(Image.fromarray(colour), "JPEG", quality=quality)
    yield "progressive.jpg", _saved(Image.fromarray(grey), "JPEG", progressive=True)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        yield f"turned-{orientation}.jpg", _saved(Image.fromarray(grey), "JPEG", quality=90, exif=exif)


def _dicoms(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    eight = _scene(rng)
    twelve = (16 * eight.astype(np.uint16) + rng.integers(0, 16, eight.shape)).astype(np.uint16)
    signed = (twelve.astype(np.int32) - 1024).astype(np.int16)
    window = {"WindowCenter": "1500", "WindowWidth": "2200"}
    yield "plain.dcm", _dicom(eight)
    yield "inverted.dcm", _dicom(eight, PhotometricInterpretation="MONOCHROME1")
    yield "window.dcm", _dicom(twelve, BitsStored=12, HighBit=11, **window)
    yield "windows.dcm", _dicom(twelve, BitsStored=12, HighBit=11, WindowCenter=["800", "9"], WindowWidth=["700", "1"])
    for function in ("LINEAR_EXACT", "SIGMOID"):
        yield f"{function.lower()}.dcm", _dicom(twelve, VOILUTFunction=function, **window)
    yield "impossible-window.dcm", _dicom(twelve, WindowCenter="100", WindowWidth="0")
    yield "implicit.dcm", _dicom(twelve, ImplicitVRLittleEndian, **window)
    yield "big-endian.dcm", _dicom(twelve.astype(">u2"), ExplicitVRBigEndian, **window)
    rescale = {"RescaleSlope": "2", "RescaleIntercept": "-1024"}
    yield "signed.dcm", _dicom(signed, WindowCenter="0", WindowWidth="1800", **rescale)
    yield "bone.dcm", _dicom(signed, Modality="CT", **rescale)
    yield "padded.dcm", _dicom(twelve, PixelPaddingValue=int(twelve[2, 2]))
    yield "padded-range.dcm", _dicom(signed, PixelPaddingValue=-1024, PixelPaddingRangeLimit=-700)
    yield "dirty.dcm", _dicom(twelve | np.uint16(0xA000), BitsStored=12, HighBit=11, **window)
    yield "high-bits.dcm", _dicom(twelve << 4, BitsStored=12, HighBit=15, **window)
    narrow = (signed & 0x0FFF).astype(np.int16)  # the sign is in bit 11, and not in those above
    yield "signed-12.dcm", _dicom(narrow, BitsStored=12, HighBit=11, WindowCenter="0", WindowWidth="3000")
    yield "voi-lut.dcm", _dicom(twelve, VOILUTSequence=_table(rng, 3000, 200, 12))
    yield "voi-lut-of-bytes.dcm", _dicom(eight, VOILUTSequence=_table(rng, 256, 0, 8))
    yield "modality-lut.dcm", _dicom(twelve, ModalityLUTSequence=_table(rng, 4096, 0, 16), **window)
    yield "frames.dcm", _dicom(np.stack([eight, 255 - eight]), NumberOfFrames="2")
    colour = _scene(rng, 3)
    yield "colour.dcm", _dicom(colour, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    planes = np.ascontiguousarray(colour.transpose(2, 0, 1))
    yield "planes.dcm", _dicom(planes, PhotometricInterpretation="RGB", PlanarConfiguration=1, shape=colour.shape)
    yield "enhanced.dcm", _enhanced(twelve)
    yield from _compressed(eight, twelve, signed, colour)


def _compressed(
    eight: NDArray[np.uint8], twelve: NDArray[np.uint16], signed: NDArray[np.int16], colour: NDArray[np.uint8]
) -> Iterator[tuple[str, bytes]]:
    for name, pixels in (("8", eight), ("16", twelve), ("signed", signed), ("colour", colour)):
        extra = {"PhotometricInterpretation": "RGB", "PlanarConfiguration": 0} if name == "colour" else {}
        plain = _dataset(pixels, ExplicitVRLittleEndian, **extra)
        plain.compress(RLELossless, generate_instance_uid=False)
        yield f"rle-{name}.dcm", _written(plain)
    jpeg = _saved(Image.fromarray(eight), "JPEG", quality=95)
    yield "baseline.dcm", _dicom(eight, JPEGBaseline8Bit, PixelData=encapsulate([jpeg]))
    for name, pixels in (("8", eight), ("12", twelve)):
        bits = 8 if name == "8" else 12
        lossless = bytes(ljpeg_encode(pixels, bitspersample=bits))
        yield (
            f"lossless-{name}.dcm",
            _dicom(pixels, JPEGLosslessSV1, BitsStored=bits, HighBit=bits - 1, PixelData=encapsulate([lossless])),
        )


def _table(rng: np.random.Generator, count: int, first: int, bits: int) -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [count, first, bits]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = np.sort(rng.integers(0, 1 << bits, count)).astype(np.uint16).tolist()
    item["LUTData"].VR = "US"
    return Sequence([item])


def _enhanced(pixels: NDArray[np.uint16]) -> bytes:
    voi = Dataset()
    voi.WindowCenter, voi.WindowWidth = "1200", "900"
    group = Dataset()
    group.FrameVOILUTSequence = Sequence([voi])
    return _dicom(pixels, SharedFunctionalGroupsSequence=Sequence([group]))


def _dicom(pixels: NDArray[Any], syntax: Any = ExplicitVRLittleEndian, **elements: Any) -> bytes:
    return _written(_dataset(pixels, syntax, **elements))


def _dataset(pixels: NDArray[Any], syntax: Any, shape: tuple[int, ...] | None = None, **elements: Any) -> Dataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    file = Dataset()
    file.file_meta = meta
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    file.Modality = "DX"
    file.PatientName = "phantom^not clinical"
    is_colour = elements.get("PhotometricInterpretation") == "RGB"
    file.SamplesPerPixel = 3 if is_colour else 1
    file.PhotometricInterpretation = "MONOCHROME2"
    file.Rows, file.Columns = (shape or pixels.shape[-3:])[:2] if is_colour else pixels.shape[-2:]
    file.BitsAllocated = file.BitsStored = 8 * pixels.dtype.itemsize
    file.HighBit = file.BitsStored - 1
    file.PixelRepresentation = int(pixels.dtype.kind == "i")
    content = pixels.tobytes()
    file.PixelData = content + bytes(len(content) % 2)
    for keyword, value in elements.items():
        setattr(file, keyword, value)
    file["PixelData"].VR = "OB" if syntax.is_encapsulated or pixels.dtype.itemsize == 1 else "OW"
    return file


def _written(file: Dataset) -> bytes:
    stream = io.BytesIO()
    file.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
