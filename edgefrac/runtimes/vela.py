"""Arm's compiler for its Ethos-U NPUs, ``vela``: what it makes of a TFLite file, and what it predicts."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgefrac.errors import DeviceError, MissingExtraError
from edgefrac.runtimes.backend import Placed, Reported
from edgefrac.runtimes.compiled_tflite import placed
from edgefrac.targets.tflite_metadata import read_contract

_REASON = re.compile(r"\(supported operators\) operator: (\w+),.*\n(?:Reason: )?(.*)")
_TENSOR = re.compile(r" \([^()]*\)$")  # the name of the tensor that a reason is about
_KIB = 1024


@dataclass(frozen=True)
class Compiled:
    """A file as Vela compiled it: where its operators run, and Vela's estimate for those on the NPU."""

    placement: Placed
    estimate: Reported | None


def compile_for(path: Path, accelerator: str) -> Compiled:
    """Compile a TFLite file for an accelerator that ``vela --accelerator-config`` knows, with its default system.

    Raises ModelFileError for a damaged file, MissingExtraError without Vela, DeviceError where Vela does not take it.
    """
    read_contract(path)  # a damaged file can crash Vela
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as folder:
        said = _run([str(path.resolve()), f"--accelerator-config={accelerator}", f"--output-dir={folder}"], path)
        (file,) = Path(folder).glob("*_vela.tflite")
        after = file.read_bytes()
        (summary,) = Path(folder).glob("*_summary_*.csv")
        with summary.open(encoding="utf-8", newline="") as table:
            (row,) = csv.DictReader(table)
    found = placed(path.read_bytes(), after, "ethos-u", why_elsewhere(said))
    return Compiled(found, estimate(row) if found.on_device else None)


def why_elsewhere(said: str) -> str:
    """Vela's reasons for what it leaves to the processor, with the operators that each is about."""
    kinds: dict[str, list[str]] = {}
    for kind, reason in _REASON.findall(said):
        kinds.setdefault(_TENSOR.sub("", reason.strip()), []).append(kind)
    return "; ".join(f"{', '.join(sorted(them))} elsewhere: {reason}" for reason, them in kinds.items())


def estimate(row: dict[str, str]) -> Reported:
    """What the row of Vela's summary says of the operators on the NPU; those elsewhere take no time in it."""
    return Reported(
        "predicted",
        median_ms=float(row["inference_time"]) * 1e3,
        cycles=int(float(row["cycles_total"])),
        sram_kb=float(row["sram_memory_used"]) * _KIB / 1e3,
    )


def _run(arguments: list[str], path: Path) -> str:
    done = subprocess.run([command(path), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
        raise DeviceError(f"{path}: vela stopped with status {done.returncode} ({said[-1].strip()})")
    return done.stdout


def command(path: Path) -> str:
    """The ``vela`` of this Python's environment, else the one on PATH."""
    found = shutil.which("vela", path=str(Path(sys.executable).parent)) or shutil.which("vela")
    if found is None:
        raise MissingExtraError(f"{path}: compiling for Ethos-U", "npu")
    return found
