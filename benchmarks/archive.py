"""How many images a second an archive is predicted at: in one process, in a pool, on a local Ray cluster.

    python benchmarks/archive.py DATA [--model FILE] [--images 1500] [--processes 2] [--rounds 5]

DATA is a folder of radiographs, of which ``--images`` are taken at equal distances. Each round runs all three in turn,
in another order. Starting is timed with one image; the rate is the images over the time beyond that. Memory, in one
further run of each, is that of this process with all its descendants (proportional set size, so that what they share
counts once): its median over the first and over the last third of the run, and its peak. The exit status is 1 unless
all rows are the same, bit for bit.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from edgefrac.archive.listing import list_files
from edgefrac.archive.predicting import predict_files
from edgefrac.cli.output import note
from edgefrac.prediction import FilePrediction, chosen_model
from edgefrac.workers.pool import Pool
from edgefrac.workers.ray_data import RayData
from edgefrac.workers.runner import Here, Runner

SAMPLE_SECONDS = 0.25
MEGABYTE = 1e6


class Memory:
    """Samples the memory of this process and its descendants, in bytes, while it is entered."""

    def __enter__(self) -> Memory:
        self.samples: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.samples.append(sum(map(_bytes, _descendants())))

    def thirds(self) -> tuple[float, float, float]:
        """Median of the first and of the last third of the samples, and the peak."""
        third = max(1, len(self.samples) // 3)
        return median(self.samples[:third]), median(self.samples[-third:]), max(self.samples)


def _descendants() -> list[Path]:
    """Folders in /proc of this process and of all that descend from it."""
    parent_of = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent_of[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    family = {int(Path("/proc/self").resolve().name)}
    while grown := {pid for pid, parent in parent_of.items() if parent in family} - family:
        family |= grown
    return [Path(f"/proc/{pid}") for pid in family]


def _bytes(process: Path) -> int:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def timed(model: Path, images: list[Path], runner: Runner) -> tuple[float, list[FilePrediction]]:
    """Seconds of one run, and its rows without how long they took."""
    started = time.perf_counter()
    rows = predict_files(model, images, runner=runner)
    seconds = time.perf_counter() - started
    for row in rows:
        row.pop("milliseconds", None)
    return seconds, rows


def spread(values: list[float], digits: int) -> str:
    """Median with the least and the most."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    model = chosen_model(arguments.model)
    found = [file.path for file in list_files([arguments.data]) if file.is_image()]
    images = found[:: max(1, len(found) // arguments.images)][: arguments.images]
    processes: int = arguments.processes
    ways: dict[str, Callable[[], Runner]] = {
        "one process": Here,
        f"pool of {processes}": lambda: Pool(processes),
        f"local Ray cluster, {processes}": lambda: RayData("local", processes),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    starts: dict[str, list[float]] = {name: [] for name in ways}
    _, wanted = timed(model, images, Here())  # warms the system's cache of files, too
    same = True
    for number in range(arguments.rounds):
        order = list(ways)
        for name in order[number % 3 :] + order[: number % 3]:
            start, _ = timed(model, images[:1], ways[name]())
            seconds, rows = timed(model, images, ways[name]())
            same &= rows == wanted
            starts[name].append(start)
            rates[name].append(len(images) / (seconds - start))
        note(f"round {number + 1} of {arguments.rounds}")
    what = f"{len(images)} images of {arguments.data.name}, {model.name}"
    print(f"{what}; median (least–most) of {arguments.rounds} rounds")
    print("| | images a second | seconds to start | MB in the first third | in the last | peak |")
    print("|---|---|---|---|---|---|")
    for name in ways:
        with Memory() as used:
            timed(model, images, ways[name]())
        megabytes = [f"{value / MEGABYTE:.0f}" for value in used.thirds()]
        figures = [spread(rates[name], 1), spread(starts[name], 1), *megabytes]
        print(f"| {name} | {' | '.join(figures)} |")
    print("all rows are the same" if same else "ROWS DIFFER")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
