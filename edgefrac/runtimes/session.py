"""One interface to every runtime: a network input in, a ``Prediction`` out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Contract
from edgefrac.errors import ModelFileError

_HEAD_BYTES = 16
_PICKLE_SUFFIXES = {".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"}


@dataclass(frozen=True)
class Prediction:
    """What a model says about one radiograph.

    ``probability`` is float32 [K], calibrated; ``evidence`` is float32 [h, w, K] in log-odds,
    or None where the file has no evidence map.
    """

    probability: NDArray[np.float32]
    evidence: NDArray[np.float32] | None


class Session(Protocol):
    """A model file, loaded and ready to run."""

    @property
    def path(self) -> Path:
        """The file that was loaded."""

    @property
    def contract(self) -> Contract:
        """What the file promises."""

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """Run the model on one network input, uint8 [S, S] as ``imaging.preprocess.preprocess`` makes it."""


class ModelKind(Enum):
    """What kind of model file it is; the value is its name for people."""

    TFLITE = "TFLite"
    CHECKPOINT = "safetensors checkpoint"


def open_session(path: Path, threads: int = 1) -> Session:
    """Load a model file into its runtime.

    Raises ``ModelFileError`` for a file that is missing, cut short, foreign or without contract, and for a pickle,
    which could run code; ``CheckpointError`` for a checkpoint that cannot be used.
    """
    if model_kind(path) is ModelKind.TFLITE:
        from edgefrac.runtimes.litert import LiteRTSession

        return LiteRTSession(path, threads)
    from edgefrac.runtimes.torch import TorchSession

    return TorchSession(path, threads)


def model_kind(path: Path) -> ModelKind:
    """What a file is by its first bytes, never by its name; raises ``ModelFileError`` for any other file."""
    head = _read_head(path)
    if head[4:8] == b"TFL3":
        return ModelKind.TFLITE
    if _is_safetensors(head):
        return ModelKind.CHECKPOINT
    raise _foreign(path, head)


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror})") from None


def _is_safetensors(head: bytes) -> bool:
    """A safetensors file starts with the length of its header (uint64, little-endian) and the header's brace."""
    return len(head) > 8 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 100_000_000


def _foreign(path: Path, head: bytes) -> ModelFileError:
    if not head:
        return ModelFileError(f"{path}: the file is empty")
    if path.suffix.lower() in _PICKLE_SUFFIXES or (head[:1] == b"\x80" and head[1:2] <= b"\x05"):
        return ModelFileError(
            f"{path}: looks like a pickled checkpoint, and loading a pickle could run code",
            hint="save the weights as safetensors (safetensors.torch.save_file) and export those",
        )
    return ModelFileError(
        f"{path}: neither a TFLite file nor a safetensors checkpoint",
        hint="give a .tflite file or bundle written by 'edgefrac export', or a .safetensors checkpoint",
    )
