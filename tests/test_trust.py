"""``edgefrac evaluate --explanations``: figures of the evidence maps on phantoms, whose masks are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefrac.cli.main import main
from edgefrac.contract import remembered
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.datasets.sample import Sample
from edgefrac.errors import DatasetError, UsageError
from edgefrac.imaging.preprocess import Placement
from edgefrac.prediction import REFERENCE_CHECKPOINT, load
from edgefrac.runtimes.session import Prediction, Session
from edgefrac.trust import explanation_figures
from edgefrac.verification.disturbances import DISTURBANCES

SAMPLES = phantom_dataset(8, 9).samples
MARKED = [sample for sample in SAMPLES if sample.boxes]


class Shown:
    """A session that answers with maps of one's own making, from the network input."""

    def __init__(self, inner: Session, draw: Callable[[NDArray[np.uint8]], NDArray[np.floating]]) -> None:
        self.contract, self.path, self.draw = inner.contract, inner.path, draw

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        return Prediction(np.array([0.5], np.float32), self.draw(network_input)[:, :, None].astype(np.float32))


def on_marks(sample: Sample, size: int) -> NDArray[np.float32]:
    """100 log-odds in the box's cells, far below nought elsewhere."""
    radiograph = sample.read()
    placement = Placement(radiograph.height, radiograph.width, size)
    evidence = np.full((40, 40), -50, np.float32)
    for box in sample.boxes:
        x0, y0 = placement.to_input(box.x, box.y)
        x1, y1 = placement.to_input(box.x + box.width, box.y + box.height)
        rows = slice(int(y0 * 40 / size), int(y1 * 40 / size) + 1)
        evidence[rows, int(x0 * 40 / size) : int(x1 * 40 / size) + 1] = 100
    return evidence


def test_a_map_on_the_mark_is_better_than_one_beside_it() -> None:
    inner, sample = load(), MARKED[0]
    marked = on_marks(sample, inner.contract.input.size)
    good = explanation_figures(Shown(inner, lambda _: marked), [sample])  # type: ignore[arg-type]
    bad = explanation_figures(Shown(inner, lambda _: np.roll(marked, 20, 0)), [sample])  # type: ignore[arg-type]
    assert good["energy"] > 0.2 > bad["energy"] and good["auprc"] > 0.3 > 2 * bad["auprc"]


def test_a_map_that_moves_with_the_image_stays() -> None:
    """Its own pixels as a map: moved with the image it stays but for cells it moved across, noise keeps most."""
    inner = load()
    size = inner.contract.input.size

    def brightness(image: NDArray[np.uint8]) -> NDArray[np.float64]:
        return image.reshape(40, size // 40, 40, size // 40).mean((1, 3))

    def fixed(_: NDArray[np.uint8]) -> NDArray[np.float64]:
        return np.add.outer(np.arange(40), np.arange(40)) % 7.0

    moving = explanation_figures(Shown(inner, brightness), MARKED[:4])  # type: ignore[arg-type]
    assert min(moving[name] for name in DISTURBANCES) > 0.8
    staying = explanation_figures(Shown(inner, fixed), MARKED[:4])  # type: ignore[arg-type]
    assert staying["noise"] == staying["encoding"] == 1 and staying["shift"] < 0.5


def test_the_document_counts_slices_and_leaves_out_what_was_seen() -> None:
    session = load()
    found = explanation_figures(session, SAMPLES)
    assert found["n"] == len(MARKED)
    assert sum(part["n"] for name, part in found["slices"].items() if name.startswith("box")) == len(MARKED)
    assert all(0 <= found[name] <= 1 and f"{name}_ci" in found for name in ("energy", "auprc", *DISTURBANCES))
    first = MARKED[0].read().sha256
    assert explanation_figures(session, SAMPLES, frozenset({remembered(first)}))["n"] == len(MARKED) - 1
    with pytest.raises(DatasetError, match="no radiograph with a marked fracture"):
        explanation_figures(session, [replace(sample, boxes=()) for sample in SAMPLES])


def test_the_answer_depends_on_what_the_map_shows() -> None:
    found = explanation_figures(load(), MARKED[:3])
    assert found["deletion"] < found["deletion_chance"]


def test_maps_are_held_against_those_of_other_models() -> None:
    inner, sample = load(), MARKED[0]
    marked = on_marks(sample, inner.contract.input.size)
    session, other = (Shown(inner, lambda _, by=by: np.roll(marked, by, 0)) for by in (0, 20))  # type: ignore[misc]
    found = explanation_figures(session, [sample], beside=[session, other], randomised=[("head", other)])  # type: ignore[list-item,arg-type]
    same, moved = found["beside"]
    assert same["overlap"] == same["ssim"] == 1 and same["correlation"] == pytest.approx(1)
    assert moved["overlap"] < 0.7 and moved["ssim"] < 0.98 and moved["correlation"] < 0.2  # what is low ties
    (step,) = found["randomisation"]["steps"]
    assert step["shuffled"] == "head" and step["overlap"] == moved["overlap"]
    assert found["randomisation"]["passed"] is None  # one group has no interval


def test_the_randomisation_test_can_be_failed() -> None:
    """By a network whose shuffled weights draw the same map."""
    inner, size = load(), load().contract.input.size

    def brightness(image: NDArray[np.uint8]) -> NDArray[np.float64]:
        return image.reshape(40, size // 40, 40, size // 40).mean((1, 3))

    session, flat = (Shown(inner, draw) for draw in (brightness, lambda _: np.zeros((40, 40))))
    for shuffled, passed in ((session, False), (flat, True)):
        found = explanation_figures(session, MARKED, randomised=[("head", shuffled)])  # type: ignore[arg-type,list-item]
        assert found["randomisation"]["passed"] is passed


def test_models_that_cannot_be_compared_are_named(tiny_tflite: Path) -> None:
    with pytest.raises(UsageError, match=r"takes \d+ px, not the \d+ px"):
        explanation_figures(load(), MARKED[:1], beside=[load(tiny_tflite)])


def test_beside_needs_explanations(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--data", "phantom:n=4,seed=9", "--beside", "other.tflite"]) == 2
    assert "add --explanations" in capsys.readouterr().err


def test_evaluate_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    model = str(REFERENCE_CHECKPOINT)
    command = ["evaluate", "--data", "phantom:n=6,seed=9", "--explanations", "--model", model, "--beside", model]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["explanations"]
    assert found["beside"][0]["ssim"] == 1
    assert len(found["randomisation"]["steps"]) == 10  # the head, and nine stages
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "evidence maps of" in out and f"beside {model}: overlap" in out and "randomisation test: " in out
