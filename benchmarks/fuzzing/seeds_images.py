"""Sound images to start from: every format that is read, and small files that unpack to large images."""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from edgefrac.imaging.limits import MAX_PIXELS
from tests.imaging.files import dataset, encapsulated, encode, noise, png, save

ROWS, COLUMNS = 36, 40
_BOMB_SIDE = int(MAX_PIXELS**0.5)
_TWELVE = {"BitsStored": 12, "HighBit": 11}


def _grey(high: int = 256) -> NDArray[Any]:
    """A ramp with some noise, which every codec compresses in its own way."""
    ramp = np.add.outer(np.arange(ROWS), np.arange(COLUMNS)) * (high - 1) / (ROWS + COLUMNS)
    return (ramp * 0.9 + noise(ROWS, COLUMNS) * (high / 256) * 0.05).astype(np.uint8 if high <= 256 else np.uint16)


def _image(mode: str = "L") -> Image.Image:
    return Image.fromarray(_grey()).convert(mode)


def png_files() -> Mapping[str, bytes]:
    """Every depth and colour, interlaced, animated; and 80 megapixels of nothing."""
    files = {f"{channels}x8.png": png(noise(ROWS, COLUMNS, channels), level=6) for channels in (1, 2, 3, 4)}
    files |= {f"{n}x16.png": png(noise(ROWS, COLUMNS, n, high=65536), level=6) for n in (1, 2, 3, 4)}
    files["palette.png"] = encode(_image().convert("P"), "PNG", transparency=3)
    files["one-bit.png"] = encode(_image("1"), "PNG")
    files["animated.png"] = encode(_image(), "PNG", save_all=True, append_images=[_image()])
    files["bomb.png"] = encode(Image.new("L", (_BOMB_SIDE, _BOMB_SIDE)), "PNG")
    return files


def jpeg_files() -> Mapping[str, bytes]:
    """Grey, colour, inks, progressive, turned by EXIF; and a header that announces 80 megapixels."""
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {f"{mode}.jpg": encode(_image(mode), "JPEG", quality=70) for mode in ("L", "RGB", "CMYK")}
    files["progressive.jpg"] = encode(_image("RGB"), "JPEG", progressive=True)
    files["exif.jpg"] = encode(_image(), "JPEG", exif=exif)
    grey = files["L.jpg"]
    at = grey.index(b"\xff\xc0") + 5
    side = _BOMB_SIDE.to_bytes(2, "big")
    files["bomb-announced.jpg"] = grey[:at] + side + side + grey[at + 4 :]
    return files


def other_files() -> Mapping[str, bytes]:
    """BMP and WebP."""
    files = {f"{mode}.bmp": encode(_image(mode), "BMP") for mode in ("1", "L", "RGB")}
    files |= {f"{mode}.webp": encode(_image(mode), "WEBP", lossless=mode == "RGB") for mode in ("RGB", "RGBA")}
    files["animated.webp"] = encode(_image("RGB"), "WEBP", save_all=True, append_images=[_image("RGBA")])
    files["bomb.webp"] = encode(Image.new("RGB", (_BOMB_SIDE, _BOMB_SIDE)), "WEBP", lossless=True, method=0, quality=0)
    return files


def tiff_files() -> Mapping[str, bytes]:
    """Compressions, 16 bits, inverted, several pages, tiles' little relatives; and 80 megapixels of nothing."""
    kinds = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    files = {f"{kind}.tif": encode(_image(), "TIFF", compression=kind) for kind in kinds}
    files["16.tif"] = encode(Image.fromarray(_grey(65536)), "TIFF")
    files["fax.tif"] = encode(_image("1"), "TIFF", compression="group4")
    files["rgb.tif"] = encode(_image("RGB"), "TIFF", compression="tiff_lzw")
    files["pages.tif"] = encode(_image(), "TIFF", save_all=True, append_images=[_image(), _image("RGB")])
    inverted = TiffImagePlugin.ImageFileDirectory_v2()
    inverted[262] = 0
    files["inverted.tif"] = encode(Image.fromarray(_grey(65536)), "TIFF", tiffinfo=inverted)
    files["bomb.tif"] = encode(Image.new("1", (_BOMB_SIDE, _BOMB_SIDE)), "TIFF", compression="group4")
    return files


