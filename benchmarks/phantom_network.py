"""How well a small network finds phantoms' fractures, by difficulty, on unseen patients.

    python benchmarks/phantom_network.py [--phantoms 4000] [--minutes 9] [--size 288]

Eight convolutions on one thread, trained with masks: first on crops, half of them around a fracture or around the same
place in its whole control, then on whole images, where the most suspicious cells decide. Minutes are of processor time.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.imaging.preprocess import preprocess

CELL, CROP = 8, 96
CROPS_UNTIL = 0.6  # of the time; whole images then
RATE = 3e-3
UNSEEN = 600


@dataclass(frozen=True)
class Phantoms:
    """``images`` uint8 [N, S, S], ``labels`` [N], ``cells`` bool [N, S/8, S/8] that a fracture touches, ``grades``."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    cells: NDArray[np.bool_]
    grades: NDArray[np.str_]

    def centres(self) -> NDArray[np.int64]:
        """Where each fracture is, [N, 2]; for a whole phantom where that of its control is, two places on or back."""
        found = []
        for number, cells in enumerate(self.cells):
            other = self.cells[min(number ^ 2, len(self.cells) - 1)]
            marked = np.argwhere(cells if cells.any() else other)
            middle = marked.mean(axis=0) if len(marked) else np.full(2, cells.shape[0] / 2)
            found.append(middle * CELL + CELL / 2)
        return np.array(found, np.int64)


def load(count: int, seed: int, size: int) -> Phantoms:
    dataset = phantom_dataset(count, seed, longer_side=size * 5 // 4)
    images, cells = [], []
    for sample in dataset.samples:
        images.append(preprocess(sample.read().pixels, size))
        mask = preprocess(255 * sample.reader.mask().astype(np.uint8), size)
        cells.append(mask.reshape(size // CELL, CELL, size // CELL, CELL).max(axis=(1, 3)) > 40)
    labels = np.array([sample.label for sample in dataset.samples])
    grades = np.array([sample.facets["difficulty"] for sample in dataset.samples])
    return Phantoms(np.stack(images), labels, np.stack(cells), grades)


def small_network() -> nn.Module:
    """float32 (B, 1, S, S) -> (B, 1, S/8, S/8): how suspicious each cell is, in log-odds; 0.1 M parameters."""
    layers: list[nn.Module] = []
    for inputs, outputs, stride in ((1, 16, 2), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1)):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    last = nn.Conv2d(64, 1, 1)
    nn.init.constant_(last.bias, -4.0)
    return nn.Sequential(*layers, last).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def as_input(images: NDArray[np.uint8]) -> torch.Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(images))[:, None].float().sub(128).div(128)
    return pixels.contiguous(memory_format=torch.channels_last)


def crops(
    data: Phantoms, centres: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """64 crops with their cells, turned and mirrored at random."""
    size = data.images.shape[1]
    images, cells = [], []
    for k in rng.integers(len(data.images), size=64):
        middle = centres[k] + rng.integers(-36, 37, 2) if rng.random() < 0.6 else rng.integers(0, size, 2)
        y, x = (int(v) for v in np.clip((middle - CROP // 2) // CELL * CELL, 0, size - CROP))
        image = data.images[k, y : y + CROP, x : x + CROP]
        cell = data.cells[k, y // CELL : (y + CROP) // CELL, x // CELL : (x + CROP) // CELL]
        turns, mirrored = int(rng.integers(4)), rng.random() < 0.5
        image, cell = np.rot90(image, turns), np.rot90(cell, turns)
        images.append(image.T if mirrored else image)
        cells.append(cell.T if mirrored else cell)
    return np.stack(images), np.stack(cells)


def whole(data: Phantoms, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Eight images with their cells, mirrored at random."""
    chosen = rng.integers(len(data.images), size=8)
    images, cells = data.images[chosen], data.cells[chosen]
    for axis in (1, 2):
        if rng.random() < 0.5:
            images, cells = np.flip(images, axis), np.flip(cells, axis)
    return images, cells


def train(data: Phantoms, unseen: Phantoms, minutes: float) -> None:
    rng = np.random.default_rng(0)
    network, centres = small_network(), data.centres()
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.02)
    began, steps = time.process_time(), 0
    while (share := (time.process_time() - began) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (steps + 1) / 50) * (1 - share)
        cropped = share < CROPS_UNTIL
        images, marked = crops(data, centres, rng) if cropped else whole(data, rng)
        cells = torch.from_numpy(np.ascontiguousarray(marked)).float()[:, None]
        found = network(as_input(images))
        weights = 1 + (8 if cropped else 20) * cells
        loss = cross_entropy(suspicion(found), cells.amax((1, 2, 3))) + 3 * cross_entropy(found, cells, weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        steps += 1
        if steps % 1000 == 0:
            print(f"  {share:.0%}: loss {loss.item():.3f}", flush=True)
    judge(network, unseen)


def suspicion(found: torch.Tensor) -> torch.Tensor:
    """The most suspicious places of an image decide (log-sum-exp of its cells)."""
    return found.flatten(1).logsumexp(1)


def judge(network: nn.Module, data: Phantoms) -> None:
    network.eval()
    with torch.no_grad():
        parts = range(0, len(data.images), 40)
        scores = torch.cat([suspicion(network(as_input(data.images[k : k + 40]))) for k in parts]).numpy()
    for grade in ("easy", "medium", "hard"):
        chosen = data.grades == grade
        print(f"{grade}: AUROC {roc_auc_score(data.labels[chosen], scores[chosen]):.3f} of {chosen.sum()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantoms", type=int, default=4000)
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--size", type=int, default=288)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data, unseen = load(chosen.phantoms, 200, chosen.size), load(UNSEEN, 300, chosen.size)
    print(f"{chosen.phantoms} phantoms of {chosen.size} px")
    train(data, unseen, chosen.minutes)


if __name__ == "__main__":
    main()
