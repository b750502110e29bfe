"""What the suite measures on: a phantom as a file, and the reference network in every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgefrac.benchmarking.host import host, now
from edgefrac.datasets.phantom import phantom_dataset, write_phantoms
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import read_radiograph
from edgefrac.prediction import load
from edgefrac.runtimes.session import Session

_before = now()


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom as a PNG."""
    folder = tmp_path_factory.mktemp("phantom")
    write_phantoms(phantom_dataset(1, seed=1), folder)
    return next(folder.rglob("*.png"))


@pytest.fixture(scope="session")
def radiograph(phantom: Path) -> Radiograph:
    """That phantom, read."""
    return read_radiograph(phantom)


@pytest.fixture(scope="session")
def session() -> Session:
    """The bundled int8 file."""
    return load()


def pytest_benchmark_generate_machine_info() -> dict[str, Any]:
    """In place of pytest-benchmark's own: what decides which kernels run, the runtimes, and how busy it was."""
    return host(_before, now()).model_dump(mode="json")