def dicom_files() -> Mapping[str, bytes]:
    """Every transfer syntax that is read, and what a file can say of its picture: windows, tables, palettes, frames."""
    stored = _grey(4096)
    found = {
        "explicit.dcm": dataset(
            stored, **_TWELVE, WindowCenter=2048, WindowWidth=4096, RescaleSlope=1, RescaleIntercept=-9
        ),
        "eight.dcm": dataset(_grey(), PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0),
        "implicit.dcm": dataset(stored, syntax=ImplicitVRLittleEndian, **_TWELVE),
        "big.dcm": dataset(stored, syntax=ExplicitVRBigEndian, **_TWELVE),
        "deflated.dcm": dataset(stored, syntax=DeflatedExplicitVRLittleEndian, **_TWELVE),
        "ct.dcm": dataset(stored.astype(np.int16), Modality="CT", RescaleSlope=1, RescaleIntercept=-1024),
        "colour.dcm": dataset(noise(ROWS, COLUMNS, 3)),
        "frames.dcm": dataset(noise(3, ROWS, COLUMNS, high=4096), NumberOfFrames=3, **_TWELVE),
        "palette.dcm": _palette(),
        "tables.dcm": _tables(stored),
        "enhanced.dcm": _enhanced(),
        "rle.dcm": _compressed(stored, RLELossless),
        "ls.dcm": _compressed(stored, JPEGLSLossless),
        "j2k.dcm": _compressed(stored, JPEG2000Lossless),
        "j2k-lossy.dcm": _compressed(stored, JPEG2000, j2k_cr=[4]),
        "baseline.dcm": encapsulated(dataset(_grey()), JPEGBaseline8Bit, [encode(_image(), "JPEG")]),
    }
    found |= _deep_jpegs(stored)
    return {name: save(_anonymous(ds)) for name, ds in found.items()}


def nifti_files() -> Mapping[str, bytes]:
    """NIfTI-1 and -2, integers and floats, one slice and several, in gzip; and a gigabyte of nothing."""
    import nibabel

    def volume(values: NDArray[Any], kind: str = "Nifti1Image") -> bytes:
        image = getattr(nibabel, kind)(values, np.diag([-1.0, -1.0, 2.0, 1.0]))
        image.header.set_slope_inter(2.0, -1.0)
        return bytes(image.to_bytes())

    slices = noise(16, 20, 3, high=4096).astype(np.int16)
    one = volume(slices[:, :, :1])
    files = {"one.nii": one, "several.nii": volume(slices), "floats.nii": volume(slices.astype(np.float32))}
    files |= {"second.nii": volume(slices[:, :, :1], "Nifti2Image"), "packed.nii.gz": gzip.compress(one, mtime=0)}
    empty = io.BytesIO()
    with gzip.GzipFile("", "wb", 1, empty, mtime=0) as packer:
        head = bytearray(one[:352])
        head[40:48] = b"".join(size.to_bytes(2, "little") for size in (3, 5000, 5000, 16))
        packer.write(head)
        for _ in range(800):
            packer.write(bytes(1 << 20))
    files["bomb.nii.gz"] = empty.getvalue()
    return files


def _anonymous(ds: Dataset) -> Dataset:
    """With the same UIDs each time."""
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.826.0.2", "1.2.826.0.3"
    ds.PatientName, ds.PatientID, ds.SpecificCharacterSet = "Phantom^Only", "0", "ISO_IR 100"
    ds.InstanceNumber, ds.ImagePositionPatient, ds.ImageOrientationPatient = 1, [0, 0, 1], [1, 0, 0, 0, 1, 0]
    return ds


def _compressed(stored: NDArray[Any], syntax: str, **options: Any) -> Dataset:
    ds = dataset(stored, **_TWELVE)
    ds.compress(syntax, generate_instance_uid=False, **options)
    return ds


def _deep_jpegs(stored: NDArray[Any]) -> Mapping[str, Dataset]:
    import imagecodecs

    lossless = imagecodecs.jpeg8_encode(stored, lossless=True, bitspersample=12)
    extended = imagecodecs.jpeg8_encode(stored, level=98, bitspersample=12)
    return {
        "lossless.dcm": encapsulated(dataset(stored, **_TWELVE), JPEGLosslessSV1, [lossless]),
        "extended.dcm": encapsulated(dataset(stored, **_TWELVE), JPEGExtended12Bit, [extended]),
    }


def _palette() -> Dataset:
    ds = dataset(_grey(), PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(ds, f"{colour}PaletteColorLookupTableData", np.arange(256, dtype="<u2").tobytes())
    return ds


def _tables(stored: NDArray[Any]) -> Dataset:
    ds, table = dataset(stored, **_TWELVE), Dataset()
    table.LUTDescriptor, table.LUTData = [64, 0, 16], np.arange(64, dtype="<u2").tobytes()
    table["LUTData"].VR = "OW"
    table.ModalityLUTType = "US"
    ds.VOILUTSequence, ds.ModalityLUTSequence = [table], [table]
    return ds


def _enhanced() -> Dataset:
    ds = dataset(noise(2, ROWS, COLUMNS, high=4096), NumberOfFrames=2, Modality="CT", **_TWELVE)
    frames = []
    for number in range(2):
        frame, window, place = Dataset(), Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = 100 * number, 400
        place.ImagePositionPatient = [0, 0, number]
        frame.FrameVOILUTSequence, frame.PlanePositionSequence = [window], [place]
        frames.append(frame)
    shared, rescale = Dataset(), Dataset()
    rescale.RescaleSlope, rescale.RescaleIntercept = 1, -1024
    shared.PixelValueTransformationSequence = [rescale]
    ds.PerFrameFunctionalGroupsSequence, ds.SharedFunctionalGroupsSequence = frames, [shared]
    return ds
