"""How long one answer takes from a cold start, and what guarded processes add to it.

    python benchmarks/cold_start.py MODEL IMAGE [--beside TREE] [--rounds 10]

Four ways take turns: ``edgefrac predict`` of this tree, the same of another tree (``--beside``: a checkout of an
earlier commit, say), and ``edgefrac.load`` of a file that this machine knows and of one that is new to it, which is
tried first.
Medians with the least and the most, in seconds of the wall clock, the interpreter's start included.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).parents[1]
LOAD = "import sys, edgefrac; edgefrac.load(sys.argv[1])"


def seconds(tree: Path, cache: str, *arguments: str) -> float:
    """Of one process of a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "XDG_CACHE_HOME": cache}
    started = time.perf_counter()
    subprocess.run([sys.executable, "-P", *arguments], env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    model = str(arguments.model)
    predict = ["-m", "edgefrac", "predict", str(arguments.image), "--model", model]
    trees = {"predict": HERE} | ({"predict, other tree": arguments.beside} if arguments.beside else {})
    found: dict[str, list[float]] = {name: [] for name in [*trees, "load, known file", "load, unknown file"]}
    with tempfile.TemporaryDirectory() as known:
        seconds(HERE, known, "-c", LOAD, model)
        for _ in range(arguments.rounds):
            for name, tree in trees.items():
                found[name].append(seconds(tree, known, *predict))
            found["load, known file"].append(seconds(HERE, known, "-c", LOAD, model))
            with tempfile.TemporaryDirectory() as empty:
                found["load, unknown file"].append(seconds(HERE, empty, "-c", LOAD, model))
    print(f"{arguments.model.name}, {arguments.rounds} rounds")
    for name, each in found.items():
        print(f"{name:<20} {median(each):.3f} s ({min(each):.3f}–{max(each):.3f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
