"""Does every runtime give the codes of the integer network? The rows of docs/exactness.md.

    python -m benchmarks.exactness GROUP… [--data DIR] [--images N] [--network NAME…] [--work DIR]

GROUP is ``x86`` (LiteRT with XNNPACK, ONNX Runtime, OpenVINO), ``builtin`` (TFLite's own kernels), ``old-x86``
(processors without VNNI), ``arm64`` (emulated), ``ethos-u`` or ``qualcomm``. Evidence maps are compared code by code
with ``quantization.integers``. The folder given by --work keeps what the integer network said, and the arm64 system;
``ethos-u`` and ``qualcomm`` need the extra ``npu``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.exactness_npu import ethos_u, qualcomm
from benchmarks.exactness_rows import Row, compare, here
from benchmarks.exactness_subjects import SUBJECTS, Subject, make_subject
from edgefrac.errors import DeviceError
from edgefrac.runtimes import arm64
from edgefrac.runtimes.bare import BarePython


def x86(subject: Subject, _: argparse.Namespace) -> Iterator[Row]:
    """The three runtimes on this machine."""
    for threads in (1, 2):
        device = f"{platform.machine()}, {threads} thread" + "s" * (threads > 1)
        for file in subject.files.values():
            (answers,) = here().run([file], subject.images, threads)
            yield compare(subject, answers, device, "measured")


def builtin(subject: Subject, _: argparse.Namespace) -> Iterator[Row]:
    """TFLite without XNNPACK."""
    for kernels in ("BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF"):
        (answers,) = here().run([subject.files["tflite"]], subject.images, kernels=kernels)
        yield compare(subject, answers, platform.machine(), "measured", kernels)


def old_x86(subject: Subject, _: argparse.Namespace) -> Iterator[Row]:
    """AVX2 emulated; and OpenVINO on this machine, held to the instructions of older ones."""
    for instructions in ("AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"):
        python = BarePython((sys.executable,), {**os.environ, "ONEDNN_MAX_CPU_ISA": instructions})
        (answers,) = python.run([subject.files["xml"]], subject.images)
        yield compare(subject, answers, f"{platform.machine()} held to {instructions}", "measured")
    qemu = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")
    if qemu is None:
        raise DeviceError("no x86-64 emulator is installed (qemu-x86_64)", hint="apt-get install qemu-user-static")
    haswell = BarePython((qemu, "-cpu", "Haswell", sys.executable), os.environ)
    for kind, kernels in (("tflite", "AUTO"), ("onnx", "AUTO"), ("onnx", "PRECISE"), ("xml", "AUTO")):
        (answers,) = haswell.run([subject.files[kind]], subject.images, kernels=kernels)
        yield compare(subject, answers, "x86-64 Haswell", "emulated", kernels if kernels != "AUTO" else "")


def on_arm64(subject: Subject, arguments: argparse.Namespace) -> Iterator[Row]:
    """LiteRT and ONNX Runtime on each emulated processor."""
    machine = arm64.set_up(arguments.work, lambda text: print(text, file=sys.stderr))
    for processor in arm64.PROCESSORS:
        for kind in ("tflite", "onnx"):
            (answers,) = machine.python(processor).run([subject.files[kind]], subject.images)
            yield compare(subject, answers, f"arm64 {processor}", "emulated")


GROUPS: dict[str, Callable[[Subject, argparse.Namespace], Iterable[Row | dict[str, Any]]]] = {
    "x86": x86,
    "builtin": builtin,
    "old-x86": old_x86,
    "arm64": on_arm64,
    "ethos-u": ethos_u,
    "qualcomm": qualcomm,
}


def main() -> None:
    """Print one JSON document a row."""
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
            _print(name, group, GROUPS[group](subject, arguments))


def _print(name: str, group: str, rows: Iterable[Row | dict[str, Any]]) -> None:
    try:
        for row in rows:
            print(json.dumps(row if isinstance(row, dict) else asdict(row)), flush=True)
    except DeviceError as error:
        print(f"{name}, {group}: {error.message}", file=sys.stderr)


if __name__ == "__main__":
    main()
