"""TFLite files in LiteRT's CompiledModel, the interface that gives them to accelerators."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.runtimes.litert import LiteRTSession, quiet_native_log
from edgefrac.runtimes.session import FileSession, Prediction, errors_name_the_file


class CompiledSession(FileSession):
    """A TFLite file compiled for what ``options`` name, ``ai_edge_litert.options.Options``.

    LiteRT's interpreter loads the file first: unlike CompiledModel, which a file cut short can crash, it verifies it.
    """

    def __init__(self, path: Path, options: Any) -> None:
        """Load ``path``; raises ``ModelFileError`` if it is damaged or does not compile."""
        super().__init__(path, LiteRTSession(path).contract)
        from ai_edge_litert.compiled_model import CompiledModel

        with self._errors("compile"), quiet_native_log():
            self._model = CompiledModel.from_file(str(path), environment=environment(), options=options)
            (signature,) = self._model.get_signature_list()
            given, wanted = self._model.create_input_buffers(0), self._model.create_output_buffers(0)
            # the first write to a GPU's buffer makes another environment, with lines of its own
            given[0].write(np.zeros(self._contract.input.shape, np.uint8))
            details = self._model.get_output_tensor_details(signature)
        order = self._model.get_signature_list()[signature]["outputs"]
        shapes = [tuple(int(n) for n in details[name]["shape"]) for name in order]
        self._inputs, self._outputs = given, wanted
        self._found: dict[str, int] = {o.name: shapes.index(o.shape) for o in self._contract.outputs}

    @property
    def fully_accelerated(self) -> bool:
        """Whether no operator is left to another processor than the one asked for."""
        return bool(self._model.is_fully_accelerated())

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """Run on one network input, uint8 [S, S]. Raises ``ModelFileError`` if the file computes no finite number."""
        with self._errors("run"):
            self._inputs[0].write(np.ascontiguousarray(network_input[None, :, :, None]))
            self._model.run_by_index(0, self._inputs, self._outputs)
            found: dict[str, NDArray[np.float32]] = {
                o.name: self._read(o.name, o.shape) for o in self._contract.outputs
            }
        return self._prediction(found)

    def _read(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self._outputs[self._found[name]].read(int(np.prod(shape)), np.float32)
        found: NDArray[np.float32] = values.reshape(shape)[0]
        return found

    def _errors(self, action: str) -> AbstractContextManager[None]:
        return errors_name_the_file(self._path, "LiteRT's CompiledModel", action, (RuntimeError, ValueError))


@cache
def environment() -> Any:
    """LiteRT's environment of this process, with the accelerators that it found; made once, for it takes 0.1 s."""
    import ai_edge_litert
    from ai_edge_litert.environment import Environment, EnvironmentOptions

    folder = Path(str(ai_edge_litert.__file__)).parent
    with quiet_native_log():
        made = Environment.create(options=EnvironmentOptions(runtime_path=str(folder)))
    atexit.register(_hush)
    return made


def _hush() -> None:
    """At the end of the process: else LiteRT's lines about what it destroys are the last that a user sees."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
