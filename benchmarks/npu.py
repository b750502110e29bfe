"""What NPU compilers make of int8 students of several sizes: the table of docs/npu.md.

    python -m benchmarks.npu [--work DIR]

Beside the reference these are architectures with random weights: placement and cycles do not depend on weights, but
for how well they compress. For Ethos-U each is compiled as the targets ``tflite`` and ``ethos-u`` write it; cycles and
memory are those of the latter. Needs the extra ``npu``.
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
from edgefrac.targets import onnx_graph, onnx_integers
from edgefrac.targets.registry import find

SIZES = (("tiny", 160), ("micro", 96), ("micro", 224), ("mobilenetv2", 224), ("efficientnet-lite0", 224))


def rows(name: str, network: IntegerNetwork, contract: Contract, folder: Path) -> Iterator[dict[str, Any]]:
    """One row for each NPU."""
    size = contract.input.size
    files = {}
    for target in (find("tflite"), find("ethos-u")):
        files[target.name] = folder / f"{name}-{size}-int8{target.suffix}"
        target.write_integers(network, target.promise(contract, network), files[target.name])
    for backend in (EthosU55(), EthosU65(), EthosU85()):
        estimate = backend.reported(files["ethos-u"])
        assert estimate is not None
        yield {
            "network": f"{name}, {size} px",
            "device": backend.title,
            "evidence_level": estimate.evidence_level,
            **{name: backend.placement(file).summary for name, file in files.items()},
            "cycles": estimate.cycles,
            "ms": round(estimate.median_ms, 2),
            "sram_kb": round(estimate.sram_kb or 0),
        }
    graph = folder / f"{name}-{size}-int8.onnx"
    graph.write_bytes(onnx_graph.finish(onnx_integers.integer_model(network, size), contract))
    htp = QualcommHtp()
    found = htp.placement(graph)
    yield {"network": f"{name}, {size} px", "device": htp.title, "evidence_level": "predicted", "onnx": found.summary}


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
