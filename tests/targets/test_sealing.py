"""Model files are read whole and only if they are files: pipes, devices and folders are named, not waited for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgefrac.errors import ModelFileError
from edgefrac.runtimes.session import open_session
from edgefrac.targets import sealing
from edgefrac.targets.sealing import read_bytes
from tests.bundle.material import endless, folder, pipe, within


@pytest.mark.parametrize("make", [pipe, endless, folder])
def test_what_is_no_file(tmp_path: Path, make) -> None:
    make(tmp_path / "model")
    for look in (read_bytes, open_session):
        with within(5), pytest.raises(ModelFileError, match=r"model: not a file|Is a directory"):
            look(tmp_path / "model")


def test_a_link_to_a_file_is_fine(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_bytes(tmp_path / "link") == b"content"


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"content")
    monkeypatch.setattr(sealing, "_LARGEST_BYTES", 6)
    with pytest.raises(ModelFileError, match="too large"):
        read_bytes(tmp_path / "file")


@pytest.mark.parametrize("make", [pipe, endless, folder])
def test_the_weights_of_openvino_are_a_file_beside(tiny_openvino: Path, tmp_path: Path, make) -> None:
    from edgefrac.targets.openvino_metadata import read_contract

    path = tmp_path / tiny_openvino.name
    shutil.copyfile(tiny_openvino, path)
    make(path.with_suffix(".bin"))
    with within(5), pytest.raises(ModelFileError, match=r"tiny\.bin"):
        read_contract(path)


def test_other_weights_are_none_of_its(tiny_openvino: Path, tmp_path: Path) -> None:
    from edgefrac.targets.openvino_metadata import read_contract

    path = tmp_path / tiny_openvino.name
    shutil.copyfile(tiny_openvino, path)
    path.with_suffix(".bin").symlink_to("/etc/passwd")
    with pytest.raises(ModelFileError, match="not the weights of"):
        read_contract(path)
