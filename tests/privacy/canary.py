"""Patient data that a test plants in images and requests, to look for wherever it must not be (``search.leaks``)."""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.uid import ExplicitVRLittleEndian

from tests.imaging.dicom.planted import plant
from tests.imaging.files import noise, save

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Planted:
    """An image, and what is in it that may not come out."""

    data: bytes
    secrets: tuple[str, ...]


def secret(kind: str) -> str:
    """A value that nothing else in the world contains."""
    return f"ZQ{kind}{next(_numbers):05d}QZ"


def planted_images() -> dict[str, Planted]:
    """Images of several formats, sound and damaged, by names that are patients'; each name is a secret itself."""
    made = {}
    for kind, image in _images().items():
        name = secret("name")
        made[f"{name}.{kind}"] = Planted(image.data, (*image.secrets, name))
    return made


def secrets_of(images: Mapping[str, Planted]) -> list[str]:
    """All of them."""
    return sorted({value for image in images.values() for value in image.secrets})


def _images() -> dict[str, Planted]:
    good = _dicom()
    pixels = good.data.index(b"\xe0\x7f\x10\0OW")
    return {
        "dcm": good,
        "cut.dcm": Planted(good.data[: pixels // 2], good.secrets),
        "pixels.dcm": Planted(good.data[: pixels + 200], good.secrets),
        "syntax.dcm": Planted(good.data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0"), good.secrets),
        "rows.dcm": Planted(good.data.replace(b"\x28\0\x10\0US", b"\x28\0\x10\0PN"), good.secrets),
        "png": _png(),
        "jpg": _with_exif("JPEG"),
        "tif": _with_exif("TIFF"),
        "webp": _with_exif("WEBP"),
        "txt": _text(),
    }


def _dicom() -> Planted:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds, secrets = plant(ExplicitVRLittleEndian)
        uid = f"1.2.840.99999.88.{next(_numbers):05d}77"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid
        return Planted(save(ds), (*secrets, uid))


def _png() -> Planted:
    texts = PngInfo()
    secrets = tuple(secret("png") for _ in range(6))
    texts.add_text("Comment", secrets[0])
    texts.add_text("PatientName", secrets[1], zip=True)
    texts.add_itxt("Title", secrets[2])
    texts.add_text(secrets[3], "keyword")
    texts.add(b"prVt", secrets[4].encode())
    written = io.BytesIO()
    Image.fromarray(noise(48, 48, seed=next(_numbers))).save(written, "PNG", pnginfo=texts)
    # after the image's end, too
    return Planted(written.getvalue() + secrets[5].encode(), secrets)


def _with_exif(kind: str) -> Planted:
    secrets = tuple(secret(kind) for _ in range(5))
    exif = Image.Exif()
    for tag, value in zip((0x010E, 0x013B, 0x8298, 0x010F, 0x0131), secrets, strict=True):
        exif[tag] = value
    written, options = io.BytesIO(), {}
    if kind == "JPEG":
        secrets += (secret("comment"),)
        options["comment"] = secrets[-1].encode()
    Image.fromarray(noise(48, 48, seed=next(_numbers))).save(written, kind, exif=exif, **options)
    return Planted(written.getvalue(), secrets)


def _text() -> Planted:
    value = secret("text")
    return Planted(f"PatientName: {value}\n".encode(), (value,))
