"""Runs one command line after the other on planted images, in one process, and leaves what they printed and wrote.

    python -m tests.privacy.walk WORKPLACE [NAME …]

``WORKPLACE`` is what ``prepare`` made. One process, because starting one for each command would take most of the time;
it has a home, a cache and a folder for temporary files of its own, all below the workplace.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
LIMIT_SECONDS = 600
RECIPE = """
name: walk
architecture: tiny
pretrained: false
stages: [{epochs: 1, size: 32}]
sampling: {phantom_share: 0}
optimiser: {batch_size: 8}
int8: {epochs: 0}
data: {path: "planted", folds: 3}
"""
SWEEP = """
name: walk-sweep
base: walk.yaml
trials: 1
trial: {stages: [{epochs: 1, size: 32}]}
search: {optimiser.learning_rate: {low: 1.0e-3, high: 1.0e-2, log: true}}
"""
# by name; "singles/*" stands for all single images. The models lie in the workplace, the rest is made on the way
QUICK: dict[str, str] = {
    "predict": "predict singles/* --model tiny.tflite",
    "predict --json": "predict singles/* --model tiny.tflite --json",
    "predict --debug --overlay": "predict singles/* --model tiny.tflite --overlay overlays --debug",
    "predict --out": "predict singles series planted --model tiny.tflite --out answers",
    "predict --processes": "predict singles --model tiny.tflite --out answers2 --processes 1",
    "predict --window": "predict singles/* --model tiny.tflite --window bone --json",
    "explain": "explain singles/everywhere.dcm --model tiny.tflite --json",
    "explain --compare --out": "explain singles/all.jpg --model tiny.tflite --compare tiny.tflite --out sheet.png",
    "explain, damaged": "explain singles/everywhere-cut.dcm --model tiny.tflite --debug",
    "evaluate": "evaluate --model tiny.tflite --data planted --json",
    "evaluate, arrays": "evaluate --model tiny.tflite --data arrays.npz?classes=normal,fracture --debug",
    "data audit": "data audit planted --out audit.html --json",
    "data split": "data split planted --folds 2 --out split.json",
    "inspect": "inspect tiny.tflite --json",
    "inspect, an image": "inspect singles/everywhere.dcm --debug",
    "verify, an image": "verify singles/all.jpg --debug",
    "bench, an image": "bench singles/all.png --debug",
    "export, an image": "export singles/all.tif --debug",
    "bundle, an image": "bundle --app app singles/everywhere.dcm --debug",
    "train, an image": "train singles/everywhere.dcm --debug",
    "doctor": "doctor --json",
}
HEAVY: dict[str, str] = {
    "train": "train walk.yaml --data planted --out runs --json",
    "train --preview": "train walk.yaml --data planted --preview preview.png",
    "export --data --calibration": (
        "export talkative.safetensors --target tflite --precision all --data planted --calibration calibration"
        " --keep-rejected --out bundle --json"
    ),
    "verify --data": "verify bundle --data planted --json",
    "bundle --app": "bundle --app app bundle",
    "inspect, a bundle": "inspect bundle --json",
    "bench --data --report": (
        "bench bundle --data planted --device cpu --images 4 --seconds 0.05 --report bench.html --json"
    ),
}
SLOWEST: dict[str, str] = {
    "sweep": "sweep walk-sweep.yaml --data planted --out sweep --trials 1",
    "export to onnx, openvino, ort": (
        "export talkative.safetensors --target onnx,openvino,ort --precision all --data planted"
        " --calibration calibration --keep-rejected --out bundle2 --json"
    ),
    "evaluate, a checkpoint": "evaluate --model talkative.safetensors --data planted --json",
}
COMMANDS = {**QUICK, **HEAVY, **SLOWEST}


@dataclass(frozen=True)
class Step:
    """One command: its exit status, the files that it made, changed or printed to, and how long it took."""

    name: str
    status: int
    files: tuple[str, ...]
    seconds: float


def prepare(workplace: Path, tiny: bytes) -> list[str]:
    """Lay out images, models and recipes; every value that is planted in them."""
    from edgefrac.models.checkpoint import save_checkpoint
    from tests.models.networks import info, talkative
    from tests.privacy.files import arrays, labelled, single_images, slices

    for name in ("home", "cache", "tmp", "singles"):
        (workplace / name).mkdir(parents=True)
    secrets: list[str] = []
    for name, image in single_images().items():
        (workplace / "singles" / name).write_bytes(image.data)
        secrets += image.secrets
    secrets += labelled(workplace / "planted", 24, seed=21) + labelled(workplace / "calibration", 8, seed=22)
    secrets += arrays(workplace / "arrays.npz") + slices(workplace / "series")
    (workplace / "tiny.tflite").write_bytes(tiny)
    save_checkpoint(workplace / "talkative.safetensors", talkative(), info(metrics={}))
    (workplace / "walk.yaml").write_text(RECIPE, encoding="utf-8")
    (workplace / "walk-sweep.yaml").write_text(SWEEP, encoding="utf-8")
    return sorted(set(secrets))


def walk(workplace: Path, names: Sequence[str]) -> list[Step]:
    """Run the commands of these names in a process of their own."""
    places = {"HOME": "home", "TMPDIR": "tmp", "XDG_CACHE_HOME": "cache", "XDG_STATE_HOME": "home", "RAY_TMPDIR": "tmp"}
    # what keeps telemetry out of this repository's other tests must not do so here
    environment = {
        **{name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"},
        **{name: str(workplace / place) for name, place in places.items()},
        **{"PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "always", "OMP_NUM_THREADS": "1"},
        "EDGEFRAC_CACHE": str(workplace / "cache"),
    }
    command = [sys.executable, "-m", "tests.privacy.walk", str(workplace), *names]
    with (workplace / "walk.txt").open("wb") as said:
        done = subprocess.run(
            command, cwd=workplace, env=environment, stdout=said, stderr=said, timeout=LIMIT_SECONDS, check=False
        )
    if done.returncode:
        raise AssertionError((workplace / "walk.txt").read_text(errors="replace")[-4000:])
    return [Step(**{**one, "files": tuple(one["files"])}) for one in json.loads((workplace / "steps.json").read_text())]


def main() -> None:
    """Run the commands that are named, here."""
    from edgefrac.cli.main import main as edgefrac

    warnings.simplefilter("always")  # a library's warning may quote what it reads
    workplace, steps = Path.cwd(), []
    singles = sorted(str(path.relative_to(workplace)) for path in (workplace / "singles").iterdir())
    before = _state(workplace)
    for name in sys.argv[2:]:
        words = [word for part in COMMANDS[name].split() for word in (singles if part == "singles/*" else [part])]
        started = time.monotonic()
        with _printing_to(workplace / f"{len(steps):02}.txt"):
            try:
                status = edgefrac(words)
            except Exception:  # --debug lets it through, and Python prints it
                traceback.print_exc()
                status = 2
        after = _state(workplace)
        changed = sorted(path for path, stamp in after.items() if before.get(path) != stamp)
        steps.append({"name": name, "status": status, "files": changed, "seconds": time.monotonic() - started})
        before = after
    Path("steps.json").write_text(json.dumps(steps), encoding="utf-8")


@contextmanager
def _printing_to(path: Path) -> Iterator[None]:
    """Standard output and error, also what libraries write there past Python, go to a file."""
    kept = os.dup(1), os.dup(2)
    with path.open("wb") as file:
        sys.stdout.flush()
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, real in enumerate(kept, 1):
                os.dup2(real, number)
                os.close(real)


def _state(folder: Path) -> Mapping[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


if __name__ == "__main__":
    main()
