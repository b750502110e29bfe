"""TFLite files on LiteRT, the successor of ``tflite-runtime``, with its XNNPACK kernels on the CPU."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Output
from edgefrac.errors import ModelFileError
from edgefrac.runtimes.map_codes import decoded
from edgefrac.runtimes.session import NATIVE_ERRORS, FileSession, Prediction, errors_name_the_file
from edgefrac.targets.tflite_metadata import read_contract


class LiteRTSession(FileSession):
    """A TFLite file in LiteRT's interpreter.

    The file is verified twice before any of its operators runs: our own bounds-checked parse finds the contract, and
    the interpreter, given the bytes, runs the flatbuffer verifier, so that a file cut short is an error, not a crash.
    """

    def __init__(self, path: Path, threads: int = 1, kernels: str = "AUTO") -> None:
        """Load ``path``; raises ``ModelFileError`` if it is damaged, or does not keep what its contract promises.

        ``kernels`` names LiteRT's operator resolver: ``AUTO`` is XNNPACK's, ``BUILTIN_REF`` TFLite's reference kernels.
        """
        super().__init__(path, read_contract(path))
        with self._errors_name_the_file("load"):
            self._interpreter = make_interpreter(path.read_bytes(), threads, kernels)
            self._input = self._promised_input()
            self._outputs = self._promised_outputs()

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """Run on one network input, uint8 [S, S]. Raises ``ModelFileError`` if the file computes no finite number."""
        with self._errors_name_the_file("run"):
            self._interpreter.set_tensor(self._input, network_input[None, :, :, None])
            self._interpreter.invoke()
            found = {name: self._interpreter.get_tensor(index)[0] for name, index in self._outputs.items()}
        return self._prediction(decoded(found, self._contract))

    def _promised_input(self) -> int:
        details = self._interpreter.get_input_details()
        shape = self._contract.input.shape
        if len(details) != 1 or not _agrees(details[0], shape, np.uint8):
            raise ModelFileError(f"{self._path}: its input is not the uint8 {list(shape)} that its contract promises")
        return int(details[0]["index"])

    def _promised_outputs(self) -> dict[str, int]:
        """Name -> tensor index of every output in the contract."""
        details = self._interpreter.get_output_details()
        found: dict[str, int] = {}
        for output in self._contract.outputs:
            if output.index >= len(details) or not _keeps(details[output.index], output):
                promise = f"the {output.dtype} {list(output.shape)} '{output.name}' that its contract promises"
                raise ModelFileError(f"{self._path}: output {output.index} is not {promise}")
            found[output.name] = int(details[output.index]["index"])
        if "probability" not in found and not self._contract.ends_in_codes:
            raise ModelFileError(f"{self._path}: its contract names no output 'probability'")
        return found

    def _errors_name_the_file(self, action: str) -> AbstractContextManager[None]:
        return errors_name_the_file(self._path, "LiteRT", action, NATIVE_ERRORS)


def _keeps(detail: dict[str, Any], output: Output) -> bool:
    """Whether a tensor is as promised, int8 codes with their scale and zero point."""
    if output.codes is None:
        return _agrees(detail, output.shape, np.float32)
    scale, zero_point = detail["quantization"]
    same = (float(scale), int(zero_point)) == (float(np.float32(output.codes.scale)), output.codes.zero_point)
    return same and _agrees(detail, output.shape, np.int8)


def _agrees(detail: dict[str, Any], shape: tuple[int, ...], dtype: type) -> bool:
    return tuple(int(n) for n in detail["shape"]) == shape and detail["dtype"] is dtype


def make_interpreter(model: bytes, threads: int, kernels: str = "AUTO") -> Any:
    """An allocated interpreter for a file's bytes.

    Raises ``RuntimeError`` or ``ValueError`` for a damaged file, ``MemoryError`` where memory is short.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with quiet_native_log():
        interpreter = Interpreter(
            model_content=model, num_threads=threads, experimental_op_resolver_type=OpResolverType[kernels]
        )
        try:
            interpreter.allocate_tensors()
        except RuntimeError as error:
            if not str(error):  # LiteRT names every reason but this one
                raise MemoryError from error
            raise
    return interpreter


@contextmanager
def quiet_native_log() -> Iterator[None]:
    """Keep LiteRT's C++ log lines ('Created TensorFlow Lite XNNPACK delegate') off the user's screen.

    Most go to standard error, those of its GPU accelerator about OpenCL to standard output.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = {stream: os.dup(stream) for stream in (1, 2)}
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        for stream in saved:
            os.dup2(null, stream)
        yield
    finally:
        if os.name == "posix":
            ctypes.CDLL(None).fflush(None)  # what C has buffered would come out later
        for stream, copy in saved.items():
            os.dup2(copy, stream)
            os.close(copy)
        os.close(null)
