"""How long the evidence takes to be drawn, and the whole path from file to overlay: `make bench`."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.yardstick import TIMER, by_yardstick
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.regions import evidence_regions
from edgefrac.prediction import OverlayFolder, drawn, predict_file
from edgefrac.runtimes.session import Prediction, Session

pytestmark = pytest.mark.benchmark(timer=TIMER)


@pytest.fixture(scope="module")
def prediction(radiograph: Radiograph, session: Session) -> Prediction:
    return session.predict(preprocess(radiograph.pixels, session.contract.input.size))


def test_regions(benchmark: BenchmarkFixture, radiograph: Radiograph, session: Session, prediction: Prediction) -> None:
    task, evidence = session.contract.task(), prediction.evidence
    assert evidence is not None
    placement = Placement(radiograph.height, radiograph.width, session.contract.input.size)
    by_yardstick(benchmark, lambda: evidence_regions(evidence[:, :, 0], placement, task.bias[0], task.temperature))


def test_overlay(benchmark: BenchmarkFixture, radiograph: Radiograph, session: Session, prediction: Prediction) -> None:
    probability, evidence = float(prediction.probability[0]), prediction.evidence
    assert evidence is not None
    by_yardstick(benchmark, lambda: drawn(radiograph, evidence[:, :, 0], session.contract, probability))


def test_file_to_decision(benchmark: BenchmarkFixture, phantom: Path, session: Session) -> None:
    by_yardstick(benchmark, lambda: predict_file(session, phantom))


def test_file_to_overlay(benchmark: BenchmarkFixture, phantom: Path, session: Session, tmp_path: Path) -> None:
    by_yardstick(benchmark, lambda: predict_file(session, phantom, overlays=OverlayFolder(tmp_path)))
