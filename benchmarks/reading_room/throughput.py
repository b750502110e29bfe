"""What rate the reading room sustains, beside what its runtime could do alone on the same cores.

    python -m benchmarks.reading_room.throughput BUNDLE --data FracAtlas [--rounds 7] [--seconds 10]

In turns, each for so many seconds:

    one        one session, one thread: the network alone, no image decoded
    all        one such session in a process of its own for each core
    readers    the readers alone, without server: decoding, preprocessing, network, regions
    predict    ``POST /v1/predict`` under wrk, as many connections as readers, twice
    worklist   ``POST /v1/worklist`` under wrk until all is read, each image on the disk before it is acknowledged

wrk (the load tool) shares the cores with the server.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.reading_room.room import Room
from edgefrac.benchmarking.figures import median_of
from edgefrac.datasets import open_dataset
from edgefrac.datasets.sample import FileReader
from edgefrac.prediction import load
from edgefrac.serve.readers import Readers
from edgefrac.workers.pool import usable_cores

_SCRIPT = """
local folder, count = "{folder}", {count}
local bodies = {{}}
for i = 0, count - 1 do
  local file = io.open(folder .. "/" .. i, "rb")
  bodies[i] = file:read("*a")
  file:close()
end
local number = {first}
request = function()
  local body = bodies[number % count]
  {change}
  number = number + 1
  return wrk.format("POST", "{path}", {{["Content-Type"] = "{kind}"}}, body)
end
"""
# an image that the work list knows is not read again: bytes behind a JPEG's end make it another, and are not decoded
_ANOTHER = "body = body .. tostring(number)"


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = _copied(folder / "images", given.data)
        room = Room(given.bundle, folder / "state", "--requests-per-second", "0", "--waiting", "100000")
        room.start()
        readers = Readers(given.bundle, usable_cores())
        try:
            subjects: dict[str, Callable[[], float]] = {
                "one": lambda: _network(given.bundle, given.seconds),
                "all": lambda: _networks(given.bundle, given.seconds),
                "readers": lambda: _readers(readers, images, given.seconds),
                "predict": lambda: _wrk(room, folder, len(images), "/v1/predict", given.seconds),
                "worklist": lambda: _worklist(room, folder, len(images), given.seconds),
            }
            rates: dict[str, list[float]] = {what: [] for what in subjects}
            for number in range(given.rounds):
                order = list(subjects) if number % 2 == 0 else list(subjects)[::-1]
                for what in order:
                    rates[what].append(subjects[what]())
        finally:
            readers.close()
            room.stop()
    _print(rates)


def _copied(folder: Path, data: str) -> list[bytes]:
    """200 files of the data set, under numbers."""
    folder.mkdir()
    found = []
    for sample in open_dataset(data).samples[:200]:
        assert isinstance(sample.reader, FileReader)
        found.append(sample.reader.data())
        (folder / str(len(found) - 1)).write_bytes(found[-1])
    return found


def _network(model: Path, seconds: float) -> float:
    session = load(model)
    field = np.zeros((session.contract.input.size,) * 2, np.uint8)
    for _ in range(5):
        session.predict(field)
    count, started = 0, time.monotonic()
    while time.monotonic() < started + seconds:
        session.predict(field)
        count += 1
    return count / (time.monotonic() - started)


def _networks(model: Path, seconds: float) -> float:
    with multiprocessing.get_context("spawn").Pool(usable_cores()) as pool:
        pool.starmap(_network, [(model, 0.2)] * usable_cores())
        return float(sum(pool.starmap(_network, [(model, seconds)] * usable_cores(), chunksize=1)))


def _readers(readers: Readers, images: list[bytes], seconds: float) -> float:
    count, started = 0, time.monotonic()
    pending = []
    while time.monotonic() < started + seconds:
        pending.append(readers.submit({"do": "answer"}, [images[count % len(images)]]))
        count += 1
        if len(pending) >= 4 * readers.count:
            pending.pop(0).result()
    for reply in pending:
        reply.result()
    return count / (time.monotonic() - started)


def _wrk(room: Room, folder: Path, count: int, path: str, seconds: int, first: int = 0, change: str = "") -> float:
    script = folder / "load.lua"
    script.write_text(
        _SCRIPT.format(folder=folder / "images", count=count, path=path, kind="image/jpeg", first=first, change=change)
    )
    connections = str(4 * usable_cores())
    said = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), room.address],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if refused := re.search(r"Non-2xx or 3xx responses: (\d+)", said):
        raise RuntimeError(f"{refused[1]} requests were refused: {said}")
    found = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    assert found
    return float(found[1])


def _worklist(room: Room, folder: Path, count: int, seconds: int) -> float:
    before = room.get("/v1/worklist?limit=1")["counts"]["answered"]
    started = time.monotonic()
    _wrk(room, folder, count, "/v1/worklist", seconds, first=int(started * 1000) * count, change=_ANOTHER)
    room.wait_until_read()
    return float((room.get("/v1/worklist?limit=1")["counts"]["answered"] - before) / (time.monotonic() - started))


def _print(rates: dict[str, list[float]]) -> None:
    print(
        f"{usable_cores()} cores, {len(rates['one'])} rounds; images a second, median and range; "
        "share of 'one' and of 'all'"
    )
    for what, values in rates.items():
        shares = " ".join(f"{base} {_ratio(values, rates[base])}" for base in ("one", "all"))
        print(f"{what:<9} {np.median(values):6.1f} ({min(values):.1f}–{max(values):.1f})   {shares}")


def _ratio(above: list[float], below: list[float]) -> str:
    """Median of the rounds' ratios, with its 95 % interval over rounds."""
    ratios = np.array(above) / np.array(below)
    estimate = median_of(ratios, np.arange(len(ratios)))
    return f"{estimate.value:.2f} ({estimate.low:.2f}–{estimate.high:.2f})"


if __name__ == "__main__":
    main()
