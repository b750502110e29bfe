"""Every command that writes, on a full disk, into a folder that cannot be written, and with too little memory.

    python -m benchmarks.reliability.shortages [--only COMMAND …] [--steps 6] [--out FILE]

Disks are filled by a limit on the size of files, of as many sizes as there are steps, from nothing to more than the
largest file made; memory by a limit on data. Right is: status 0 with all files whole, or status 2 with one line that
names the cause and one with the next step; what was there before is as it was, and nothing half written is left.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.reliability.folders import broken, digests, unfinished
from benchmarks.reliability.killing import run
from benchmarks.reliability.outcome import MEBIBYTES, Outcome, little_memory, misspoken, sizes
from benchmarks.reliability.preparing import prepare
from benchmarks.reliability.scarce_room import from_the_start, while_images_come
from benchmarks.reliability.toy import BUNDLE, GATED, IMAGE, RELEASE, edgefrac, environment

_GATE = ("--recipe", "export.yaml", "--data", GATED)
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "data phantom": ("data", "phantom", "out/phantoms", "-n", "3"),
    "data split": ("data", "split", GATED, "--out", "out/split.json", "--folds", "3"),
    "data audit": ("data", "audit", GATED, "--out", "out/audit.html"),
    "predict --overlay": ("predict", IMAGE, "--model", BUNDLE, "--overlay", "out/overlays"),
    "predict --out": ("predict", IMAGE, "--model", BUNDLE, "--out", "out/parquet", "--processes", "1"),
    "evaluate": ("evaluate", "--model", BUNDLE, "--data", GATED),
    "explain": ("explain", IMAGE, "--model", BUNDLE, "--out", "out/explained.png"),
    "bundle": ("bundle", BUNDLE, "--app", "out"),
    "bench": ("bench", BUNDLE, "--device", "cpu", "--seconds", "0.05", "--report", "out/report.html"),
    "export": ("export", RELEASE, *_GATE, "--out", "out/bundle"),
    "train": ("train", "train.yaml", "--out", "out"),
    "sweep": ("sweep", "sweep.yaml", "--out", "out/sweep", "--trials", "1"),
}
SERVE = "serve"
_PATIENCE = 300  # seconds


def under(shortage: str, limit: Callable[[], None] | None, command: str, work: Path, prefix: Sequence[str]) -> Outcome:
    """Run it where something is short, and look at how it ended and what is left."""
    out = work / "out"
    before = digests(out)
    temporary = work / "temporary"
    temporary.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [*prefix, *edgefrac(*COMMANDS[command])],
        cwd=work,
        env=environment(TMPDIR=str(temporary)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )
    try:
        _, said = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
        return Outcome(command, shortage, process.returncode, said, (f"not ended after {_PATIENCE} s",))
    faults = [*broken(out), *(f"left: {name}" for name in unfinished(out))]
    if process.returncode:
        after = digests(out)
        faults += [f"changed: {name}" for name, digest in before.items() if after.get(name) != digest]
        faults += list(misspoken(process.returncode, said))
    errors = [line for line in said.splitlines() if line.startswith(("error: ", "hint: "))]
    words = "; ".join(errors) or (said.strip().splitlines() or [""])[-1]
    return Outcome(command, shortage, process.returncode, words, tuple(faults))


def full_disk(size: int) -> Callable[[], None]:
    """No file may grow beyond ``size`` bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def bound_by_permissions() -> Sequence[str] | None:
    """A prefix under which permissions count, though root runs it; None where there is none."""
    if os.geteuid():
        return ()
    setpriv = shutil.which("setpriv")
    return (setpriv, "--bounding-set=-dac_override,-dac_read_search,-fowner") if setpriv else None


def strike(command: str, work: Path, steps: int) -> Iterator[Outcome]:
    """Every shortage for one command; ``work`` is as ``prepare`` leaves it."""
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    if (prefix := bound_by_permissions()) is not None and command != "evaluate":
        out.chmod(0o555)
        yield under("folder that cannot be written", None, command, work, prefix)
        out.chmod(0o755)
    run(edgefrac(*COMMANDS[command]), work)
    largest = max((path.stat().st_size for path in out.rglob("*") if path.is_file()), default=4096)
    for step in range(steps):
        shutil.rmtree(out)
        out.mkdir()
        if step % 2:  # something is there already
            run(edgefrac(*COMMANDS[command]), work)
        size = int(1.1 * largest * step / max(1, steps - 1))
        yield under(f"disk full after {size} bytes", full_disk(size), command, work, ())
    for size in sizes(MEBIBYTES, steps):
        yield under(f"{size} MiB of memory", little_memory(size), command, work, ())


def _serving(work: Path, steps: int) -> Iterator[Outcome]:
    yield from from_the_start(work / BUNDLE, work, steps)
    yield from while_images_come(work / BUNDLE, work, steps)


def main() -> None:
    """Let everything be short, and print how each ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*COMMANDS, SERVE]
    parser.add_argument("--only", nargs="*", choices=known, default=known, metavar="COMMAND")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--out", type=Path, help="write all outcomes there as JSON")
    given = parser.parse_args()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        prepare(work, epochs=1)
        for command in track(given.only, "commands", console=Console(stderr=True)):
            outcomes += _serving(work, given.steps) if command == SERVE else strike(command, work, given.steps)
    table = Table("command", "shortage", "status", "said", "faults")
    for one in outcomes:
        table.add_row(one.command, one.shortage, str(one.status), one.said[:200], "\n".join(one.faults))
    Console().print(table)
    if given.out:
        given.out.write_text(json.dumps([asdict(one) for one in outcomes], indent=1) + "\n", encoding="utf-8")
    if any(one.faults for one in outcomes):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
