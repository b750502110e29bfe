"""``edgefrac data fetch``, from a publisher on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgefrac.cli.main import main
from edgefrac.datasets import open_dataset
from edgefrac.datasets.catalogue import PUBLIC_SETS
from tests.datasets.test_medmnist import write
from tests.datasets.web import Publisher, publishing


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    """Zenodo, with a small file in place of FractureMNIST3D."""
    archive = write(tmp_path / "fracturemnist3d.npz", (28, 28, 28))
    with publishing({archive.name: archive.read_bytes(), "chestmnist.npz": b"another"}) as serving:
        known = PUBLIC_SETS["fracturemnist3d"]
        monkeypatch.setitem(PUBLIC_SETS, "fracturemnist3d", replace(known, api=f"{serving.address}/zenodo/1"))
        monkeypatch.setattr("edgefrac.datasets.fetch._WAIT", 0.0)
        yield serving


def test_fetch_and_open(publisher: Publisher, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["data", "fetch", "FractureMNIST3D", "--out", str(tmp_path / "data"), "--json"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    (file,) = document["files"]
    assert file["path"] == document["location"] == str(tmp_path / "data" / "fracturemnist3d" / "fracturemnist3d.npz")
    assert file["bytes"] == len(publisher.files["fracturemnist3d.npz"])
    assert document["licence"] == "CC-BY-4.0" and "MedMNIST" in document["attribution"] and "MedMNIST" in err
    assert len(open_dataset(document["location"])) == 21
    assert main(command[:-1]) == 0
    out, err = capsys.readouterr()
    assert "give it as --data" in out and "already there" in err and len(publisher.requests) == 1


def test_a_wrong_checksum_ends_with_status_2(
    publisher: Publisher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher.md5["fracturemnist3d.npz"] = "f" * 32
    assert main(["data", "fetch", "fracturemnist3d", "--out", str(tmp_path / "data"), "--json"]) == 2
    out, err = capsys.readouterr()
    assert "not what the publisher states" in json.loads(out)["error"] and err.count("Traceback") == 0
    assert not list((tmp_path / "data").rglob("*.npz"))


def test_a_licence_has_to_be_accepted_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "fetch", "mura", "--out", str(tmp_path / "data")]) == 2
    err = capsys.readouterr().err
    assert "licence must be accepted first" in err and "stanfordmlgroup" in err
    assert not (tmp_path / "data").exists()


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "fetch"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in PUBLIC_SETS) and "not downloadable: Stanford" in listed
    assert main(["data", "fetch", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fracatlas"]["licence"] == "CC-BY-4.0"
