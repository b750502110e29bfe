"""One command killed at a moment, and what is counted about many such kills."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.reliability.toy import environment


class FailedError(Exception):
    """A command that should have ended well did not."""


@dataclass
class Killed:
    """What many kills of one command came to; all lists are to be empty."""

    command: str
    kills: int = 0
    seconds_uninterrupted: float = 0.0
    runs_that_ended: int = 0
    seconds_of_kills: list[float] = field(default_factory=list)
    kills_that_left_something_unfinished: int = 0
    broken_under_a_final_name: list[str] = field(default_factory=list)
    other_than_uninterrupted: list[str] = field(default_factory=list)
    unfinished_at_the_end: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        """Whatever should not have been."""
        return [
            *self.broken_under_a_final_name,
            *self.other_than_uninterrupted,
            *self.unfinished_at_the_end,
            *self.failed,
        ]

    def struck(self, seconds: float, unfinished: Sequence[str], broken: Sequence[str]) -> None:
        """Count a kill."""
        self.kills += 1
        self.seconds_of_kills.append(round(seconds, 2))
        self.kills_that_left_something_unfinished += bool(unfinished)
        self.broken_under_a_final_name += [f"kill {self.kills}: {problem}" for problem in broken]

    def compare(self, wanted: Mapping[str, str], got: Mapping[str, str]) -> None:
        """Digests by name of an uninterrupted run, and of one that was killed and resumed."""
        for name in sorted({*wanted, *got}):
            if wanted.get(name) != got.get(name):
                self.other_than_uninterrupted.append(f"after kill {self.kills}: {name}")


def kill_after(seconds: float, command: Sequence[str], folder: Path) -> bool:
    """Start ``command`` and kill its whole process group after a while; False where it had ended well before.

    Raises ``FailedError`` where it had ended otherwise.
    """
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=_environment(folder), stdout=output, stderr=output, start_new_session=True
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait() == -signal.SIGKILL
    if status:
        raise FailedError(f"status {status}: {_last_words(folder)}")
    return False


def run(command: Sequence[str], folder: Path) -> float:
    """Run to the end; returns seconds. Raises ``FailedError``."""
    started = time.monotonic()
    with (folder / "output").open("wb") as output:
        done = subprocess.run(command, cwd=folder, env=_environment(folder), stdout=output, stderr=output)
    if done.returncode:
        raise FailedError(f"status {done.returncode}: {_last_words(folder)}")
    return time.monotonic() - started


def _environment(folder: Path) -> Mapping[str, str]:
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    return environment(TMPDIR=str(temporary))


def _last_words(folder: Path) -> str:
    return (folder / "output").read_text(errors="replace").strip()[-300:]
