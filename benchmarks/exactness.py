"""Does every runtime give the codes of the integer network? The rows of docs/exactness.md.

    python -m benchmarks.exactness GROUP… [--data DIR] [--images N] [--network NAME…] [--work DIR]

GROUP is ``x86`` (LiteRT with XNNPACK, ONNX Runtime, OpenVINO), ``builtin`` (TFLite's own kernels), ``old-x86``
(processors without VNNI, emulated) or ``arm64`` (emulated). Evidence maps are compared code by code with
``quantization.integers``. The folder given by --work keeps what the integer network said, and the arm64 system.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.exactness_subjects import SUBJECTS, Subject, make_subject
from edgefrac.errors import DeviceError
from edgefrac.runtimes import arm64
from edgefrac.runtimes.bare import Answers, BarePython

# name -> (files, emulated x86 processor): no VNNI on any
OLD_X86 = {"AVX2 (Haswell)": "Haswell", "SSE4 (Nehalem)": "Nehalem"}


@dataclass(frozen=True)
class Row:
    """How far one runtime on one device is from the integers, over all ``codes`` of the evidence maps.

    ``largest`` is in LSB, ``probability`` the largest distance of a probability.
    """

    network: str
    runtime: str
    device: str
    evidence_level: str
    images: int
    codes: int
    identical: float
    largest: int
    probability: float


def compare(subject: Subject, answers: Answers, device: str, level: str, runtime: str = "") -> Row:
    found = answers.evidence / subject.scale
    distance = np.abs(found - subject.expected)
    return Row(
        subject.name,
        runtime or answers.runtime,
        device,
        level,
        len(subject.images),
        int(distance.size),
        float((distance == 0).mean()),
        int(np.ceil(distance.max())),
        float(np.abs(answers.probability - subject.probability).max()),
    )


def here() -> BarePython:
    """This Python on this machine."""
    return BarePython((sys.executable,), os.environ)


def x86(subject: Subject, _: argparse.Namespace) -> Iterator[Row]:
    for threads in (1, 2):
        device = f"{platform.machine()}, {threads} thread" + "s" * (threads > 1)
        for file in subject.files.values():
            (answers,) = here().run([file], subject.images, threads)
            yield compare(subject, answers, device, "measured")


def builtin(subject: Subject, _: argparse.Namespace) -> Iterator[Row]:
    for kernels in ("BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF"):
        (answers,) = here().run([subject.files["tflite"]], subject.images, kernels=kernels)
        row = compare(subject, answers, platform.machine(), "measured")
        yield Row(**{**asdict(row), "runtime": f"{row.runtime.split(' with')[0]}, {kernels}"})


def old_x86(subject: Subject, _: argparse.Namespace) -> Iterator[Row]:
    qemu = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")
    if qemu is None:
        raise DeviceError("no x86-64 emulator is installed (qemu-x86_64)")
    for device, processor in OLD_X86.items():
        emulated = BarePython((qemu, "-cpu", processor, sys.executable), os.environ)
        yield from _on_each(subject, emulated, ("tflite", "onnx", "xml"), f"x86-64 {device}")


def on_arm64(subject: Subject, arguments: argparse.Namespace) -> Iterator[Row]:
    machine = arm64.set_up(arguments.work, lambda text: print(text, file=sys.stderr))
    for processor in arm64.PROCESSORS:
        yield from _on_each(subject, machine.python(processor), ("tflite", "onnx"), f"arm64 {processor}")


def _on_each(subject: Subject, python: BarePython, kinds: tuple[str, ...], device: str) -> Iterator[Row]:
    for kind in kinds:
        try:
            (answers,) = python.run([subject.files[kind]], subject.images)
        except DeviceError as error:
            print(f"{subject.name}.{kind} on {device}: {error.message}", file=sys.stderr)
            continue
        yield compare(subject, answers, device, "emulated")


GROUPS: dict[str, Callable[[Subject, argparse.Namespace], Iterator[Row]]] = {
    "x86": x86,
    "builtin": builtin,
    "old-x86": old_x86,
    "arm64": on_arm64,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="+", choices=GROUPS, metavar="GROUP")
    parser.add_argument("--data", default="phantom:n=20,seed=7")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--network", nargs="+", choices=SUBJECTS, default=SUBJECTS)
    parser.add_argument("--work", type=Path, default=Path("build/exactness"))
    arguments = parser.parse_args()
    print(f"images: {arguments.data}")
    for name in arguments.network:
        subject = make_subject(name, arguments.data, arguments.images, arguments.work)
        for group in arguments.groups:
            for row in GROUPS[group](subject, arguments):
                print(json.dumps(asdict(row)), flush=True)


if __name__ == "__main__":
    main()
