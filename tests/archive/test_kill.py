"""SIGKILL at any moment leaves a data set that can be read, and a rerun that gives every file exactly one row."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

from edgefrac.archive.listing import list_files
from edgefrac.archive.predict import predict_archive
from edgefrac.archive.results import Manifest, open_results
from edgefrac.cli.main import main
from edgefrac.digest import file_sha256
from edgefrac.workers.pool import Pool
from tests.archive.conftest import table
from tests.processes import children

T = TypeVar("T")

pytest.importorskip("pyarrow", reason="the extra 'archive' is not installed")

REPOSITORY = Path(__file__).parents[2]
IMAGES, KILLS = 80, 5


@pytest.fixture(scope="module")
def large_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that take a few hundredths of a second each."""
    folder = tmp_path_factory.mktemp("large")
    pixels = np.random.default_rng(0).integers(0, 256, (1500, 1500), np.uint8)
    Image.fromarray(pixels).save(folder / "000.png")
    for number in range(1, IMAGES):
        (folder / f"{number:03}.png").write_bytes((folder / "000.png").read_bytes())
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return folder


def _command(images: Path, model: Path, out: Path) -> list[str]:
    arguments = ["predict", str(images), "--model", str(model), "--out", str(out), "--processes", "2", "--json"]
    return [sys.executable, "-m", "edgefrac", *arguments]


def test_kills_at_random_moments(large_images: Path, tiny_tflite: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.parquet"
    command = _command(large_images, tiny_tflite, out)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    moments = random.Random(9)
    answered, grown = 0, 0
    for number in range(KILLS):
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            if number % 2:
                _wait_for_another_part(out)
            time.sleep(moments.uniform(0.2, 1.2))
            run.send_signal(signal.SIGKILL)
        rows = table(out) if list(out.glob("part-*")) else []
        names = [row["file"] for row in rows]
        assert len(names) == len(set(names))
        good = sum(row["error"] is None for row in rows)
        assert good >= answered, "an answer that was written stays"
        grown += good > answered
        answered = good
    print(f"{answered} of {IMAGES} answered after {KILLS} kills, {grown} of which came after a part was written")
    assert grown, "no run was killed after it had written"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    report = json.loads(done.stdout)
    assert (report["there_before"], report["unreadable"]) == (answered, 1)
    assert report["predicted"] == IMAGES - answered
    assert sorted(row["file"] for row in table(out)) == sorted(map(str, large_images.iterdir()))
    assert len({row["probability"] for row in table(out)}) == 2, "all images are the same, one has no answer"
    assert not list(out.glob(".*")), "what was half written is cleared away"


def _wait_for_another_part(out: Path) -> None:
    before, deadline = set(out.glob("part-*")), time.monotonic() + 20
    while set(out.glob("part-*")) <= before and time.monotonic() < deadline:
        time.sleep(0.01)


def test_workers_killed_on_purpose_cost_the_images_they_held(
    large_images: Path, tiny_tflite: Path, tmp_path: Path
) -> None:
    before = set(children(os.getpid()))

    def killing(items: Sequence[T], what: str) -> Iterator[T]:
        for number, item in enumerate(items):
            if number == 10:  # stopped first, so that each is given an image that it cannot answer
                workers = set(children(os.getpid())) - before
                _signal(workers, signal.SIGSTOP)
                threading.Timer(2, _signal, (workers, signal.SIGKILL)).start()
            yield item

    out = tmp_path / "r"
    tally = predict_archive(tiny_tflite, [large_images], out, runner=Pool(2), track=killing)
    assert tally.predicted + tally.unreadable == IMAGES + 1
    lost = [row for row in table(out) if row["error"] and "its process was ended by SIGKILL" in row["error"]]
    assert len(lost) == 2 and tally.unreadable == 1 + len(lost)
    assert all(row["error"].startswith(row["file"]) for row in lost)
    again = predict_archive(tiny_tflite, [large_images], out, runner=Pool(2))
    assert (again.predicted, again.unreadable) == (len(lost), 1)
    assert sorted(row["file"] for row in table(out)) == sorted(map(str, large_images.iterdir()))


def _signal(workers: set[int], which: signal.Signals) -> None:
    for worker in workers:
        os.kill(worker, which)


def test_a_kill_between_forgetting_and_writing_loses_no_file(archive: Path, tiny_tflite: Path, tmp_path: Path) -> None:
    """A changed file's old row goes first; what is killed then has no row for it, until the rerun."""
    out = tmp_path / "r"
    command = ["predict", str(archive), "--model", str(tiny_tflite), "--out", str(out), "--processes", "1"]
    main(command)
    before = table(out)
    changed = str(archive / "old" / "00.png")
    child = os.fork()
    if child == 0:
        with open_results(out, Manifest(model="m", model_sha256=file_sha256(tiny_tflite)), print) as results:
            results.forget({changed})
            results.add(list_files([Path(changed)])[0], {"file": changed, "error": "never written"})
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert table(out) == [row for row in before if row["file"] != changed]
    main(command)
    assert [row["file"] for row in table(out)] == [row["file"] for row in before]
