"""Evaluation, on brightness-coded radiographs whose figures can be worked out by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from edgefrac.contract import pack_hashes
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.datasets.sample import Box, Dataset, Sample
from edgefrac.errors import DatasetError, ImageError, UsageError
from edgefrac.evaluation import collect, evaluate
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.models.checkpoint import save_checkpoint
from edgefrac.runtimes.session import Session, open_session
from edgefrac.verification.metrics import auroc
from edgefrac.workers.runner import Answers, Here, Work
from tests import tflite_model
from tests.models.networks import FRACTURE, REGION, info, talkative
from tests.models.networks import SIZE as SIZE_OF_NETWORK

SIDE = 64
T, R = TypeVar("T"), TypeVar("R")


@dataclass(frozen=True)
class Memory:
    """Reads a raster of one grey, with one brighter square at (row, column)."""

    grey: int
    square: tuple[int, int] = (0, 0)

    def read(self) -> Radiograph:
        pixels = np.full((SIDE, SIDE), self.grey, np.uint8)
        row, column = self.square
        pixels[row : row + 8, column : column + 8] = 255
        return Radiograph(pixels, "memory")


class Broken:
    def read(self) -> Radiograph:
        raise ImageError("broken.png: cut short")


def _sample(number: int, label: int, grey: int, **more: object) -> Sample:
    return Sample(id=f"s{number}", label=label, reader=Memory(grey), group=f"g{number}", **more)


@pytest.fixture
def session(tiny_tflite: Path) -> Session:
    return open_session(tiny_tflite)


def _dataset(*more: Sample) -> Dataset:
    """Greys 210 and 100 are fractured, 170 and 50 not: one of four pairs is in the wrong order. Threshold: 0.5."""
    samples = [
        _sample(number, label, grey, facets={"region": "hand" if number < 2 else "leg"})
        for number, (label, grey) in enumerate([(1, 210), (0, 170), (1, 100), (0, 50)])
    ]
    return Dataset("by hand", (*samples, *more))


def test_figures_are_those_worked_out_by_hand(session: Session) -> None:
    report = evaluate(session, _dataset())
    assert (report["n"], report["positives"]) == (4, 2)
    assert report["auroc"] == pytest.approx(3 / 4)
    assert report["sensitivity"] == pytest.approx(1 / 2)
    assert report["specificity"] == pytest.approx(1 / 2)
    assert report["auroc_ci"][0] < 3 / 4 < report["auroc_ci"][1]
    assert report["threshold"] == 0.5
    assert report["left_out_seen_in_training"] == 0
    assert "pointing_game" not in report
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_slices_hold_their_own_cases_only(session: Session) -> None:
    slices = evaluate(session, _dataset())["slices"]
    assert set(slices) == {"region=hand", "region=leg"}
    hand, leg = slices["region=hand"], slices["region=leg"]
    assert (hand["n"], hand["auroc"], hand["sensitivity"], hand["specificity"]) == (2, 1.0, 1.0, 0.0)
    assert (leg["n"], leg["auroc"], leg["sensitivity"], leg["specificity"]) == (2, 1.0, 0.0, 1.0)


def test_a_slice_of_one_class_has_no_auroc(session: Session) -> None:
    report = evaluate(session, _dataset(_sample(9, 1, 220, facets={"hardware": "yes"})))
    part = report["slices"]["hardware=yes"]
    assert part["auroc"] is None and part["auroc_ci"] is None and part["specificity"] is None
    assert part["sensitivity"] == 1.0


def test_what_was_seen_in_training_is_left_out_and_counted(tmp_path: Path) -> None:
    seen = Memory(210).read().sha256
    path = tmp_path / "trained.tflite"
    path.write_bytes(tflite_model.build(tflite_model.contract(seen=pack_hashes([seen]))))
    session = open_session(path)
    report = evaluate(session, _dataset(_sample(7, 1, 220)))
    assert (report["n"], report["positives"], report["left_out_seen_in_training"]) == (4, 2, 1)
    everything = evaluate(session, _dataset(_sample(7, 1, 220)), include_seen=True)
    assert (everything["n"], everything["left_out_seen_in_training"]) == (5, 0)
    assert everything["data_sha256"] != report["data_sha256"]


def test_unreadable_radiographs_are_named_and_the_rest_counts(session: Session) -> None:
    broken = Sample(id="x", label=1, reader=Broken(), group="x")
    report = evaluate(session, _dataset(broken))
    assert report["unreadable"] == ["broken.png: cut short"]
    assert report["n"] == 4


def test_the_pointing_game_tells_inside_from_near(session: Session) -> None:
    """Peaks are at the square's centre; the tolerance is 5 % of 64 px, that is 3.2 px."""

    def boxed(number: int, x: float) -> Sample:
        reader = Memory(100, square=(16, 32))  # one cell of the map, its centre at x=36, y=20
        return Sample(f"b{number}", 1, reader, f"b{number}", boxes=(Box(x, 16, 4, 8),))

    game = evaluate(session, _dataset(boxed(0, 34), boxed(1, 39), boxed(2, 40)))["pointing_game"]
    assert game["n"] == 3
    assert game["inside"] == pytest.approx(1 / 3)
    assert game["near"] == pytest.approx(2 / 3)
    assert game["tolerance"] == 0.05


