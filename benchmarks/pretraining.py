"""Does a network that saw phantoms first read real radiographs better? The same recipe with and without, several seeds.

    python benchmarks/pretraining.py DATA OUT [SEEDS]

Both arms start from ImageNet weights and see the same radiographs for the same number of steps; one is trained on
phantoms before. Prints each seed's AUROC on the held-out fold, then the mean difference with a 95 % interval that
resamples id blocks (seeds are averaged within each replicate). Goes on where it was stopped.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from edgefrac.cli.output import note, track
from edgefrac.pipeline.material import StudyRequest
from edgefrac.pipeline.study import run_study
from edgefrac.recipes import find_recipe
from edgefrac.recipes.reading import read_recipe
from edgefrac.training.recipe import Recipe
from edgefrac.verification.metrics import auroc
from edgefrac.verification.statistics import ClusterBootstrap

PHANTOMS = "phantom:n=1600,seed=11"
SHORT = ["stages=[{epochs: 6, size: 256}]", "data.phantoms=0", "sampling.phantom_share=0", "int8.epochs=0"]
ON_PHANTOMS = ["data.split=''", "sampling.negatives_per_positive=1", "stages=[{epochs: 6, size: 256}]"]


def train(out: Path, name: str, data: str, overrides: list[str]) -> dict[str, Any]:
    """The held-out fold's ids, labels, groups and probabilities after training."""
    path = find_recipe("train", "reference")
    recipe = read_recipe(path, Recipe, [*SHORT, f"name={name}", *overrides])
    run_study(StudyRequest(recipe, data, out, resume=True, recipe_folder=path.parent), note=note, track=track)
    document: dict[str, Any] = json.loads((out / name / "fold0" / "validation.json").read_text(encoding="utf-8"))
    return document


def area(run: dict[str, Any]) -> float:
    """AUROC of a run on the fold it never saw."""
    return auroc(np.array(run["labels"]), np.array(run["probability"])) or float("nan")


def main(data: str, out: Path, seeds: int) -> None:
    """Train both arms for each seed, then compare."""
    without, with_phantoms = [], []
    for seed in range(1, seeds + 1):
        train(out, f"phantoms-{seed}", PHANTOMS, [*ON_PHANTOMS, f"seed={seed}"])
        start = out / f"phantoms-{seed}" / "fold0" / "checkpoint.safetensors"
        without.append(train(out, f"plain-{seed}", data, [f"seed={seed}"]))
        with_phantoms.append(train(out, f"pretrained-{seed}", data, [f"seed={seed}", f"start_from={start}"]))
        areas = [area(runs[-1]) for runs in (without, with_phantoms)]
        print(json.dumps({"seed": seed, "imagenet": areas[0], "imagenet_then_phantoms": areas[1]}), flush=True)
    labels, bootstrap = np.array(without[0]["labels"]), ClusterBootstrap(without[0]["groups"])

    def mean_area(runs: list[dict[str, Any]]) -> tuple[float, np.ndarray]:
        replicates = [bootstrap.auroc(labels, run["probability"]) for run in runs]
        return float(np.mean([area(run) for run in runs])), np.mean(replicates, axis=0)

    (plain, plain_replicates), (first, first_replicates) = mean_area(without), mean_area(with_phantoms)
    gain = bootstrap.estimate(first - plain, first_replicates - plain_replicates, labels == 1)
    row = {"seeds": seeds, "imagenet": plain, "imagenet_then_phantoms": first}
    print(json.dumps({**row, "gain": gain.value, "gain_ci": gain.interval}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 3)
