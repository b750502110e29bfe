"""Phantoms in figures: how fast they are made, what gives their label away, how well a small network finds fractures.

    python benchmarks/phantoms.py [--speed] [--probe] [--network] [--patients 4000] [--minutes 9] [--size 160]

Speed: images of 320 px a second, of one process's CPU time. Probe: AUROC of a logistic regression, cross-validated by
patient, on statistics of the image that know nothing of bones; near 0.5 means that no such shortcut exists. Network: a
few convolutions, trained on one thread on phantoms of every difficulty, judged on unseen patients by difficulty.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

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
    from sklearn.metrics import roc_auc_score

    torch.set_num_threads(1)
    torch.manual_seed(0)
    clock = time.process_time

    def loaded(first: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
        dataset = phantom_dataset(first, seed, longer_side=size * 2)
        images = np.stack([preprocess(sample.read().pixels, size) for sample in dataset.samples])
        labels = torch.tensor([float(sample.label) for sample in dataset.samples])
        return torch.from_numpy(images), labels, [s.facets["difficulty"] for s in dataset.samples]

    began = clock()
    images, labels, _ = loaded(2 * patients, 200)
    unseen, truth, grades = loaded(1200, 300)
    print(f"network: {len(images)} phantoms of {size} px made in {clock() - began:.0f} s")
    model = small_network()
    steps = 0
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.02)
    began = clock()
    while (share := (clock() - began) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1, steps / 100) * (1 - share)
        batch = torch.randint(len(images), (32,))
        shown = images[batch]
        for axis in (1, 2):
            turned = torch.rand(32) < 0.5
            shown = torch.where(turned[:, None, None], shown.flip(axis), shown)
        logits = model((shown[:, None].float() - 128) / 128)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        steps += 1
        if steps % 200 == 0:
            print(f"  step {steps}, loss {loss.item():.3f}, {clock() - began:.0f} s", flush=True)
            judge(model, unseen, truth, grades, roc_auc_score)
    judge(model, unseen, truth, grades, roc_auc_score)


def small_network():
    """Six convolutions; the most suspicious places of the image decide (log-sum-exp pooling)."""
    from torch import nn

    class Pooled(nn.Module):
        def forward(self, logits):
            flat = logits.flatten(1)
            return flat.logsumexp(1) - 4.0

    layers: list[nn.Module] = []
    for wide_in, wide_out, stride in ((1, 16, 2), (16, 24, 1), (24, 32, 2), (32, 48, 1), (48, 64, 2), (64, 64, 1)):
        layers += [nn.Conv2d(wide_in, wide_out, 3, stride, 1, bias=False), nn.BatchNorm2d(wide_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(64, 1, 1), Pooled())


def judge(model, images, truth, grades: list[str], auroc: Callable[..., float]) -> None:
    import torch

    model.eval()
    with torch.no_grad():
        scores = torch.cat([model((part[:, None].float() - 128) / 128) for part in images.split(64)])
    model.train()
    for grade in ("easy", "medium", "hard"):
        chosen = [i for i, g in enumerate(grades) if g == grade]
        print(f"  {grade}: AUROC {auroc(truth[chosen], scores[chosen]):.3f} of {len(chosen)}", flush=True)


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
