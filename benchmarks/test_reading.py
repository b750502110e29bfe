"""How long a radiograph takes until a network can see it: `make bench`."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.yardstick import TIMER, by_yardstick
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import read_radiograph
from edgefrac.runtimes.session import Session

pytestmark = pytest.mark.benchmark(timer=TIMER)


def test_read(benchmark: BenchmarkFixture, phantom: Path) -> None:
    by_yardstick(benchmark, lambda: read_radiograph(phantom))


def test_preprocess(benchmark: BenchmarkFixture, radiograph: Radiograph, session: Session) -> None:
    by_yardstick(benchmark, lambda: preprocess(radiograph.pixels, session.contract.input.size))
