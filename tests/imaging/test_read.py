"""Which reader a file gets, and files that are no images."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from edgefrac.errors import ImageError, UsageError
from edgefrac.imaging import read
from edgefrac.imaging.read import decode_radiograph, read_radiograph
from tests.imaging.files import dicom, encode, noise, png


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(png(noise(20, 20)))
    (tmp_path / "b.png").write_bytes(dicom(noise(20, 20)))
    assert read_radiograph(tmp_path / "a.dcm").source_format == "PNG"
    assert read_radiograph(tmp_path / "b.png").source_format == "DICOM"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", r"empty file \(0 bytes\)"),
        (bytes(5000), "5000 zero bytes, not an image"),
        (b"This is not a picture.\n" * 40, "text, not an image"),
        (b"BM, a text that begins like a bitmap", "text, not an image"),
        ("grüne Röntgenbilder".encode(), "text, not an image"),
        (bytes(range(256)) * 4, "not an image of a known format"),
        (b"\x89PNG\r\n\x1a\n", "damaged or truncated PNG file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(300), "damaged or truncated PNG file"),
        (b"\xff\xd8\xff", "damaged or truncated JPEG file"),
        (png(noise(1, 1)), "1×1 pixels are too few"),
        (png(noise(15, 400)), "400×15 pixels are too few"),
        (dicom(noise(8, 20)), "20×8 pixels are too few"),
        (png(noise(16, 16), width=20_000, height=20_000), "too many pixels"),
        (png(noise(16, 16), width=9_100, height=9_100), "9100×9100 pixels are too many"),
        (png(noise(16, 16), width=20_001, height=16), "20001×16 pixels are too many"),
    ],
)
def test_bad_content_is_named_with_its_file(tmp_path: Path, content: bytes, cause: str) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=cause) as raised:
        read_radiograph(path)
    assert raised.value.message.startswith(f"{path}: ")
    assert "\n" not in raised.value.message


def test_dicom_of_20000_pixels_is_refused_before_decoding() -> None:
    with pytest.raises(ImageError, match="20000×20000 pixels are too many"):
        decode_radiograph(dicom(noise(16, 16), Rows=20_000, Columns=20_000), "a.dcm")


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, cause in ((".", "is a folder"), ("absent.png", "no such file"), ("pipe", "not an ordinary file")):
        with pytest.raises(ImageError, match=cause):
            read_radiograph(tmp_path / name)
    with pytest.raises(ImageError, match="cannot be read"):
        read_radiograph(tmp_path / ("x" * 400))
    with pytest.raises(ImageError, match="cannot be read"):
        read_radiograph(tmp_path / "a\0b")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(20, 20)))
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything, so its refusal has to be played

        def refuse(self: Path) -> bytes:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ImageError, match=r"a\.png: no permission"):
        read_radiograph(path)


def test_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(bytes(3 << 20))
    monkeypatch.setattr(read, "MAX_BYTES", 2 << 20)
    with pytest.raises(ImageError, match="larger than 2 MiB"):
        read_radiograph(path)


@pytest.mark.parametrize("window", [(0, 0), (40, -1), (float("nan"), 400), (0, float("inf"))])
def test_impossible_window_is_a_usage_error(window: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="window"):
        decode_radiograph(dicom(noise(20, 20)), "a.dcm", window=window)


def test_window_on_a_png_is_noted() -> None:
    assert decode_radiograph(png(noise(20, 20)), "a", window=(1, 2)).notes == ("window ignored: not a DICOM file",)


def test_reading_a_png_does_not_import_pydicom(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(20, 20)))
    code = (
        "import sys; from pathlib import Path; from edgefrac.imaging.read import read_radiograph;"
        f"read_radiograph(Path({str(path)!r})); assert not {{'pydicom', 'torch', 'scipy'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(read.__file__).parents[2])


@pytest.mark.parametrize("where", ["ImageFile.ImageFile.load", "Image.open"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "DICOM"])
def test_want_of_memory_is_not_called_damage(kind: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise(20, 20)
    data = dicom(pixels) if kind == "DICOM" else encode(Image.fromarray(pixels), kind)

    def short(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(f"PIL.{where}", short)
    monkeypatch.setattr("edgefrac.imaging.dicom.parse.read_elements", short)
    with pytest.raises(MemoryError):
        decode_radiograph(data, "a")
