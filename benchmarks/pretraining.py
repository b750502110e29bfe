"""Does a network that saw phantoms first read real radiographs better? The same recipe with and without, several seeds.

    python benchmarks/pretraining.py DATA OUT [SEEDS]

Both arms start from ImageNet weights and see the same radiographs for the same number of steps; one is trained on
phantoms before. Prints each seed's AUROC on the held-out fold, then the mean difference with a 95 % interval that
resamples id blocks (seeds are averaged within each replicate). Goes on where it was stopped.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgefrac.cli.output import note, track
from edgefrac.pipeline.material import Material, StudyRequest, prepare
from edgefrac.pipeline.study import CHECKPOINT, train_fold
from edgefrac.recipes import find_recipe
from edgefrac.recipes.reading import read_recipe
from edgefrac.training.recipe import Recipe
from edgefrac.verification.metrics import auroc
from edgefrac.verification.statistics import ClusterBootstrap

PHANTOMS = "phantom:n=1600,seed=11"
SHORT = ["stages=[{epochs: 4, size: 256}]", "data.phantoms=0", "sampling.phantom_share=0", "int8.epochs=0"]
ON_PHANTOMS = ["data.split=''", "sampling.negatives_per_positive=1"]


@dataclass(frozen=True)
class Course:
    """Training on one data set by the short recipe with some values changed."""

    out: Path
    overrides: list[str]
    material: Material

    def run(self, name: str, seed: int, start: Path | None = None) -> Path:
        """The folder of one run; trains unless that was done."""
        recipe = _recipe([*self.overrides, f"seed={seed}", *([f"start_from={start}"] if start else [])])
        folder = self.out / f"{name}-{seed}"
        if not (folder / "validation.json").exists():
            train_fold(recipe, self.material, recipe.data.fold, folder, True, track, True)
        return folder


def course(data: str, out: Path, overrides: list[str]) -> Course:
    """Open and pack what is trained on."""
    path = find_recipe("train", "base")
    request = StudyRequest(_recipe(overrides), data, out, recipe_folder=path.parent)
    return Course(out, overrides, prepare(request, out, note, track))


def _recipe(overrides: list[str]) -> Recipe:
    return read_recipe(find_recipe("train", "base"), Recipe, [*SHORT, *overrides])


def _validation(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "validation.json").read_text(encoding="utf-8"))
    return document


def _area(run: dict[str, Any]) -> float:
    return auroc(np.array(run["labels"]), np.array(run["probability"])) or float("nan")


def main(data: str, out: Path, seeds: int) -> None:
    """Train both arms for each seed, then compare."""
    on_phantoms, real = course(PHANTOMS, out / "phantoms", ON_PHANTOMS), course(data, out / "real", [])
    without, with_phantoms = [], []
    for seed in range(1, seeds + 1):
        start = on_phantoms.run("phantoms", seed) / CHECKPOINT
        without.append(_validation(real.run("imagenet", seed)))
        with_phantoms.append(_validation(real.run("imagenet-then-phantoms", seed, start)))
        areas = [_area(runs[-1]) for runs in (without, with_phantoms)]
        print(json.dumps({"seed": seed, "imagenet": areas[0], "imagenet_then_phantoms": areas[1]}), flush=True)
    labels, bootstrap = np.array(without[0]["labels"]), ClusterBootstrap(without[0]["groups"])

    def mean_area(runs: list[dict[str, Any]]) -> tuple[float, np.ndarray]:
        replicates = [bootstrap.auroc(labels, run["probability"]) for run in runs]
        return float(np.mean([_area(run) for run in runs])), np.mean(replicates, axis=0)

    (plain, plain_replicates), (first, first_replicates) = mean_area(without), mean_area(with_phantoms)
    gain = bootstrap.estimate(first - plain, first_replicates - plain_replicates, labels == 1)
    row = {"seeds": seeds, "imagenet": plain, "imagenet_then_phantoms": first}
    print(json.dumps({**row, "gain": gain.value, "gain_ci": gain.interval}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 3)
