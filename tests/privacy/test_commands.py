"""Hundreds of values planted in image files come out of no command: not printed, not written, not left behind."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("torch")

from edgefrac.imaging import burned_in
from edgefrac.imaging.dicom import facts
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import read_radiograph
from edgefrac.prediction import load, predict_read
from tests.privacy.search import contents, leaks
from tests.privacy.walk import HEAVY, QUICK, SLOWEST, Step, prepare, walk


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    return tmp_path / "workplace"


def found(workplace: Path, secrets: list[str], steps: list[Step]) -> list[tuple[str, str]]:
    """Where which planted value is that did not lie there before."""
    files = sorted({file for step in steps for file in step.files})
    places = {file: (workplace / file).read_bytes() for file in files}
    return leaks(secrets, {**places, "walk": (workplace / "walk.txt").read_bytes()})


def printed(workplace: Path, steps: list[Step], name: str) -> str:
    number = [step.name for step in steps].index(name)
    return (workplace / f"{number:02}.txt").read_text(encoding="utf-8")


@pytest.mark.slow
def test_commands_on_images(workplace: Path, tiny_tflite: Path) -> None:
    secrets = prepare(workplace, tiny_tflite.read_bytes())
    assert len(secrets) > 700
    lying = {value for _, value in leaks(secrets, contents(workplace))}
    # a damaged file may have lost some
    assert len(lying) > 0.95 * len(secrets)
    steps = walk(workplace, list(QUICK))
    assert found(workplace, secrets, steps) == []
    said = printed(workplace, steps, "predict --json")
    rows, _ = json.JSONDecoder().raw_decode(said, said.index("[\n"))
    answered = [row for row in rows if "error" not in row]
    assert len(answered) >= 14 and len(rows) - len(answered) >= 8
    assert {step.name for step in steps if not step.files} == set()
    for step in steps:
        assert "internal error" not in printed(workplace, steps, step.name), step.name
        assert step.status == 2 or not step.name.endswith((", an image", ", damaged"))
    # nor does anything tell a maker of libraries that this machine exists
    assert not list((workplace / "cache").rglob("deviceid"))


@pytest.mark.slow
def test_training_and_export(workplace: Path, tiny_tflite: Path) -> None:
    pytest.importorskip("litert_torch")
    pytest.importorskip("optuna")
    secrets = prepare(workplace, tiny_tflite.read_bytes())
    steps = walk(workplace, [*HEAVY, *SLOWEST])
    assert found(workplace, secrets, steps) == []
    # an int8 file is undecided on so few images, and one is unreadable
    allowed = {"export --data --calibration": 1, "export to onnx, openvino, ort": 1, "evaluate, a checkpoint": 2}
    assert {step.name: step.status for step in steps} == {step.name: allowed.get(step.name, 0) for step in steps}
    # the pictures in a bundle are phantoms
    golden = ("bundle/golden", "app/edgefrac/golden")
    pictures = [path.name for folder in golden for path in (workplace / folder).glob("*.png")]
    assert len(pictures) > 8 and all(name.startswith("phantom-") for name in pictures)


def test_a_leak_is_found(workplace: Path, tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def notes(radiograph: Radiograph) -> str:
        return "; ".join(radiograph.notes)

    def said() -> dict[str, bytes]:
        # in this process, where a reader can be made to leak
        path = workplace / "singles" / "everywhere.dcm"
        row, _ = predict_read(session, str(path), partial(read_radiograph, path))
        return {"row": json.dumps(row).encode()}

    secrets = prepare(workplace, tiny_tflite.read_bytes())
    session = load(tiny_tflite)
    assert leaks(secrets, said()) == []
    monkeypatch.setattr(facts, "identifying", lambda dataset: [str(dataset.WindowCenterWidthExplanation)])
    monkeypatch.setattr(burned_in, "identifying", notes)
    assert [place for place, _ in leaks(secrets, said())] == ["row"]
