"""Image files and data sets with a planted value in every place that their formats have for text, and in some more.

``canary.planted_images`` has what a server is sent; these are for commands that read files and folders.
"""

from __future__ import annotations

import gzip
import io
import struct
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from edgefrac.datasets.phantom import phantom_dataset
from tests.imaging.dicom.planted import plant
from tests.imaging.files import encapsulated, encode, noise, save
from tests.privacy.canary import Planted, planted_images, secret
from tests.privacy.search import Searcher

EACH = 60
"""Pixels of the side of small images."""


def single_images() -> dict[str, Planted]:
    """Sound and damaged images by names that say nothing of a patient."""
    # without the last secret, the file's own name
    sent = {
        f"sent-{number}{Path(name).suffix}": Planted(image.data, image.secrets[:-1])
        for number, (name, image) in enumerate(planted_images().items())
    }
    return {**sent, **dict(_dicoms()), **dict(_rasters()), **dict(_volumes())}


def labelled(folder: Path, count: int, seed: int) -> list[str]:
    """A folder of two classes: phantoms in several formats, each with its planted values, one file damaged.

    No two calls share an image.
    """
    secrets: list[str] = []
    for number, sample in enumerate(phantom_dataset(count, seed, longer_side=128).samples):
        pixels = sample.read().pixels
        kind = ("dcm", "jpg", "png", "tif")[number % 4]
        planted = _labelled_dicom(pixels) if kind == "dcm" else _raster(kind, Image.fromarray(pixels))
        path = folder / ("fracture" if sample.label else "normal") / f"image{seed}{number:03}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(planted.data)
        secrets += planted.secrets
    damaged = _raster("png", Image.fromarray(noise(EACH, EACH, seed=seed)))
    path.with_name(f"image{seed}{count:03}.png").write_bytes(damaged.data[: len(damaged.data) * 2 // 3])
    return [*secrets, *damaged.secrets]


def arrays(path: Path) -> list[str]:
    """A MedMNIST file with members and a comment that it does not need."""
    secrets = [secret("npz") for _ in range(3)]
    made = {
        f"{split}_{what}": noise(8, 28, 28, seed=at) if what == "images" else np.arange(8, dtype=np.uint8)[:, None] % 2
        for at, split in enumerate(("train", "val", "test"))
        for what in ("images", "labels")
    }
    np.savez(path, **made, names=np.array([secrets[0]]), **{secrets[1]: np.zeros(1)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = secrets[2].encode()
    return secrets


def _labelled_dicom(pixels: np.ndarray) -> Planted:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset, secrets = plant(ExplicitVRLittleEndian)
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
        return Planted(save(dataset), tuple(secrets))


def _dicoms() -> Iterator[tuple[str, Planted]]:
    """Preamble, file meta, overlays, an icon, padding; JPEG inside; frames; slices of one series; implicit VRs."""
    for name, syntax in (("everywhere", ExplicitVRLittleEndian), ("implicit", ImplicitVRLittleEndian)):
        planted = _everywhere(syntax)
        yield f"{name}.dcm", planted
        yield f"{name}-cut.dcm", Planted(planted.data[: len(planted.data) * 3 // 4], planted.secrets)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset, secrets = plant(ExplicitVRLittleEndian)
        picture = _raster("jpg", Image.fromarray(noise(EACH, EACH, seed=91)))
        dataset.Rows = dataset.Columns = EACH
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        inside = picture.data + b"\0" * (len(picture.data) % 2)
        whole = encapsulated(dataset, JPEGBaseline8Bit, [inside])
        yield "jpeg-inside.dcm", Planted(save(whole), (*secrets, *picture.secrets))
        cut = encapsulated(dataset, JPEGBaseline8Bit, [inside[: len(inside) // 2]])
        yield "jpeg-inside-cut.dcm", Planted(save(cut), (*secrets, *picture.secrets))
        yield "frames.dcm", _frames()


def slices(folder: Path) -> list[str]:
    """One series, a file a slice."""
    folder.mkdir(parents=True)
    secrets: list[str] = []
    for number in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset, some = plant(ExplicitVRLittleEndian)
            dataset.SeriesInstanceUID = "1.2.840.99999.55.123451"
            dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
            dataset.InstanceNumber = number
            (folder / f"slice{number}.dcm").write_bytes(save(dataset))
            secrets += some
    return [*secrets, "1.2.840.99999.55.123451"]


def _everywhere(syntax: str) -> Planted:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset, secrets = plant(syntax)
        more = [secret(kind) for kind in "preamble meta title overlay label bits icon iconname padding end".split()]
        preamble, meta, title, overlay, label, bits, icon, icon_name, padding, end = more
        dataset.preamble = preamble.encode().ljust(128, b"\0")
        dataset.file_meta.ImplementationVersionName = meta[:16]
        dataset.file_meta.SourceApplicationEntityTitle = title[:16]
        dataset.add_new(0x60000010, "US", 8)
        dataset.add_new(0x60000011, "US", 64)
        dataset.add_new(0x60000022, "LO", overlay)
        dataset.add_new(0x60001500, "LO", label)
        dataset.add_new(0x60003000, "OW", bits.encode().ljust(64, b"\0"))
        thumbnail = Dataset()
        thumbnail.Rows = thumbnail.Columns = 8
        thumbnail.PatientName = icon_name
        thumbnail.PixelData = icon.encode().ljust(64, b"\0")
        thumbnail["PixelData"].VR = "OB"
        dataset.IconImageSequence = [thumbnail]
        dataset.add_new(0xFFFCFFFC, "OB", padding.encode() + b"\0" * (len(padding) % 2))
        kept = [value[:16] if value in (meta, title) else value for value in more]
        return Planted(save(dataset) + end.encode(), (*secrets, *kept))


def _frames() -> Planted:
    """A multi-frame file in whose functional groups patients are named."""
    dataset, secrets = plant(ExplicitVRLittleEndian)
    more, groups = [], []
    for _ in range(3):
        group, facts = Dataset(), Dataset()
        facts.FrameComments, facts.PatientName = secret("frame"), secret("framename")
        more += [facts.FrameComments, str(facts.PatientName)]
        group.FrameContentSequence = [facts]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    dataset.NumberOfFrames = 3
    dataset.PixelData = dataset.PixelData * 3
    return Planted(save(dataset), (*secrets, *more))


def _rasters() -> Iterator[tuple[str, Planted]]:
    for number, kind in enumerate(("jpg", "png", "tif", "bmp")):
        planted = _raster(kind, Image.fromarray(noise(EACH, EACH, seed=70 + number)))
        yield f"all.{kind}", planted
        yield f"all-cut.{kind}", Planted(planted.data[: len(planted.data) // 2], planted.secrets)


def _raster(kind: str, image: Image.Image) -> Planted:
    secrets = [secret(kind) for _ in range(12)]
    make = {"jpg": _jpeg, "png": _png, "tif": _tiff, "bmp": lambda image, _: encode(image, "BMP")}[kind]
    data = make(image, secrets) + secrets[11].encode()
    searcher = Searcher(secrets)
    return Planted(data, tuple(searcher.found_in(data)))


def _exif(secrets: list[str]) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x9C9B] = secrets[0], secrets[1], secrets[2].encode("utf-16-le")
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + secrets[3].encode()
    return exif


def _icc(value: str) -> bytes:
    """A colour profile with a value behind its last tag."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile + value.encode()


def _jpeg(image: Image.Image, secrets: list[str]) -> bytes:
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><p name="{secrets[4]}"/></x:xmpmeta>'.encode()
    iptc = b"\x1c\x02\x78" + struct.pack(">H", len(secrets[5])) + secrets[5].encode()
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    texts = {"exif": _exif(secrets), "comment": secrets[6].encode(), "xmp": xmp, "icc_profile": _icc(secrets[7])}
    data = encode(image, "JPEG", quality=92, **texts)
    photoshop = b"Photoshop 3.0\0" + block
    segment = b"\xff\xed" + struct.pack(">H", len(photoshop) + 2) + photoshop
    return data[:2] + segment + data[2:]


def _png(image: Image.Image, secrets: list[str]) -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", secrets[4])
    texts.add_text("PatientName", secrets[5], zip=True)
    texts.add_itxt("Title", secrets[6])
    texts.add_itxt("XML:com.adobe.xmp", secrets[8], zip=True)
    texts.add_text(secrets[9], "keyword")
    texts.add(b"prVt", secrets[10].encode())
    return encode(image, "PNG", pnginfo=texts, exif=_exif(secrets), icc_profile=_icc(secrets[7]))


def _tiff(image: Image.Image, secrets: list[str]) -> bytes:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    tags = ImageFileDirectory_v2()
    for tag, value in zip((270, 315, 33432, 316, 305, 269, 285), secrets, strict=False):
        tags[tag] = value
    tags[700], tags.tagtype[700] = secrets[7].encode(), 1
    tags[33723], tags.tagtype[33723] = secrets[8].encode(), 7
    tags[65000], tags.tagtype[65000] = secrets[9], 2
    return encode(image, "TIFF", tiffinfo=tags, icc_profile=_icc(secrets[10]))


def _volumes() -> Iterator[tuple[str, Planted]]:
    """NIfTI of one slice: every text of its header, extensions, and the name and comment of its gzip wrapper."""
    kinds = {"descrip": 80, "aux_file": 24, "intent_name": 16, "db_name": 18, "data_type": 10}
    secrets = {kind: secret("nii")[:length] for kind, length in kinds.items() if kind != "data_type"}
    inside, name, comment = (secret(kind) for kind in ("niiext", "gzname", "gzcomment"))
    header = bytearray(348)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 16, 20, 1, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 2, 8)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    note = inside.encode().ljust(24, b"\0")
    extension = struct.pack("<4B2i", 1, 0, 0, 0, 32, 6) + note
    struct.pack_into("<f", header, 108, 352 + 32)
    for kind, at in (("db_name", 14), ("descrip", 148), ("aux_file", 228), ("intent_name", 328)):
        text = secrets[kind].encode()
        header[at : at + len(text)] = text
    header[344:348] = b"n+1\0"
    data = bytes(header) + extension + noise(20, 16, seed=5).tobytes()
    values = (*secrets.values(), inside)
    yield "volume.nii", Planted(data, values)
    yield "volume-cut.nii", Planted(data[:500], values)
    packed = io.BytesIO()
    with gzip.GzipFile(filename=name, mode="wb", fileobj=packed, mtime=0) as file:
        file.write(data)
    wrapped = bytearray(packed.getvalue())
    wrapped[3] |= 0x10  # a comment follows the name
    at = wrapped.index(b"\0", 10) + 1
    wrapped[at:at] = comment.encode() + b"\0"
    yield "volume.nii.gz", Planted(bytes(wrapped), (*values, name, comment))
