"""Which files are found in folders and zips, and which of them are taken for images."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from edgefrac.archive.listing import ArchiveFile, list_files
from edgefrac.errors import ImageError
from tests.imaging.dicom.planted import plant
from tests.imaging.files import save


def _image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((20, 20), 90, np.uint8)).save(path, format="PNG")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images, a DICOM file and an image without suffix, and things that are none."""
    root = tmp_path / "archive"
    _image(root / "b.png")
    _image(root / "deep" / "er" / "a.PNG")
    _image(root / "deep" / "0001")
    (root / "deep" / "IM0002").write_bytes(save(plant(ExplicitVRLittleEndian)[0]))
    (root / "claims.dcm").write_text("not at all")
    (root / "notes.txt").write_text("words")
    (root / "table.csv").write_text("")
    _image(root / ".hidden" / "c.png")
    _image(root / ".thumb.png")
    return root


def test_folders_are_walked_and_the_content_says_what_a_file_is(folder: Path) -> None:
    files = list_files([folder])
    names = [str(Path(file.name).relative_to(folder)) for file in files]
    assert names == ["b.png", "claims.dcm", "notes.txt", "table.csv", "deep/0001", "deep/IM0002", "deep/er/a.PNG"]
    assert [file.is_image() for file in files] == [True, True, False, False, True, True, True]
    assert [file.read(None).width for file in files if Path(file.name).name in ("0001", "a.PNG")] == [20, 20]
    facts = (folder / "b.png").stat()
    assert (files[0].size, files[0].modified_ns) == (facts.st_size, facts.st_mtime_ns)


def test_a_file_that_was_named_is_taken_for_an_image(folder: Path) -> None:
    files = list_files([folder / "notes.txt", folder / "b.png", folder, folder / "absent.png"])
    assert [Path(file.name).name for file in files][:2] == ["notes.txt", "b.png"]
    assert len(files) == 2 + 7 + 1
    assert files[0].is_image()
    assert (files[-1].size, files[-1].modified_ns) == (None, None)
    with pytest.raises(ImageError, match=r"absent\.png: no such file"):
        files[-1].read(None)


def test_zips_are_read_without_unpacking(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    files = list_files([packed])
    assert [file.member for file in files if file.is_image()] == [
        "b.png",
        "claims.dcm",
        "deep/0001",
        "deep/IM0002",
        "deep/er/a.PNG",
    ]
    assert files[0].name == f"{packed}:b.png" and files[0].modified_ns == packed.stat().st_mtime_ns
    np.testing.assert_array_equal(files[0].read(None).pixels, np.full((20, 20), 90, np.uint8))


def test_a_damaged_zip_is_a_file_with_a_problem(folder: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr("../outside.png", b"x")
    (tmp_path / "cut.zip").write_bytes(b"PK\3\4 and no more")
    bad, cut = list_files([evil, tmp_path / "cut.zip"])
    assert "points outside the archive" in bad.problem and bad.is_image()
    with pytest.raises(ImageError, match="not an image"):
        cut.read(None)


def test_a_pipe_in_the_archive_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (pipe,) = [file for file in list_files([folder]) if file.path.name == "pipe"]
    assert not pipe.is_image()


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    if os.geteuid() == 0:  # whom nothing is refused
        real = os.scandir

        def refuse(path: str) -> object:
            if str(path).endswith("locked"):
                raise PermissionError(13, "Permission denied", path)
            return real(path)

        monkeypatch.setattr(os, "scandir", refuse)
    (file,) = list_files([tmp_path])
    locked = tmp_path / "locked"
    assert file == ArchiveFile(locked, problem=f"{locked}: cannot be listed (Permission denied)")
