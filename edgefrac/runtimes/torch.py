"""Checkpoints in torch, float32: the reference that every exported file is held against."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edgefrac.contract import Contract
from edgefrac.digest import file_sha256
from edgefrac.errors import DeviceError
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.exportable import Exportable, from_checkpoint, identify
from edgefrac.models.network import channels_last, normalise
from edgefrac.runtimes.session import Prediction


class ExportableSession:
    """An exportable network in torch's eager mode."""

    def __init__(self, exportable: Exportable, contract: Contract, path: Path) -> None:
        self.path = path
        self.contract = contract
        self._exportable = exportable
        self._module = channels_last(exportable.module.eval())

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """Run on one network input, uint8 [S, S]."""
        image = normalise(torch.from_numpy(network_input.copy())[None, None])
        with torch.inference_mode():
            output = self._module(image.to(memory_format=torch.channels_last))
        if not self._exportable.has_evidence:
            return Prediction(output[0].numpy(), None)
        probability, evidence = output
        return Prediction(probability[0].numpy(), evidence[0].permute(1, 2, 0).contiguous().numpy())


class TorchSession(ExportableSession):
    """A ``.safetensors`` checkpoint; raises CheckpointError."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._threads = threads
        torch.set_num_threads(threads)
        network, info = load_checkpoint(path)
        exportable = from_checkpoint(network, info)
        super().__init__(exportable, exportable.contract("fp32", identify(info, file_sha256(path))), path)

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """Run on one network input, uint8 [S, S]."""
        torch.set_num_threads(self._threads)  # torch has one number for the whole process
        return super().predict(network_input)


class CompiledTorchSession(TorchSession):
    """The same through ``torch.compile``, which takes half a minute; raises DeviceError where it does not work."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        from torch._dynamo.exc import TorchDynamoException

        super().__init__(path, threads)
        self._module.compile()
        blank = np.zeros((self.contract.input.size,) * 2, np.uint8)
        try:
            self.predict(blank)
        except TorchDynamoException as error:
            cause = str(error).strip().splitlines()[0]
            raise DeviceError(f"{path}: torch.compile does not compile it ({cause})") from error
