"""Where an epoch's time goes: feeding, augmenting, the network forward and backward, the optimiser.

    python benchmarks/epoch.py [RECIPE] [DATA] [--steps 12]

For each input size of the recipe (default: base), on DATA (default: phantoms) packed as training packs it; medians
of steps that follow each other, after two to warm up. Feeding and augmenting are the input pipeline: it is no limit
where it could feed several times as many images as the step takes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from edgefrac.cli.output import track
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.models.network import FRACTURE, channels_last
from edgefrac.pipeline.material import packed_side
from edgefrac.recipes import find_recipe
from edgefrac.recipes.reading import read_recipe
from edgefrac.training.allocator import keep_memory
from edgefrac.training.augmentation import augment_batch
from edgefrac.training.cache import pack
from edgefrac.training.fit import TrainingSet, batches
from edgefrac.training.recipe import Recipe, Stage
from edgefrac.training.task import Batch, FractureTask, step_generator

PARTS = ("feeding", "augmenting", "forward and backward", "optimiser")


def seconds(recipe: Recipe, stage: Stage, data: TrainingSet, steps: int) -> dict[str, float]:
    """Median seconds of each part of a step."""
    task = FractureTask(recipe, 1000, (FRACTURE,)).train()
    channels_last(task.network)
    task.log_dict = lambda *_, **__: None  # type: ignore[method-assign]  # there is no trainer to log to
    optimiser = task.configure_optimizers()["optimizer"]
    fed = endless(recipe, data)
    taken: list[list[float]] = []
    for step in range(steps + 2):
        times = [time.perf_counter()]
        batch = next(fed)
        times.append(time.perf_counter())
        batch = augment_batch(batch, stage, recipe.augmentation, step_generator(recipe, step), task.located)
        times.append(time.perf_counter())
        optimiser.zero_grad()
        task.training_step(batch, step).backward()
        times.append(time.perf_counter())
        optimiser.step()
        times.append(time.perf_counter())
        taken.append([after - before for before, after in pairwise(times)])
    return dict(zip(PARTS, (statistics.median(part) for part in zip(*taken[2:], strict=True)), strict=True))


def endless(recipe: Recipe, data: TrainingSet) -> Iterator[Batch]:
    """The recipe's batches, epoch after epoch."""
    while True:
        yield from batches(recipe, data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", default="base")
    parser.add_argument("data", nargs="?", default="phantom:n=512,seed=1")
    parser.add_argument("--steps", type=int, default=12)
    chosen = parser.parse_args()
    recipe = read_recipe(find_recipe("train", chosen.recipe), Recipe, ["pretrained=false"])
    dataset = fracture_task(open_dataset(chosen.data))
    keep_memory()
    with tempfile.TemporaryDirectory() as folder:
        packed = pack(dataset, packed_side(recipe), Path(folder), track)
        labels = np.array([dataset.samples[i].label for i in packed.kept])
        count = len(labels)
        data = TrainingSet(packed, np.arange(count), labels, np.zeros(count, bool), np.ones(count, bool))
        print(
            f"{count} images of {dataset.name}, batch {recipe.optimiser.batch_size}, {torch.get_num_threads()} threads"
        )
        for stage in {stage.size: stage for stage in recipe.stages}.values():
            parts = seconds(recipe, stage, data, chosen.steps)
            total, fed = sum(parts.values()), parts["feeding"] + parts["augmenting"]
            shares = ", ".join(f"{name} {share / total:.1%}" for name, share in parts.items())
            print(f"{stage.size} px: {recipe.optimiser.batch_size / total:.1f} images a second: {shares}")
            alone = f"{recipe.optimiser.batch_size / fed:.0f} images a second, {total / fed:.0f} times"
            print(f"  the input pipeline alone: {alone}")


if __name__ == "__main__":
    main()
