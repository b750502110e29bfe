"""Phantoms in figures: how fast they are made, and what gives their label away.

    python benchmarks/phantoms.py [--speed] [--probe]

Speed: images of 320 px a second, of one process's CPU time. Probe: AUROC of a logistic regression, cross-validated by
patient, on statistics of the image that know nothing of bones; near 0.5 means that no such shortcut exists.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from edgefrac.datasets.phantom import phantom_dataset, phantom_image


def speed(count: int = 200) -> None:
    phantom_image(0, 0, longer_side=320)
    start = time.process_time()
    for index in range(count):
        phantom_image(0, index, longer_side=320)
    print(f"speed: {count / (time.process_time() - start):.1f} images of 320 px a second of CPU time")


def statistics(pixels: np.ndarray) -> np.ndarray:
    """Size, mean, spread, histogram and edge energy of an image: float [30]."""
    grey = pixels.astype(np.float32)
    histogram = np.bincount(pixels.ravel() // 16, minlength=16) / pixels.size
    edges = [np.abs(np.diff(grey, axis=axis)) for axis in (0, 1)]
    energy = [fact for edge in edges for fact in (edge.mean(), edge.std(), np.percentile(edge, 99))]
    quarters = np.percentile(grey, (5, 25, 50, 75, 95))
    return np.array([pixels.shape[0], grey.mean(), grey.std(), *histogram, *energy, *quarters])


def probe(count: int) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    dataset = phantom_dataset(count, 100, longer_side=320)
    facts = np.stack([statistics(sample.read().pixels) for sample in dataset.samples])
    labels = np.array([sample.label for sample in dataset.samples])
    groups = [int(sample.group.rsplit("-", 1)[1]) // 2 for sample in dataset.samples]  # patient and control together
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    scores = cross_val_predict(model, facts, labels, groups=groups, cv=GroupKFold(5), method="decision_function")
    print(f"probe: AUROC {roc_auc_score(labels, scores):.3f} on statistics of {count} phantoms")
    hardware = np.array([[s.facets["hardware"] != "no", s.facets["cast"] == "yes"] for s in dataset.samples], float)
    for name, fact in zip(("hardware", "cast"), hardware.T, strict=True):
        print(f"       {name}: {fact[labels == 1].mean():.3f} of fractured, {fact[labels == 0].mean():.3f} of whole")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("speed", "probe"):
        parser.add_argument(f"--{name}", action="store_true")
    chosen = parser.parse_args()
    everything = not (chosen.speed or chosen.probe)
    if chosen.speed or everything:
        speed()
    if chosen.probe or everything:
        probe(2000)
