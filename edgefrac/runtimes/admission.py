"""Which model files this process may open: those that a guarded process of this machine survived opening and running.

Runtimes are native code, and a file made or cut to do so can crash them. So a file is tried first, once: it opens and
answers one network input in a process of its own, held to a time and a memory. That it did is remembered by the SHA-256
of all that belongs to it and by the runtime's version, in the user's cache folder.

Not covered: a file that is exchanged between the trial, or the look into the register, and its use (who can do that can
write where the user does); other devices than this machine's CPU, whose runtimes and drivers get the file untried; a
file that harms only on other inputs; and who can write into the user's cache folder.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from edgefrac.digest import file_sha256
from edgefrac.errors import CheckpointError, EdgeFracError, ModelFileError
from edgefrac.runtimes.cache_folder import cache_folder
from edgefrac.runtimes.session import ModelKind, model_kind, open_session
from edgefrac.runtimes.unopened import unopened
from edgefrac.targets.registry import of_kind
from edgefrac.workers.child import Answering, Child, UnopenedError
from edgefrac.workers.limits import TRIAL

_REMEMBERED = 4096
"""Most files in the register; the oldest half goes when there are more."""
_RUNTIMES = {
    ModelKind.TFLITE: "ai-edge-litert",
    ModelKind.ETHOS_U: "ai-edge-litert",
    ModelKind.ONNX: "onnxruntime",
    ModelKind.ORT: "onnxruntime",
    ModelKind.OPENVINO: "openvino",
    ModelKind.CHECKPOINT: "torch",
}


def admit(path: Path) -> None:
    """Make sure that this process may open a model file, by a trial where it is not known.

    Raises ``ModelFileError`` for a file that its runtime crashed or hung on, and ``ModelFileError`` or
    ``CheckpointError`` for one that it refused. A runtime that is not installed is for ``open_session`` to say.
    """
    before = _key(path)
    if before is not None and _is_known(before):
        return
    try:
        _survived(path)
    except (ModelFileError, CheckpointError):
        raise
    except EdgeFracError:
        return  # the machine's doing, not the file's
    if _key(path) != before:
        raise ModelFileError(f"{path}: has changed while it was tried", hint="run it again when nobody writes to it")
    if before is not None:
        _know(before)


def is_admitted(path: Path) -> bool:
    """Whether ``admit`` knows the file; raises ``ModelFileError`` for what is no model file."""
    key = _key(path)
    return key is not None and _is_known(key)


def remember(path: Path) -> None:
    """Spare the file its trial: for one of a bundle whose signature by a trusted key holds, or that was made here."""
    if key := _key(path):
        _know(key)


@dataclass(frozen=True)
class Trial:
    """The service of a trial: a model file is opened and run once, and that is all."""

    path: Path

    def open(self) -> Answering:
        """Raises what ``open_session`` and running it raise."""
        import numpy as np

        session = open_session(self.path)
        size = session.contract.input.size
        session.predict(np.zeros((size, size), np.uint8))
        return lambda head, blobs: (head, blobs)


def _survived(path: Path) -> None:
    child = Child(Trial(path), TRIAL)
    try:
        child.hear()
    except UnopenedError as error:
        raise unopened(path, error.reason) from None
    finally:
        child.kill()


def _key(path: Path) -> str | None:
    """What a file is known by; None where a part of it, or its runtime, is missing."""
    kind = model_kind(path)
    target = of_kind(kind.value)
    try:
        digests = [file_sha256(part) for part in (path, *(target.companions(path) if target else ()))]
    except OSError:
        return None
    name = _RUNTIMES[kind]
    try:
        runtime = f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return None
    return hashlib.sha256("\n".join(["edgefrac.admitted/1", runtime, *digests]).encode()).hexdigest()


def _register() -> Path:
    """One empty file for each model file: whole or not there, whoever else writes to it."""
    return cache_folder() / "admitted"


def _is_known(key: str) -> bool:
    return (_register() / key).is_file()


def _know(key: str) -> None:
    """Best effort: what cannot be remembered is tried again."""
    folder = _register()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / key).touch()
        known = list(folder.iterdir())
        if len(known) > _REMEMBERED:
            known.sort(key=lambda file: file.stat().st_mtime)
            for file in known[: len(known) - _REMEMBERED // 2]:
                file.unlink(missing_ok=True)
