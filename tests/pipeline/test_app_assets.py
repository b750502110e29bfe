"""What ``edgefrac bundle --app`` writes: complete, checked, and what Python itself computes from it again."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.bundle import MANIFEST
from edgefrac.cli.main import main
from edgefrac.contract import Contract
from edgefrac.imaging.heat import painted
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.runtimes.session import open_session
from tests.runtimes.harmful_models import crashing

pytest.importorskip("litert_torch")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the bundled reference, gated on phantoms."""
    folder = tmp_path_factory.mktemp("app") / "bundle"
    assert main(["export", "--target", "tflite", "--precision", "fp32", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def assets(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's folder."""
    folder = tmp_path_factory.mktemp("app") / "assets"
    assert main(["bundle", str(bundle), "--app", str(folder)]) == 0
    return folder / "edgefrac"


def grey(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_every_file_is_listed_with_its_checksum(assets: Path) -> None:
    app = json.loads((assets / "app.json").read_text())
    there = {path.relative_to(assets).as_posix() for path in assets.rglob("*") if path.is_file()} - {"app.json"}
    assert {entry["path"] for entry in app["files"]} == there
    for entry in app["files"]:
        data = (assets / entry["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])
    contract = Contract.from_json((assets / "contract.json").read_text())
    assert open_session(assets / app["model"]).contract == contract


def test_goldens_follow_from_the_rasters(assets: Path) -> None:
    app = json.loads((assets / "app.json").read_text())
    session = open_session(assets / app["model"])
    task = session.contract.task()
    vectors = json.loads((assets / "golden" / "vectors.json").read_text())["vectors"]
    assert len(vectors) >= 5 and any(vector["regions"] for vector in vectors)
    for vector in vectors:
        raster, network_input = (grey(assets / "golden" / vector[kind]) for kind in ("raster", "input"))
        np.testing.assert_array_equal(preprocess(raster, session.contract.input.size), network_input)
        answer = session.predict(network_input)
        np.testing.assert_allclose(answer.probability, vector["probability"], atol=vector["probability_tolerance"])
        assert answer.evidence is not None
        placement = Placement(*raster.shape, session.contract.input.size)
        overlay = painted(raster, answer.evidence[..., 0], placement, bias=task.bias[0], temperature=task.temperature)
        np.testing.assert_array_equal(overlay, grey(assets / "golden" / vector["overlay"]))
        assert vector["positive"] == (answer.probability[0] >= task.threshold)


def test_a_second_time_replaces_the_first_and_nothing_else(bundle: Path, assets: Path) -> None:
    beside = assets.parent / "other.txt"
    beside.write_text("the app's own")
    (assets / "left over").write_text("")
    before = (assets / "app.json").read_bytes()
    assert main(["bundle", str(bundle), "--app", str(assets.parent)]) == 0
    assert (assets / "app.json").read_bytes() == before
    assert beside.exists() and not (assets / "left over").exists()


def test_a_model_that_crashes_its_runtime_is_not_laid_out(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a bundle whose checksums are right: that they are says nothing of who wrote it."""
    harmful = Path(shutil.copytree(bundle, tmp_path / "harmful"))
    (model,) = harmful.glob("*.tflite")
    content = crashing()
    manifest = json.loads((harmful / MANIFEST).read_text())
    (entry,) = (entry for entry in manifest["files"] if entry["path"] == model.name)
    entry |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    model.write_bytes(content)
    (harmful / MANIFEST).write_text(json.dumps(manifest))
    for command in (["bundle", str(harmful), "--app", str(tmp_path)], ["verify", str(harmful)]):
        assert main(command) == 2
        assert f"{model.name}: its runtime fails on it (its process was ended by SIGSEGV)" in capsys.readouterr().err
    assert not (tmp_path / "edgefrac").exists()


def test_what_cannot_be_laid_out_is_said(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", str(tmp_path / "absent"), "--app", str(tmp_path)]) == 2
    assert "absent: no such file or folder" in capsys.readouterr().err
    (bundle / "MODEL_CARD.md").write_text("another")
    assert main(["bundle", str(bundle), "--app", str(tmp_path)]) == 2
    assert "MODEL_CARD.md: changed" in capsys.readouterr().err
    assert not (tmp_path / "edgefrac").exists()
