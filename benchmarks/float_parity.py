"""How far float32 files are from the trained network, in each runtime.

    python benchmarks/float_parity.py [DATA] [--bundle BUNDLE]

The bundle needs float32 files: edgefrac export --target tflite,onnx,openvino --precision fp32 --out BUNDLE.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from edgefrac.cli.output import track
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.evaluation import collect
from edgefrac.prediction import REFERENCE_CHECKPOINT
from edgefrac.runtimes.session import open_session


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="phantom:n=50,seed=7")
    parser.add_argument("--bundle", type=Path, default=Path("bundle"))
    parser.add_argument("--checkpoint", type=Path, default=REFERENCE_CHECKPOINT)
    arguments = parser.parse_args()
    files = sorted(p for p in arguments.bundle.glob("*-fp32.*") if p.suffix in (".tflite", ".onnx", ".xml"))
    sessions = [open_session(arguments.checkpoint), *map(open_session, files)]
    found = collect(sessions, fracture_task(open_dataset(arguments.data)).samples, leave_out=frozenset(), track=track)
    torch, *others = found.answers
    print(f"{len(found.cases)} radiographs")
    for file, answers in zip(files, others, strict=True):
        difference = np.abs(answers.probability.astype(np.float64) - torch.probability)
        print(f"{file.name}: |dp| at most {difference.max():.1e}, median {np.median(difference):.1e}")


if __name__ == "__main__":
    main()
