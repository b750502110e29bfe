"""Model files in another Python, which need not be of this machine's kind: images in, every answer out."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import DeviceError

SCRIPT = Path(__file__).with_name("bare_script.py")


@dataclass(frozen=True)
class Answers:
    """Of one file: ``probability`` float32 [N, K], ``evidence`` float32 [N, h, w, K], and the runtime in words.

    ``evidence`` is [N, 0] where the file has no map.
    ``log`` is what its process wrote to standard error, on all its files.
    ``first_answer`` is when the first came, in seconds of ``time.monotonic``; ``peak_rss`` the most bytes that its
    process had in memory up to its last answer, None where the system does not tell.
    """

    probability: NDArray[np.float32]
    evidence: NDArray[np.float32]
    runtime: str
    first_answer: float
    peak_rss: int | None
    log: str


class BarePythonError(DeviceError):
    """A Python that stopped before it had answered; ``log`` is what it wrote to standard error.

    ``crash`` names the signal that ended it, such as SIGSEGV, and is empty where it stopped by itself.
    """

    def __init__(self, message: str, log: str, crash: str) -> None:
        super().__init__(message)
        self.log, self.crash = log, crash


@dataclass(frozen=True)
class BarePython:
    """A Python interpreter by the command that starts it, its whole environment, and the script that it runs."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    script: Path = SCRIPT

    def run(
        self, files: Sequence[Path], images: NDArray[np.uint8], threads: int = 1, kernels: str = "AUTO"
    ) -> list[Answers]:
        """What each file says to network inputs uint8 [N, S, S]; raises BarePythonError with the Python's last line.

        ``kernels`` names LiteRT's operator resolver: ``AUTO`` is XNNPACK's, ``BUILTIN_REF`` TFLite's reference kernels.
        ``GPU`` is its GPU accelerator, which takes a file whole or not at all; ``GPU_F32`` asks it for float32.
        For ONNX Runtime ``PRECISE`` asks for sums that do not saturate on x86-64 without VNNI.
        """
        with tempfile.TemporaryDirectory() as folder:
            job, given, said = (Path(folder) / name for name in ("job.json", "images.npy", "answers.npz"))
            np.save(given, images)
            names = [str(file.resolve()) for file in files]
            order = {"files": names, "images": str(given), "answers": str(said), "threads": threads, "kernels": kernels}
            job.write_text(json.dumps(order))
            log = self._execute([str(self.script), str(job)])
            with np.load(said) as found:
                return [
                    Answers(
                        found[f"{n}:probability"],
                        found[f"{n}:evidence"],
                        str(found["about"][n]),
                        float(found["first"][n]),
                        int(found["peak"][n]) or None,
                        log,
                    )
                    for n in range(len(files))
                ]

    def _execute(self, arguments: Sequence[str]) -> str:
        command = [*self.command, "-P", *arguments]  # its folder has modules named like runtimes
        try:
            done = subprocess.run(
                command, env=dict(self.environment), capture_output=True, text=True, errors="replace", check=False
            )
        except OSError as error:
            raise DeviceError(f"{self.command[0]} does not start ({error.strerror})") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            crash = signal.Signals(-done.returncode).name if done.returncode < 0 else ""
            status = crash or f"status {done.returncode}"
            raise BarePythonError(f"{Path(self.command[-1]).name} stopped with {status} ({last})", done.stderr, crash)
        return done.stderr
