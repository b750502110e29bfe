"""ExecuTorch with XNNPACK, in a Python of its own that stays alive, so that it can run in turns with all others."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peers.entrants import THREADS, Entrant
from benchmarks.peers.peer_files import Eager
from benchmarks.peers.workshop import Workshop
from edgefrac.contract import Precision
from edgefrac.errors import DeviceError
from edgefrac.models.network import normalise
from edgefrac.progress import Note
from edgefrac.runtimes.session import Prediction

MAKER, FORM = "ExecuTorch, XNNPACK", "executorch"
ANCHOR_HERE, ANCHOR_THERE = "torch program, eager", "torch program, eager, in ExecuTorch's Python"
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
_SCRIPT = Path(__file__).with_name("executorch_script.py")


class Worker:
    """A process of the given Python that carries out orders; raises DeviceError where it fails."""

    def __init__(self, python: Path) -> None:
        command = [str(python), "-P", str(_SCRIPT)]  # without its folder, which has a module named executorch
        try:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError as error:
            raise DeviceError(f"{python} does not start ({error.strerror})") from error

    def ask(self, **order: Any) -> dict[str, Any]:
        """What the script answers to an order."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise DeviceError(f"{_SCRIPT.name} stopped with status {self._process.wait()}")
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            raise DeviceError(f"{_SCRIPT.name}: {said['error']}")
        return said

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


class Remote:
    """A file in the worker.

    ``run`` leaves its answer there; ``taken`` holds, for each run, seconds by the worker's own clock and seconds of its
    processor, so that the way between the processes is not in them.
    """

    def __init__(self, worker: Worker, file: Path, folder: Path) -> None:
        self._worker, self._name, self._folder = worker, file.name, folder
        self.taken: list[tuple[float, float]] = []
        if (threads := worker.ask(do="open", name=self._name, file=str(file))["threads"]) != THREADS:
            raise DeviceError(f"{file.name} works with {threads} threads")

    def prepare(self, network_input: NDArray[np.uint8]) -> None:
        image = self._folder / "image.npy"
        np.save(image, _centred(network_input[None]))
        self._worker.ask(do="show", image=str(image))

    def run(self, prepared: None) -> None:
        said = self._worker.ask(do="run", name=self._name)
        self.taken.append((said["seconds"], said["processor"]))

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        self.prepare(network_input)
        answers = self._folder / "answers.npz"
        self._worker.ask(do="answer", name=self._name, answers=str(answers))
        with np.load(answers) as found:
            return Prediction(found["probability"][0], np.moveaxis(found["evidence"][0], 0, -1))


def executorch_entrants(workshop: Workshop, worker: Worker | None, note: Note) -> Iterator[Entrant]:
    """Its fp32 and int8 files, and the torch program they are made from in either process; or why there are none."""
    if worker is None:
        yield from _unavailable("no Python with executorch was given (--executorch)")
        return
    note(f"making: {MAKER}")
    folder, module = workshop.folder, workshop.subject.exportable.module
    size = workshop.subject.exportable.size
    contract = workshop.subject.exportable.contract("fp32", workshop.subject.identity)
    started = time.perf_counter()
    program = torch.export.export(module.eval(), (torch.zeros(1, 1, size, size),))
    program.example_inputs = None  # the only part of the file that would be a pickle
    torch.export.save(program, file := folder / "student.pt2")
    seconds = time.perf_counter() - started
    np.save(calibration := folder / "calibration.npy", _centred(workshop.calibration))
    try:
        made = worker.ask(do="make", file=str(file), folder=str(folder), calibration=str(calibration))
    except DeviceError as error:
        yield from _unavailable(error.message)
        return
    for precision in PRECISIONS:
        path = Path(made[precision]["path"])
        yield Entrant(
            MAKER,
            FORM,
            precision,
            lambda path=path: Remote(worker, path, folder),  # type: ignore[misc]
            contract.model_copy(update={"precision": precision}),
            export_seconds=seconds + made[precision]["seconds"],
            size_bytes=path.stat().st_size,
        )
    here = torch.export.load(file).module()
    yield Entrant(ANCHOR_HERE, "torch", "fp32", lambda: Eager(here, last=False))
    yield Entrant(ANCHOR_THERE, "torch", "fp32", lambda: Remote(worker, file, folder))


def _unavailable(reason: str) -> list[Entrant]:
    return [Entrant(MAKER, FORM, precision, None, reason=reason) for precision in PRECISIONS]


def _centred(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 [N, S, S] as torch takes it: float32 [N, 1, S, S]."""
    values: NDArray[np.float32] = normalise(torch.from_numpy(images.copy()))[:, None].numpy()
    return values
