"""Are artefacts the same byte for byte, when they are made twice from the same inputs?

    python -m benchmarks.reliability.reproduce [--only NAME …] [--out FILE.json]

Each is made in two worlds with another PYTHONHASHSEED, folder, umask, TMPDIR, time zone, locale and number of threads
(training aside: how many threads add up a sum decides its last bit, so it gets one thread in both). What differs is
named; status 1 where it is not among what cannot be the same.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.reliability.preparing import prepare
from benchmarks.reliability.toy import BUNDLE, GATED, IMAGE, RELEASE, edgefrac, environment
from edgefrac.digest import file_sha256

NEVER_THE_SAME = {
    "events.out.tfevents": "TensorBoard's log: host, process and time of each figure are in it",
}
"""Beginnings of names, with the reason."""


@dataclass(frozen=True)
class Made:
    """How one kind of artefact is made: ``arguments`` of ``edgefrac`` leave it in the folder ``made``.

    ``standard_output`` is kept as a file there, too. Paths are relative to a world's folder.
    """

    name: str
    arguments: tuple[str, ...]
    standard_output: bool = False
    threads: tuple[int, int] = (1, 2)


def artefacts() -> list[Made]:
    """In the order in which later ones use what earlier ones left."""
    gate = ("--recipe", "export.yaml", "--data", GATED)
    return [
        Made("phantoms", ("data", "phantom", "made/phantoms", "-n", "8", "--sheet", "made/sheet.png")),
        Made("phantoms as DICOM", ("data", "phantom", "made/dicom", "-n", "4", "--format", "dicom")),
        Made("split", ("data", "split", GATED, "--out", "made/split.json", "--folds", "3")),
        Made("audit", ("data", "audit", GATED, "--out", "made/audit.html")),
        Made("preview", ("train", "train.yaml", "--preview", "made/preview.png"), threads=(1, 1)),
        Made("train", ("train", "train.yaml", "--out", "made/runs"), threads=(1, 1)),
        *(
            Made(f"export to {target}", ("export", RELEASE, "--target", target, *gate, "--out", "made/bundle"))
            for target in ("tflite", "onnx", "openvino", "ort")
        ),
        Made(
            "export to ethos-u",
            ("export", RELEASE, "--target", "ethos-u", "--precision", "int8", *gate, "--out", "made/bundle"),
        ),
        Made("assets of an app", ("bundle", BUNDLE, "--app", "made/app")),
        Made("evaluate", ("evaluate", "--model", BUNDLE, "--data", GATED, "--json"), standard_output=True),
        Made("explain", ("explain", IMAGE, "--model", BUNDLE, "--out", "made/explained.png")),
        Made("overlay", ("predict", IMAGE, "--model", BUNDLE, "--overlay", "made/overlays")),
        Made("inspect", ("inspect", f"{BUNDLE}/endure-int8.tflite", "--json"), standard_output=True),
    ]


@dataclass(frozen=True)
class Compared:
    """One artefact's files in two worlds; ``differing`` says how many bytes differ, ``never`` why that must be."""

    name: str
    identical: int
    differing: dict[str, int]
    never: dict[str, str]
    failed: str = ""


def compare(made: Made, worlds: Sequence[Path]) -> Compared:
    """Make it in each of the two worlds, and compare."""
    for number, world in enumerate(worlds):
        if problem := _make(made, world, number):
            return Compared(made.name, 0, {}, {}, problem)
    first, second = (_files(world / "made") for world in worlds)
    differing, never, identical = {}, {}, 0
    for name in sorted({*first, *second}):
        reasons = [why for start, why in NEVER_THE_SAME.items() if Path(name).name.startswith(start)]
        if reasons:
            never[Path(name).name.rsplit(".", 5)[0]] = reasons[0]
        elif name not in first or name not in second:
            differing[name] = -1
        elif file_sha256(first[name]) == file_sha256(second[name]):
            identical += 1
        else:
            differing[name] = _bytes_that_differ(first[name].read_bytes(), second[name].read_bytes())
    return Compared(made.name, identical, differing, never)


def two_worlds(toy: Path, folder: Path) -> list[Path]:
    """Two copies of a prepared toy."""
    return [shutil.copytree(toy, folder / name) for name in ("one", "another")]


def _make(made: Made, world: Path, number: int) -> str:
    """Returns the last lines of standard error where the command failed."""
    shutil.rmtree(world / "made", ignore_errors=True)
    (world / "made").mkdir()
    temporary = world / "temporary"
    temporary.mkdir(exist_ok=True)
    other = {
        "PYTHONHASHSEED": str(1 + number),
        "TZ": ("UTC", "Pacific/Kiritimati")[number],
        "LC_ALL": ("C", "C.UTF-8")[number],
        "TMPDIR": str(temporary),
        "COLUMNS": ("80", "200")[number],
    }
    done = subprocess.run(
        edgefrac(*made.arguments),
        cwd=world,
        env=environment(made.threads[number], **other),
        umask=(0o022, 0o077)[number],
        capture_output=True,
        text=True,
    )
    if made.standard_output:
        (world / "made" / "output").write_text(done.stdout)
    return "" if done.returncode == 0 else f"status {done.returncode}: {done.stderr.strip()[-300:]}"


def _files(root: Path) -> dict[str, Path]:
    return {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}


def _bytes_that_differ(one: bytes, other: bytes) -> int:
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))


def main() -> None:
    """Make everything twice, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="names of the table's first column")
    parser.add_argument("--out", type=Path, help="write the table there as JSON, too")
    given = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder) / "toy")
        worlds = two_worlds(Path(folder) / "toy", Path(folder))
        wanted = [made for made in artefacts() if not given.only or made.name in given.only]
        rows = [compare(made, worlds) for made in track(wanted, "made twice", console=console)]
    table = Table("artefact", "identical files", "differing", "cannot be identical")
    for row in rows:
        different = row.failed or "\n".join(f"{name}: {n} bytes" for name, n in row.differing.items())
        table.add_row(row.name, str(row.identical), different, "\n".join(f"{n}: {why}" for n, why in row.never.items()))
    Console().print(table)
    if given.out:
        given.out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    if any(row.differing or row.failed for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
