"""Does a map add up to its file's answer, and is it the map that the network computes?

    python benchmarks/map_exactness.py BUNDLE CHECKPOINT DATA [COUNT]

For each file of the bundle, over the first COUNT (200) radiographs that the checkpoint was not trained on: how far the
map's mean plus the contract's bias is from the contract's temperature times the log-odds of the probability (where that
is between 0.02 and 0.98, so that a float32 tells log-odds), and the correlation with the map of the float32 network in
torch, which is Grad-CAM before its ReLU (tests/targets/test_exact_explanations.py).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.special import logit

from edgefrac.bundle import open_bundle
from edgefrac.cli.output import track
from edgefrac.contract import remembered
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.errors import ImageError
from edgefrac.imaging.preprocess import preprocess
from edgefrac.runtimes.session import Session, open_session
from edgefrac.verification.likeness import correlation

_SAID = (0.02, 0.98)


def inputs(session: Session, data: str, count: int) -> list[np.ndarray]:
    """Network inputs of radiographs that the network was not trained on."""
    seen, found = session.contract.training_data.seen_hashes(), []
    for sample in fracture_task(open_dataset(data)).samples:
        try:
            radiograph = sample.read()
        except ImageError:
            continue
        if remembered(radiograph.sha256) not in seen:
            found.append(preprocess(radiograph.pixels, session.contract.input.size))
        if len(found) == count:
            break
    return found


def main(bundle: Path, checkpoint: Path, data: str, count: int = 200) -> None:
    torch = open_session(checkpoint)
    images = inputs(torch, data, count)
    wanted = [torch.predict(image).evidence for image in track(images, checkpoint.name)]
    print("| file | off by at most, in log-odds | correlation, least | median |\n|---|---|---|---|")
    for name in sorted(open_bundle(bundle).contracts()):
        session = open_session(bundle / name)
        task, off, alike = session.contract.task(), [], []
        for image, reference in zip(track(images, name), wanted, strict=True):
            prediction = session.predict(image)
            assert prediction.evidence is not None and reference is not None
            alike.append(correlation(reference[..., 0].astype(float), prediction.evidence[..., 0].astype(float)))
            probability = float(prediction.probability[0])
            if _SAID[0] < probability < _SAID[1]:
                mean = prediction.evidence[..., 0].mean(dtype=np.float64)
                off.append(abs(mean + task.bias[0] - task.temperature * logit(probability)))
        print(f"| {name} | {max(off):.1e} | {min(alike):.7f} | {np.median(alike):.7f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:5]))
