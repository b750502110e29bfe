"""What only a real process can show: its threads, its peak of memory, its cold start."""

from __future__ import annotations

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from edgefrac.benchmarking import threads
from edgefrac.benchmarking.memory import alone
from edgefrac.benchmarking.threads import busy_threads
from edgefrac.errors import DeviceError
from edgefrac.prediction import REFERENCE_CHECKPOINT
from tests.tflite_model import SIZE

IMAGE = np.zeros((SIZE, SIZE), np.uint8)
BLOCK = bytes(20_000_000)


def _work() -> None:
    for _ in range(5):
        hashlib.sha256(BLOCK)  # leaves Python's lock to the others


@pytest.mark.parametrize("asked", [1, 3])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_as_many_threads_are_seen_as_burn_time(workers: int, asked: int) -> None:
    together = Barrier(workers)  # so that on a crowded machine none does the work of another

    def task(_: int) -> None:
        together.wait()
        _work()

    with ThreadPoolExecutor(workers) as pool, ThreadPoolExecutor(4) as idle:
        list(idle.map(lambda _: _work(), range(4)))
        assert busy_threads(lambda: list(pool.map(task, range(workers))), asked) == workers


def test_where_the_system_does_not_tell_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_TASKS", tmp_path / "absent")
    assert busy_threads(lambda: None, 1) is None


@pytest.mark.parametrize("fixture", ["tiny_tflite", "tiny_onnx", "tiny_ort", "tiny_openvino"])
def test_a_file_alone_takes_its_runtime_and_no_more(fixture: str, request: pytest.FixtureRequest) -> None:
    found = alone(request.getfixturevalue(fixture), IMAGE, threads=1, processes=1)
    assert found.peak_rss_mb is not None
    assert 25 < found.peak_rss_mb < 150  # Python with NumPy takes 25, this process with pytest some hundreds
    assert 50 < found.cold_start_ms < 60_000


@pytest.mark.slow
def test_the_peak_is_of_the_runs_and_grows_with_the_file(tiny_tflite: Path) -> None:
    pytest.importorskip("torch")
    small, large = (
        alone(path, np.zeros((side, side), np.uint8), 1, processes=1)
        for path, side in ((tiny_tflite, SIZE), (REFERENCE_CHECKPOINT, 256))
    )
    assert large.peak_rss_mb is not None and small.peak_rss_mb is not None
    assert large.peak_rss_mb > small.peak_rss_mb + 50


def test_a_file_under_a_foreign_name_is_an_error(tiny_tflite: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    shutil.copyfile(tiny_tflite, path)
    with pytest.raises(DeviceError, match=r"model\.bin: its name"):
        alone(path, IMAGE, 1, processes=1)


def test_a_file_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.tflite"
    path.write_bytes(b"\0\0\0\0TFL3")
    with pytest.raises(DeviceError, match="status"):
        alone(path, IMAGE, 1, processes=1)
