"""Phantoms in figures: how fast they are made, what gives their label away, how well a small network finds fractures.

    python benchmarks/phantoms.py [--speed] [--probe] [--network] [--patients 4000] [--minutes 9] [--size 160]

Speed: images of 320 px a second, of one process's CPU time. Probe: AUROC of a logistic regression, cross-validated by
patient, on statistics of the image that know nothing of bones; near 0.5 means that no such shortcut exists. Network: a
few convolutions, trained with masks on one thread on phantoms of every difficulty, judged on unseen patients by it.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from edgefrac.datasets.phantom import phantom_dataset, phantom_image
from edgefrac.imaging.preprocess import preprocess


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


def network(patients: int, minutes: float, size: int) -> None:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

    torch.set_num_threads(1)
    torch.manual_seed(0)
    began = time.process_time()
    images, labels, cells, _ = loaded(2 * patients, 200, size)
    unseen = loaded(600, 300, size)
    print(f"network: {len(images)} phantoms of {size} px made in {time.process_time() - began:.0f} s", flush=True)
    model = small_network()
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.02)
    began, steps = time.process_time(), 0
    while (share := (time.process_time() - began) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * min(1, (steps + 1) / 50) * (1 - share)
        batch = torch.randint(len(images), (24,))
        shown, target = images[batch][:, None], cells[batch][:, None]
        for axis in (2, 3):
            if torch.rand(1) < 0.5:
                shown, target = shown.flip(axis), target.flip(axis)
        found = model((shown.float() - 128) / 128)
        weights = 1 + 20 * target
        loss = cross_entropy(suspicion(found), labels[batch]) + 3 * cross_entropy(found, target, weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        steps += 1
        if steps % 100 == 0:
            print(f"  step {steps}, loss {loss.item():.3f}, {time.process_time() - began:.0f} s", flush=True)
            judge(model, *unseen)
    judge(model, *unseen)


def loaded(count: int, seed: int, size: int) -> tuple[Any, Any, Any, list[str]]:
    """(inputs uint8 [N, S, S], labels [N], share of fracture per 8×8 cell [N, S/8, S/8], difficulties)."""
    import torch

    dataset = phantom_dataset(count, seed, longer_side=2 * size)
    images, cells = [], []
    for sample in dataset.samples:
        images.append(preprocess(sample.read().pixels, size))
        mask = preprocess(255 * sample.reader.mask().astype(np.uint8), size)
        cells.append(mask.reshape(size // 8, 8, size // 8, 8).max(axis=(1, 3)) > 40)
    labels = torch.tensor([float(sample.label) for sample in dataset.samples])
    grades = [sample.facets["difficulty"] for sample in dataset.samples]
    return torch.from_numpy(np.stack(images)), labels, torch.from_numpy(np.stack(cells)).float(), grades


def small_network() -> Any:
    """Seven convolutions that say how suspicious each 8×8 cell is."""
    from torch import nn

    layers: list[nn.Module] = []
    for wide_in, wide_out, stride in ((1, 16, 2), (16, 24, 2), (24, 32, 1), (32, 48, 2), (48, 64, 1), (64, 64, 1)):
        layers += [nn.Conv2d(wide_in, wide_out, 3, stride, 1, bias=False), nn.BatchNorm2d(wide_out), nn.ReLU()]
    last = nn.Conv2d(64, 1, 1)
    nn.init.constant_(last.bias, -4.0)
    return nn.Sequential(*layers, last)


def suspicion(found: Any) -> Any:
    """The most suspicious places of an image decide (log-sum-exp of its cells)."""
    return found.flatten(1).logsumexp(1)


def judge(model: Any, images: Any, labels: Any, _cells: Any, grades: list[str]) -> None:
    import torch
    from sklearn.metrics import roc_auc_score

    model.eval()
    with torch.no_grad():
        scores = torch.cat([suspicion(model((part[:, None].float() - 128) / 128)) for part in images.split(64)])
    model.train()
    for grade in ("easy", "medium", "hard"):
        chosen = [i for i, g in enumerate(grades) if g == grade]
        print(f"  {grade}: AUROC {roc_auc_score(labels[chosen], scores[chosen]):.3f} of {len(chosen)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("speed", "probe", "network"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--patients", type=int, default=4000)
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--size", type=int, default=160)
    chosen = parser.parse_args()
    everything = not (chosen.speed or chosen.probe or chosen.network)
    if chosen.speed or everything:
        speed()
    if chosen.probe or everything:
        probe(2000)
    if chosen.network or everything:
        network(chosen.patients, chosen.minutes, chosen.size)
