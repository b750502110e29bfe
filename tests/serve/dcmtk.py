"""DCMTK's programs as clients and as a destination, and dicom3tools' as judges of what we write."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips a test where one of the programs is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)} (apt: dcmtk, dicom3tools)")


def run(program: str, *arguments: str | Path, seconds: float = 30) -> subprocess.CompletedProcess[str]:
    """The program, ended, whatever its exit status."""
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=seconds, errors="replace")


def complaints(*files: Path, about_private_scheme: bool = False) -> list[str]:
    """What ``dciodvfy`` says against each file, without its note that our coding scheme is none of the standard's."""
    said = [line for file in files for line in run("dciodvfy", file).stderr.splitlines()]
    found = [line for line in said if line.startswith(("Error", "Warning"))]
    return [line for line in found if about_private_scheme or "<99EDGEFRAC>" not in line]


def inconsistencies(*files: Path) -> list[str]:
    """What ``dcentvfy`` says against the files as objects of one patient.

    It holds the accession number for the study's in reports and for the series' in images, whoever wrote them.
    """
    said = run("dcentvfy", *files)
    return [line for line in (said.stdout + said.stderr).splitlines() if "Element=<AccessionNumber> IE" not in line]


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(port: int, seconds: float = 20) -> None:
    """Until somebody listens."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < end, f"nobody listens on {port}"
            time.sleep(0.05)


@dataclass(frozen=True)
class Storescp:
    """A running ``storescp`` and where it puts what it gets."""

    port: int
    folder: Path

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_file())


@contextmanager
def storescp(folder: Path, *options: str, port: int | None = None) -> Iterator[Storescp]:
    """A destination, until the end of the block."""
    folder.mkdir(exist_ok=True)
    port = port or free_port()
    child = subprocess.Popen(
        ["storescp", *options, "--aetitle", "ARCHIVE", "-od", folder, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield Storescp(port, folder)
    finally:
        child.kill()
        child.wait()