def test_hashes_say_what_was_measured_on_what(session: Session, tiny_tflite: Path) -> None:
    report, again = evaluate(session, _dataset()), evaluate(session, Dataset("x", tuple(reversed(_dataset().samples))))
    assert report["model_sha256"] == hashlib.sha256(tiny_tflite.read_bytes()).hexdigest()
    assert report["data_sha256"] == again["data_sha256"]
    other_label = evaluate(session, Dataset("y", (_sample(0, 0, 210), *_dataset().samples[1:])))
    assert other_label["data_sha256"] != report["data_sha256"]


def test_one_class_cannot_be_evaluated(session: Session) -> None:
    fractured = tuple(sample for sample in _dataset().samples if sample.label)
    with pytest.raises(DatasetError, match=r"all fractured: only one class .*2 used, 0 seen in training"):
        evaluate(session, Dataset("all fractured", fractured))


def test_nothing_left_points_to_include_seen(tmp_path: Path) -> None:
    seen = [sample.read().sha256 for sample in _dataset().samples]
    path = tmp_path / "trained.tflite"
    path.write_bytes(tflite_model.build(tflite_model.contract(seen=pack_hashes(seen))))
    with pytest.raises(DatasetError, match=r"no radiograph .*4 seen in training") as caught:
        evaluate(open_session(path), _dataset())
    assert "--include-seen" in caught.value.hint


def test_nothing_left_for_nothing_could_be_read_says_why(session: Session) -> None:
    broken = tuple(Sample(id=str(n), label=n % 2, reader=Broken(), group=str(n)) for n in range(3))
    with pytest.raises(DatasetError, match=r"no radiograph .*3 unreadable") as caught:
        evaluate(session, Dataset("broken", broken))
    assert "broken.png: cut short" in caught.value.hint


def test_several_models_see_the_same_radiographs_in_one_pass(session: Session, tiny_tflite: Path) -> None:
    found = collect([session, open_session(tiny_tflite)], _dataset().samples)
    first, second = found.answers
    assert first.probability.shape == (4, 1)
    assert first.evidence is not None and first.evidence.shape == (4, tflite_model.CELLS, tflite_model.CELLS, 1)
    np.testing.assert_array_equal(first.probability, second.probability)


class Backwards:
    """A runner that happens to finish the last first."""

    def run(self, work: Work[T, R], items: Sequence[T]) -> Answers[R]:
        yield from reversed(list(Here().run(work, items)))


def test_the_order_in_which_work_is_done_does_not_matter(session: Session) -> None:
    dataset = _dataset(Sample(id="x", label=1, reader=Broken(), group="x"))
    assert evaluate(session, dataset, runner=Backwards()) == evaluate(session, dataset)
    assert collect([session], dataset.samples, runner=Backwards()).cases == collect([session], dataset.samples).cases


def test_models_of_different_sizes_cannot_be_compared(session: Session) -> None:
    class Larger:
        contract = session.contract.model_copy(
            update={"input": session.contract.input.model_copy(update={"shape": (1, 64, 64, 1)})}
        )

    with pytest.raises(UsageError, match=r"\[32, 64\]"):
        collect([session, Larger()], _dataset().samples)


def test_further_tasks_have_figures_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "two.safetensors"
    save_checkpoint(path, talkative((FRACTURE, REGION)), info((FRACTURE, REGION)))
    session, data = open_session(path), phantom_dataset(40, 5, longer_side=96)
    report = evaluate(session, data)["tasks"]["region"]
    known = [s for s in data.samples if set(s.facets["region"].split("+")) & set(REGION.classes)]
    assert report["n"] == len(known) > 10
    probability = [session.predict(preprocess(s.read().pixels, SIZE_OF_NETWORK)).probability for s in known]
    assert probability[0].shape == (4,)
    assert report["auroc"]["hip"] is None, "none of these phantoms shows a hip"
    for k, name in enumerate(("hand", "leg")):
        shown = [name in s.facets["region"].split("+") for s in known]
        assert report["auroc"][name] == pytest.approx(auroc(shown, [p[1 + k] for p in probability]))
    assert report["macro_auroc"] == pytest.approx((report["auroc"]["hand"] + report["auroc"]["leg"]) / 2)
    assert report["macro_auroc_ci"][0] < report["macro_auroc"] < report["macro_auroc_ci"][1]
    assert 0 <= report["macro_f1"] <= 1
    assert "tasks" not in evaluate(open_session(_fracture_only(tmp_path)), data)


def _fracture_only(folder: Path) -> Path:
    save_checkpoint(folder / "one.safetensors", talkative(), info())
    return folder / "one.safetensors"
