"""A real reading room: ``edgefrac serve`` in a process of its own, on a free port of this machine."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.imaging.files import noise, png
from tests.processes import children

REPOSITORY = Path(__file__).parents[2]
STARTING_SECONDS = 60.0
_ADDRESS = re.compile(r"reading room: (http://\S+?)/ ")
_TOKEN = re.compile(r"access token: (\S+)")
_numbers = itertools.count(1)


class Server:
    """Started when made; ``arguments`` follow ``python -m``. What it prints is read all the time."""

    def __init__(self, *arguments: str | Path) -> None:
        # warnings of libraries may quote what they read: none is left out, of readers neither
        settings = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "always"}
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **settings}
        command = [sys.executable, "-m", *map(str, arguments)]
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.append(line.decode(errors="surrogateescape"))

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return "".join(self._lines)

    def printed(self, pattern: re.Pattern[str], seconds: float = STARTING_SECONDS) -> str:
        """Wait until it has printed that; the first group."""
        wait_until(lambda: pattern.search(self.output) or self.process.poll() is not None, seconds)
        found = pattern.search(self.output)
        assert found, self.output
        return found[1]

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.printed(_ADDRESS)

    @property
    def port(self) -> int:
        """At which port of 127.0.0.1."""
        return int(self.address.rsplit(":", 1)[1])

    @property
    def token(self) -> str:
        """What it wants to see."""
        return self.printed(_TOKEN)

    def client(self, **options: Any) -> httpx.Client:
        """A client of it, to be closed."""
        return httpx.Client(base_url=self.address, timeout=30, **options)

    def readers(self) -> list[int]:
        """Process ids of its readers."""
        return children(self.process.pid)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status; nothing of it is left."""
        readers = self.readers()
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(30)
        for reader in readers:
            wait_until(lambda reader=reader: not Path(f"/proc/{reader}").exists(), 10)  # type: ignore[misc]
        self._reader.join(10)
        return status


def own_readers() -> list[int]:
    """Process ids of the readers that this process started; servers that it started have theirs."""
    found = []
    for child in children(os.getpid()):
        with suppress(OSError):
            if b"Reading" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


@contextmanager
def serving(model: Path, state: Path, *options: str | Path) -> Iterator[Server]:
    """A reading room within the block."""
    server = Server("edgefrac", "serve", "--model", model, "--state", state, "--port", "0", *options)
    try:
        assert server.address
        yield server
    finally:
        server.end(signal.SIGKILL)


def wait_until(holds: Callable[[], Any], seconds: float = 20.0) -> None:
    """Fail where it does not hold by then."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)


def radiograph(seed: int | None = None, side: int = 48) -> bytes:
    """A PNG that is different from all others of this process, or the one of a seed."""
    return png(noise(side, side, seed=next(_numbers) + 1_000_000 if seed is None else seed))


def all_done(client: httpx.Client, seconds: float = 30.0) -> None:
    """Wait until no image waits."""
    wait_until(lambda: client.get("/v1/worklist?limit=1").json()["counts"]["waiting"] == 0, seconds)


def as_files(images: Sequence[tuple[str, bytes]]) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Names and bytes, as a multipart body has them."""
    return [("files", (name, data, "application/octet-stream")) for name, data in images]
