"""Files for Arm's Ethos-U NPUs: the int8 TFLite file, ended at the codes of its evidence map.

An Ethos-U computes whole numbers only, so nothing else is in the file. What it leaves, the contract states: how codes
become log-odds, how cells of two scales are laid out, and the formula of the probability (``runtimes.map_codes``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from edgefrac.contract import Codes, Contract, Output
from edgefrac.errors import ConversionError
from edgefrac.targets.registry import target
from edgefrac.targets.tflite import SUFFIX, TFLite

if TYPE_CHECKING:
    from edgefrac.quantization.integers import IntegerNetwork
    from edgefrac.quantization.plan import Native

_EVIDENCE = (
    "evidence = (code - zero_point) * scale; mean(evidence) + bias = logit; probability = sigmoid(logit / temperature)"
)


@target
class EthosU(TFLite):
    """One .tflite file, which Arm's ``vela`` compiles for an accelerator and its memory."""

    name = "ethos-u"
    title = "TFLite for Ethos-U"
    suffix = f"-ethos-u{SUFFIX}"
    integers_only = True

    def write(self, float_model: bytes, contract: Contract, native: Native | None, path: Path) -> NoReturn:
        """Raises ConversionError always: what TFLite's own quantizer writes does not end in codes."""
        raise ConversionError(f"{path.name}: a file for Ethos-U holds the integers of an exact plan and nothing else")

    def write_integers(self, network: IntegerNetwork, contract: Contract, path: Path) -> None:
        from edgefrac.targets.tflite_graph import finish
        from edgefrac.targets.tflite_integers import codes_graph

        path.write_bytes(finish(codes_graph(network, contract.input.size), contract))

    def promise(self, contract: Contract, network: IntegerNetwork | None = None) -> Contract:
        """One output, the codes of the map; of a ``network`` alone, for without one there is no file."""
        if network is None:
            return contract
        height, width, channels = next(o.shape[1:] for o in contract.outputs if o.name == "evidence")
        block, grid = network.refinement, network.grids[network.output]
        codes = Output(
            name="evidence",
            dtype="int8",
            shape=(1, height // block, width // block, channels * block**2),
            index=0,
            codes=Codes(scale=grid.scale, zero_point=grid.zero_point, block=block),
        )
        return contract.model_copy(update={"outputs": (codes,), "evidence": _EVIDENCE})
