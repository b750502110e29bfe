"""Predicting files: the fields that other programs rely on, overlays, and images that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.errors import ModelFileError, OutputError, UsageError
from edgefrac.imaging.preprocess import preprocess
from edgefrac.models.checkpoint import save_checkpoint
from edgefrac.prediction import OverlayFolder, load, predict_file
from edgefrac.runtimes.session import Session
from tests import tflite_model
from tests.models.networks import FRACTURE, REGION, info, talkative


@pytest.fixture
def session(tiny_tflite: Path) -> Session:
    return load(tiny_tflite)


@pytest.fixture
def radiograph(tmp_path: Path) -> Path:
    """48 rows × 96 columns of grey 150, with a bright square whose centre is at x=66, y=18."""
    pixels = np.full((48, 96), 150, np.uint8)
    pixels[12:24, 60:72] = 255
    path = tmp_path / "wrist.png"
    Image.fromarray(pixels).save(path)
    return path


def test_a_row_has_the_fields_of_the_design(session: Session, radiograph: Path, tiny_tflite: Path) -> None:
    row = predict_file(session, radiograph)
    network_input = preprocess(np.asarray(Image.open(radiograph)), tflite_model.SIZE)
    probability, _ = tflite_model.expected(network_input)
    assert row["probability"] == pytest.approx(probability, abs=1e-6)
    assert row["positive"] is (probability >= 0.5)
    assert row["label"] == ("fracture" if probability >= 0.5 else "no fracture")
    assert row["evidence_peak"] == [66.0, 18.0]
    assert (row["file"], row["model"], row["threshold"]) == (str(radiograph), str(tiny_tflite), 0.5)
    assert 0 < row["milliseconds"] < 10_000
    assert set(row) == set("file probability label positive threshold evidence_peak model milliseconds".split())


def test_the_threshold_of_the_contract_decides(tmp_path: Path, radiograph: Path) -> None:
    for threshold, positive in ((0.05, True), (0.95, False)):
        path = tmp_path / f"{threshold}.tflite"
        path.write_bytes(tflite_model.build(tflite_model.contract(threshold=threshold)))
        row = predict_file(load(path), radiograph)
        assert (row["positive"], row["label"]) == (positive, "fracture" if positive else "no fracture")


def test_an_unreadable_image_is_a_row_with_its_error(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    row = predict_file(session, path)
    assert set(row) == {"file", "error"}
    assert row["error"].startswith(str(path))


def test_an_impossible_window_is_the_users_fault_and_stops(session: Session, radiograph: Path) -> None:
    with pytest.raises(UsageError, match="width"):
        predict_file(session, radiograph, window=(40, -1))


def test_overlays_of_equal_names_do_not_overwrite_each_other(
    session: Session, radiograph: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "wrist.png"
    other.parent.mkdir()
    other.write_bytes(radiograph.read_bytes())
    overlays = OverlayFolder(tmp_path / "out" / "overlays")
    rows = [predict_file(session, path, overlays=overlays) for path in (radiograph, other)]
    assert [Path(row["overlay"]).name for row in rows] == ["wrist.overlay.png", "wrist-2.overlay.png"]
    for row in rows:
        with Image.open(row["overlay"]) as image:
            assert image.mode == "RGB" and image.width >= 96
    assert len(list((tmp_path / "out" / "overlays").iterdir())) == 2


def test_an_overlay_folder_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        OverlayFolder(tmp_path / "file" / "overlays")


def test_a_copy_of_the_file_alone_predicts_the_same(tmp_path: Path, tiny_tflite: Path, radiograph: Path) -> None:
    alone = tmp_path / "alone" / "copy.tflite"
    alone.parent.mkdir()
    alone.write_bytes(tiny_tflite.read_bytes())
    here, there = predict_file(load(tiny_tflite), radiograph), predict_file(load(alone), radiograph)
    for key in ("probability", "label", "positive", "threshold", "evidence_peak"):
        assert here[key] == there[key]


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"absent\.tflite: no such file"):
        load(tmp_path / "absent.tflite")


def test_further_tasks_are_named_with_their_classes(tmp_path: Path, radiograph: Path) -> None:
    path = tmp_path / "two.safetensors"
    save_checkpoint(path, talkative((FRACTURE, REGION)), info((FRACTURE, REGION)))
    session = load(path)
    row = predict_file(session, radiograph)
    probability = session.predict(preprocess(np.asarray(Image.open(radiograph)), 64)).probability
    assert row["tasks"] == {"region": dict(zip(REGION.classes, map(float, probability[1:]), strict=True))}
    assert row["probability"] == probability[0]
