"""What does input size buy? AUROC of one checkpoint at several sizes, on radiographs it never saw, against latency.

    python benchmarks/input_size.py CHECKPOINT DATA [SIZE …]

The network is fully convolutional, so one set of weights runs at any size; it was trained at one of them, which favours
that one. Latency is that of the float32 network in torch; int8 latency follows the number of multiplications alike.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from edgefrac.datasets import open_dataset
from edgefrac.errors import ImageError
from edgefrac.imaging.preprocess import preprocess
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.inference import infer
from edgefrac.progress import silent
from edgefrac.verification.figures import figures


def main(checkpoint: Path, data: str, sizes: list[int]) -> None:
    """Print one row a size."""
    network, info = load_checkpoint(checkpoint)
    seen = info.training_data.seen_hashes()
    samples, rasters = [], []
    for sample in open_dataset(data).samples:
        try:
            radiograph = sample.read()
        except ImageError:
            continue
        if radiograph.sha256[:12] not in seen:
            samples.append(sample)
            rasters.append(radiograph.pixels)
    labels, groups = [s.label for s in samples], [s.group for s in samples]
    for size in sizes:
        images = np.stack([preprocess(raster, size) for raster in rasters])
        logits, _ = infer(network, images, silent)
        one = torch.zeros(1, 1, size, size).to(memory_format=torch.channels_last)
        times = []
        with torch.inference_mode():
            for _ in range(15):
                started = time.perf_counter()
                network(one)
                times.append(time.perf_counter() - started)
        area = figures(labels, 1 / (1 + np.exp(-logits[:, 0].astype(float))), groups, 0.5).auroc
        row = {"size": size, "n": len(labels), "auroc": area.value, "auroc_ci": area.interval}
        print(json.dumps({**row, "torch_ms": round(1e3 * float(np.median(times)), 1)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], [int(s) for s in sys.argv[3:]] or [192, 256, 320, 384, 448])
