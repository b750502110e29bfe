"""A small bundle to break, and what tests do with folders and archives of one."""

from __future__ import annotations

import os
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np

from edgefrac.bundle import MODEL_CARD, Bundle, GoldenVector, expected, write_bundle
from tests.verification.examples import contract

INT8, FP32 = "tiny-int8.tflite", "tiny-fp32.tflite"
Write = Callable[[Path], Bundle]


def golden() -> list[GoldenVector]:
    """Two golden vectors of noise."""
    rng = np.random.default_rng(0)
    answer = expected(
        np.array([0.1], np.float32),
        rng.normal(size=(2, 2, 1)).astype(np.float32),
        probability_tolerance=1e-5,
        evidence_tolerance=1e-4,
    )
    return [
        GoldenVector(
            f"phantom-{i}",
            rng.integers(0, 256, (20 + i, 30), dtype=np.uint8),
            rng.integers(0, 256, (32, 32), dtype=np.uint8),
            {INT8: answer, FP32: answer},
        )
        for i in range(2)
    ]


def write(models: Path, folder: Path, certificate: str = '{"a": 1}\n') -> Bundle:
    """A bundle of two files that only look like models."""
    return write_bundle(
        folder,
        name="tiny",
        artefacts=[models / INT8, models / FP32],
        contracts={INT8: contract("int8"), FP32: contract("fp32")},
        certificate=certificate,
        texts={MODEL_CARD: "# tiny\n"},
        golden=golden(),
    )


def content(folder: Path) -> dict[str, bytes]:
    """Every file's bytes, by its name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def zipped(folder: Path, target: Path, prefix: str = "") -> Path:
    """The folder as a .zip."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in content(folder).items():
            archive.writestr(prefix + name, data)
    return target


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail instead of waiting for ever, for a pipe or a device."""

    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"not done within {seconds} s")

    former = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()
