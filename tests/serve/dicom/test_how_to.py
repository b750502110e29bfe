"""The five commands of docs/dicom-node.md, on ports that are free."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.serve.dcmtk import free_port, needs, wait_for
from tests.serve.orthanc import Orthanc, needs_orthanc

PAGE = Path(__file__).parents[3] / "docs" / "dicom-node.md"


@needs_orthanc
@needs("storescu", "curl", "bash")
def test_orthanc_to_edgefrac_to_orthanc(tmp_path: Path) -> None:
    blocks = re.findall(r"^```\w*\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    ports = {shown: free_port() for shown in ("4242", "8042", "11112")}
    configuration, commands = (_with(ports, block) for block in blocks[:2])
    lines = commands.splitlines()
    assert len(lines) == 5
    (tmp_path / "orthanc.json").write_text(configuration)
    program = tmp_path / "bin" / "edgefrac"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m edgefrac "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}:/usr/sbin",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "XDG_STATE_HOME": str(tmp_path / "xdg"),
    }
    with _typed(lines, tmp_path, environment, [ports["8042"], ports["11112"]]):
        pacs = Orthanc(ports["4242"], ports["8042"])
        pacs.wait_for(DX=2, OT=2, SR=2)


def _with(ports: dict[str, int], text: str) -> str:
    for shown, free in ports.items():
        text = text.replace(shown, str(free))
    return text.replace("edgefrac serve ", "edgefrac serve --port 0 --readers 1 ")


@contextmanager
def _typed(lines: list[str], folder: Path, environment: dict[str, str], ports: list[int]) -> Iterator[None]:
    """Type the lines; behind one that goes to the background, wait until its port is open."""
    background: list[subprocess.Popen[bytes]] = []
    try:
        for line in lines:
            if not line.endswith(" &"):
                done = subprocess.run(
                    ["bash", "-c", line], cwd=folder, env=environment, timeout=60, capture_output=True, text=True
                )
                assert done.returncode == 0, (line, done.stderr)
                continue
            with (folder / f"log-{len(background)}").open("wb") as log:
                child = subprocess.Popen(
                    ["bash", "-c", f"exec {line[:-2]}"],
                    cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
            background.append(child)
            try:
                wait_for(ports[len(background) - 1], seconds=60)
            except AssertionError:
                pytest.fail((folder / f"log-{len(background) - 1}").read_text())
        yield
    finally:
        for child in background:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
