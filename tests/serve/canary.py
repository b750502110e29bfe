"""Patient data that a test plants in images and requests, and then looks for wherever it must not be.

images = planted_images()                     # bytes by name, with hundreds of values in them
...send them...
assert leaks(secrets_of(images), {"log": server.output.encode(), **contents(state_folder)}) == []
"""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import re
import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.uid import ExplicitVRLittleEndian

from tests.imaging.dicom.planted import plant
from tests.imaging.files import noise, save

_EMBEDDED = re.compile(rb"data:image/png;base64,([A-Za-z0-9+/=]+)")
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


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, its name with its bytes; of a database the rows, too."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            found[str(path)] = path.relative_to(folder).as_posix().encode() + b"\n" + path.read_bytes()
            if path.suffix == ".sqlite":
                found[f"{path}: rows"] = "\n".join(_dump(path)).encode()
    return found


def leaks(secrets: Iterable[str], places: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Where which secret is, in any of the forms that it may take on its way."""
    readable = {place: _readable(content) for place, content in places.items()}
    whole = b"\n".join(readable.values())
    forms = {value: _forms(value) for value in secrets}
    heard = {value: shapes for value, shapes in forms.items() if any(shape in whole for shape in shapes)}
    return [
        (place, value)
        for value, shapes in heard.items()
        for place, content in readable.items()
        if any(shape in content for shape in shapes)
    ]


def _forms(value: str) -> list[bytes]:
    raw = value.encode()
    digests = [hashlib.new(kind, raw) for kind in ("md5", "sha1", "sha256")]
    hashes = [form for digest in digests for form in (digest.digest(), digest.hexdigest().encode())]
    return [raw, value.encode("utf-16-le"), quote(value).encode(), raw.hex().encode(), base64.b64encode(raw), *hashes]


def _readable(content: bytes) -> bytes:
    """Content as it is; of a PNG, also one in a page, what it says besides its pixels."""
    if content.lstrip().startswith(b"<"):
        return _EMBEDDED.sub(lambda found: _readable(base64.b64decode(found[1])), content)
    if not content.startswith(b"\x89PNG"):
        return content
    found, at = repr(Image.open(io.BytesIO(content)).info).encode(), 8
    while at < len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4])
        found += content[at:end] if content[at + 4 : at + 8] != b"IDAT" else b""
        at = end
    return found


def _dump(path: Path) -> Iterator[str]:
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        yield from db.iterdump()
    finally:
        db.close()


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
