"""What NPU compilers make of int8 students of several sizes: the table of docs/npu.md.

    python -m benchmarks.npu [--work DIR]

Beside the reference these are architectures with random weights: placement and cycles do not depend on weights, but
for how well they compress. Each TFLite file is compiled twice: as it is exported, and cut where its whole numbers end.
Needs the extra ``npu``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.exactness_subjects import bundled_reference, random_network
from edgefrac.contract import Contract
from edgefrac.prediction import REFERENCE_CHECKPOINT
from edgefrac.quantization.integers import IntegerNetwork
from edgefrac.runtimes.backends.ethos_u import EthosU55, EthosU65, EthosU85
from edgefrac.runtimes.backends.qualcomm_htp import QualcommHtp
from edgefrac.runtimes.vela import compile_for
from edgefrac.targets import onnx_graph, onnx_integers
from edgefrac.targets.tflite_graph import finish, operator_name, pack_graph, read_graph
from edgefrac.targets.tflite_integers import integer_graph
from edgefrac.targets.tflite_metadata import seal

SIZES = (("tiny", 160), ("micro", 96), ("micro", 224), ("mobilenetv2", 224), ("efficientnet-lite0", 224))


def rows(name: str, network: IntegerNetwork, contract: Contract, folder: Path) -> Iterator[dict[str, Any]]:
    """One row for each NPU."""
    size = contract.input.size
    file = folder / f"{name}-{size}-int8.tflite"
    file.write_bytes(finish(integer_graph(network, size), contract))
    cut = file.with_suffix(".cut.tflite")
    cut.write_bytes(whole_numbers(file.read_bytes()))
    for backend in (EthosU55(), EthosU65(), EthosU85()):
        estimate = backend.reported(file)
        assert estimate is not None
        yield {
            "network": f"{name}, {size} px",
            "device": backend.title,
            "evidence_level": estimate.evidence_level,
            "file": backend.placement(file).summary,
            "cut": compile_for(cut, backend.accelerator).placement.summary,
            "cycles": estimate.cycles,
            "ms": round(estimate.median_ms, 2),
            "sram_kb": round(estimate.sram_kb or 0),
        }
    graph = file.with_suffix(".onnx")
    graph.write_bytes(onnx_graph.finish(onnx_integers.integer_model(network, size), contract))
    htp = QualcommHtp()
    found = htp.placement(graph)
    yield {"network": f"{name}, {size} px", "device": htp.title, "evidence_level": "predicted", "file": found.summary}


def whole_numbers(data: bytes) -> bytes:
    """A file that ends at the codes of the evidence map: what DEQUANTIZE reads, and nothing behind it."""
    model = read_graph(data)
    graph = model.subgraphs[0]
    names = [operator_name(model, operator) for operator in graph.operators]
    last = graph.operators[names.index("DEQUANTIZE")]
    graph.operators = graph.operators[: names.index("DEQUANTIZE")]
    graph.outputs = [int(last.inputs[0])]
    model.signatureDefs = []
    return seal(pack_graph(model))


def main() -> None:
    """Print one JSON document a row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/npu"))
    folder = parser.parse_args().work
    folder.mkdir(parents=True, exist_ok=True)
    networks = {REFERENCE_CHECKPOINT.stem: bundled_reference()}
    for name, (network, contract) in networks.items():
        for row in rows(name, network, contract, folder):
            print(json.dumps(row), flush=True)
    for name, size in SIZES:
        for row in rows(name, *random_network(name, size), folder):
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
