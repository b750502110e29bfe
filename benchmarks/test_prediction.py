"""How long one radiograph takes with the bundled int8 model: `make bench`."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from edgefrac.datasets.phantom import phantom_dataset, write_phantoms
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.read import read_radiograph
from edgefrac.prediction import load
from edgefrac.runtimes.session import Session


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    write_phantoms(phantom_dataset(1, seed=1), folder)
    return next(folder.rglob("*.png"))


@pytest.fixture(scope="module")
def session() -> Session:
    return load()


def test_read(benchmark: BenchmarkFixture, phantom: Path) -> None:
    benchmark(read_radiograph, phantom)


def test_preprocess(benchmark: BenchmarkFixture, phantom: Path, session: Session) -> None:
    benchmark(preprocess, read_radiograph(phantom).pixels, session.contract.input.size)


def test_run(benchmark: BenchmarkFixture, phantom: Path, session: Session) -> None:
    size = session.contract.input.size
    benchmark(session.predict, preprocess(read_radiograph(phantom).pixels, size))
