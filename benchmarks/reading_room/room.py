"""``edgefrac serve`` as a process of its own: started, watched, stopped and killed from outside."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_STARTING_SECONDS = 120.0


def free_port() -> int:
    """A port that nobody listens on now, out of those that the system does not lend to clients meanwhile."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


class Room:
    """A reading room on this machine; ``options`` go to the command line as they are."""

    def __init__(self, model: Path, state: Path, *options: str, port: int | None = None, dicom_port: int | None = None):
        self.port, self.dicom_port = port or free_port(), dicom_port or free_port()
        self.log = state.with_suffix(".log")
        self._command = [
            *(sys.executable, "-m", "edgefrac", "serve", "--model", str(model), "--state", str(state)),
            *("--port", str(self.port), "--dicom-port", str(self.dicom_port), *options),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where its page is."""
        return f"http://127.0.0.1:{self.port}"

    def start(
        self, nice: int = 0, limit: Callable[[], None] | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it, and wait until it is ready; ``limit`` is what it does first. Raises ``RuntimeError``."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["nice", "-n", str(nice), *self._command] if nice else self._command,
                stdout=log,
                stderr=log,
                preexec_fn=limit,
                env=environment,
            )
        end = time.monotonic() + _STARTING_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"edgefrac serve ended with {self.process.returncode}: see {self.log}")
            try:
                with urllib.request.urlopen(f"{self.address}/ready", timeout=2):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("edgefrac serve never became ready")

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._signal(signal.SIGKILL)

    def _signal(self, which: signal.Signals) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(which)
            self.process.wait(60)

    def get(self, path: str) -> Any:
        """A JSON answer of it."""
        with urllib.request.urlopen(f"{self.address}{path}", timeout=30) as response:
            return json.load(response)

    def memory(self) -> dict[str, float]:
        """Resident memory in MiB (proportional set size, shared pages counted once) of server and readers."""
        assert self.process
        found = {"server": _pss(self.process.pid), "readers": 0.0}
        for child in _children(self.process.pid):
            found["readers"] += _pss(child)
        return found

    def wait_until_read(self, seconds: float = 600) -> None:
        """Wait until no image is waiting."""
        end = time.monotonic() + seconds
        while self.get("/v1/worklist?limit=1")["counts"]["waiting"]:
            if time.monotonic() > end:
                raise RuntimeError("images still wait")
            time.sleep(0.05)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    found = [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
    return found + [each for child in found for each in _children(child)]


def _pss(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024
