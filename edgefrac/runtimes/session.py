"""One interface to every runtime: a network input in, a ``Prediction`` out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Contract
from edgefrac.errors import ModelFileError
from edgefrac.regular_file import NotRegularFileError, open_regular

_HEAD_BYTES = 512
_IR_VERSIONS = range(3, 64)
_AFTER_IR_VERSION = {0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72}  # tags of an ONNX ModelProto's other fields
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


class FileSession:
    """What the sessions of all runtimes share: the file, its contract, and that no probability is NaN or infinite."""

    def __init__(self, path: Path, contract: Contract) -> None:
        self._path = path
        self._contract = contract

    @property
    def path(self) -> Path:
        """The file that was loaded."""
        return self._path

    @property
    def contract(self) -> Contract:
        """What the file promises."""
        return self._contract

    def _prediction(self, found: Mapping[str, NDArray[np.float32]]) -> Prediction:
        """The file's outputs by name; raises ``ModelFileError`` if the probability is not finite."""
        if not np.isfinite(found["probability"]).all():
            raise ModelFileError(f"{self._path}: the model's probability is not a finite number")
        return Prediction(found["probability"], found.get("evidence"))


NATIVE_ERRORS = (RuntimeError, ValueError, TypeError, LookupError, OverflowError, MemoryError)
"""What becomes of C++ exceptions on their way into Python, other than a library's own classes."""


@contextmanager
def errors_name_the_file(
    path: Path, runtime: str, action: str, kinds: type[Exception] | tuple[type[Exception], ...]
) -> Iterator[None]:
    """Turn what ``runtime`` raises, of these ``kinds``, into a ``ModelFileError`` in one line."""
    try:
        yield
    except kinds as error:
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelFileError(f"{path}: {runtime} cannot {action} it ({cause})") from error


class ModelKind(Enum):
    """What kind of model file it is; the value is its name for people."""

    TFLITE = "TFLite"
    ETHOS_U = "TFLite for Ethos-U"
    ONNX = "ONNX"
    OPENVINO = "OpenVINO IR"
    ORT = "ORT"
    CHECKPOINT = "safetensors checkpoint"


def open_session(path: Path, threads: int = 1) -> Session:
    """Load a model file into its runtime.

    Raises ``ModelFileError`` for a file that is missing, cut short, foreign or without contract, and for a pickle,
    which could run code; ``CheckpointError`` for a checkpoint that cannot be used; ``MissingExtraError`` where the
    runtime is not installed.
    """
    kind = model_kind(path)
    if kind in (ModelKind.TFLITE, ModelKind.ETHOS_U):
        from edgefrac.runtimes.litert import LiteRTSession

        return LiteRTSession(path, threads)
    if kind in (ModelKind.ONNX, ModelKind.ORT):
        from edgefrac.runtimes.ort import OnnxSession

        return OnnxSession(path, threads)
    if kind is ModelKind.OPENVINO:
        from edgefrac.runtimes.openvino import OpenVinoSession

        return OpenVinoSession(path, threads)
    from edgefrac.runtimes.torch import TorchSession

    return TorchSession(path, threads)


def model_kind(path: Path) -> ModelKind:
    """What a file is by its content, never by its name; raises ``ModelFileError`` for any other file."""
    head = _read_head(path)
    if head[4:8] == b"TFL3":
        from edgefrac.targets.tflite_metadata import ends_in_codes

        return ModelKind.ETHOS_U if ends_in_codes(path) else ModelKind.TFLITE
    if head[4:8] == b"ORTM":
        return ModelKind.ORT
    if _is_safetensors(head):
        return ModelKind.CHECKPOINT
    if _is_onnx(head):
        return ModelKind.ONNX
    if head.lstrip().startswith(b"<?xml") and b"<net " in head:
        return ModelKind.OPENVINO
    raise _foreign(path, head)


def as_promised(
    path: Path,
    contract: Contract,
    inputs: Sequence[tuple[str, str, tuple[int, ...]]],
    outputs: Sequence[tuple[str, str, tuple[int, ...]]],
) -> None:
    """Raise ``ModelFileError`` unless a file takes and gives, by name, dtype and shape, what its contract says."""
    wanted = contract.input
    if list(inputs) != [(wanted.name, wanted.dtype, wanted.shape)]:
        raise ModelFileError(f"{path}: its input is not the uint8 {list(wanted.shape)} that its contract promises")
    for output in contract.outputs:
        if outputs[output.index : output.index + 1] != [(output.name, output.dtype, output.shape)]:
            promise = f"the {output.dtype} {list(output.shape)} '{output.name}' that its contract promises"
            raise ModelFileError(f"{path}: output {output.index} is not {promise}")
    if not any(output.name == "probability" for output in contract.outputs):
        raise ModelFileError(f"{path}: its contract names no output 'probability'")


def _read_head(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(_HEAD_BYTES)
    except NotRegularFileError:
        raise ModelFileError(f"{path}: not a file") from None
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror})") from None


def _is_safetensors(head: bytes) -> bool:
    """A safetensors file starts with the length of its header (uint64, little-endian) and the header's brace."""
    return len(head) > 8 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 100_000_000


def _is_onnx(head: bytes) -> bool:
    """A protobuf that starts with a small ``ir_version``, which every writer puts first, and one of the next fields."""
    return len(head) > 2 and head[0] == 0x08 and head[1] in _IR_VERSIONS and head[2] in _AFTER_IR_VERSION


def _foreign(path: Path, head: bytes) -> ModelFileError:
    if not head:
        return ModelFileError(f"{path}: the file is empty")
    if path.suffix.lower() in _PICKLE_SUFFIXES or (head[:1] == b"\x80" and head[1:2] <= b"\x05"):
        return ModelFileError(
            f"{path}: looks like a pickled checkpoint, and loading a pickle could run code",
            hint="save the weights as safetensors (safetensors.torch.save_file) and export those",
        )
    return ModelFileError(
        f"{path}: neither a TFLite, ONNX, OpenVINO or ORT file nor a safetensors checkpoint",
        hint="give a model file or bundle written by 'edgefrac export', or a .safetensors checkpoint",
    )
