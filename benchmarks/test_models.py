"""How long opening and running the reference network takes in each format, on one thread: `make bench`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.yardstick import TIMER, by_yardstick
from edgefrac.benchmarking.measure import phantom
from edgefrac.contract import Precision
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.runtimes.session import open_session
from edgefrac.targets.registry import find

pytestmark = pytest.mark.benchmark(timer=TIMER)

FILES = [(name, precision) for name in ("tflite", "onnx", "openvino") for precision in ("fp32", "int8")]
ROUNDS_OPEN = 10  # then the file is opened again: where its memory comes to lie makes it faster or slower
Files = Callable[[str, Precision], Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A file of the reference by target and precision, made when it is asked for; skips where that cannot be done."""
    pytest.importorskip("torch")
    from edgefrac.pipeline.quantizing import carried_exact
    from edgefrac.pipeline.subject import load_subject

    folder, subject = tmp_path_factory.mktemp("files"), load_subject(None, None, ExportRecipe())

    @cache
    def made(name: str, precision: Precision) -> Path:
        target = find(name)
        if target.missing():
            pytest.skip(f"target {name} is not installed")
        path = folder / f"{precision}{target.suffix}"
        contract = target.promise(subject.exportable.contract(precision, subject.identity))
        if precision == "int8":
            target.write_integers(carried_exact(subject).network, contract, path)
        else:
            target.write(target.convert(subject.exportable), contract, None, path)
        return path

    return made


@pytest.mark.parametrize(("name", "precision"), FILES)
def test_run(benchmark: BenchmarkFixture, files: Files, name: str, precision: Precision) -> None:
    path, rounds = files(name, precision), count()
    opened: list[Any] = []

    def setup() -> tuple[tuple[Any, ...], dict[str, Any]]:
        if next(rounds) % (ROUNDS_OPEN) == 0:
            opened[:] = [open_session(path)]
            opened[0].predict(image)  # warm
        return (image,), {}

    image = phantom(open_session(path).contract.input.size)
    by_yardstick(benchmark, lambda given: opened[0].predict(given), setup)


@pytest.mark.parametrize(("name", "precision"), [(name, "int8") for name in ("tflite", "onnx", "openvino")])
def test_open(benchmark: BenchmarkFixture, files: Files, name: str, precision: Precision) -> None:
    path = files(name, precision)
    by_yardstick(benchmark, lambda: open_session(path))
