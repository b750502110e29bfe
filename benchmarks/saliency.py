"""Is a network's own evidence map worth as much as the maps that others draw of the same network?

    python -m benchmarks.saliency DATA [--checkpoint FILE] [--split FILE] [--fold N] [--score-cam N] [--json]

On the held-out radiographs with marked fractures: the evidence map, Grad-CAM at the last features and at the last ones
of half their stride, Recipro-CAM, and Score-CAM on few of them, since it costs a forward pass for each channel.
``inside`` and ``near`` are the pointing game of ``edgefrac evaluate``, the other figures those of its
``--explanations``, with the same noise for all radiographs. Intervals resample id blocks or patients; differences are
paired. ``blank`` is the share of maps in which nothing speaks for a fracture.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.saliency_methods import finer_grad_cam, grad_cam, own, recipro_cam, score_cam
from benchmarks.saliency_session import Drawn
from edgefrac.cli.output import results, track
from edgefrac.contract import remembered
from edgefrac.datasets import fracture_task, load_folds, open_dataset
from edgefrac.datasets.sample import Sample
from edgefrac.digest import file_sha256
from edgefrac.errors import ImageError
from edgefrac.evaluation import judged_on
from edgefrac.imaging.evidence import evidence_peak
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.prediction import REFERENCE_CHECKPOINT
from edgefrac.progress import Track
from edgefrac.training.allocator import keep_memory
from edgefrac.trust import explanation_figures
from edgefrac.verification.metrics import POINTING_TOLERANCE, pointing_hits
from edgefrac.verification.statistics import ClusterBootstrap

SPLIT = Path(__file__).parents[1] / "train" / "reference.split.json"
OWN, COSTLY = "evidence map", "Score-CAM"
METHODS = {
    OWN: own,
    "Grad-CAM": grad_cam,
    "Grad-CAM, half the stride": finer_grad_cam,
    "Recipro-CAM": recipro_cam,
    COSTLY: score_cam,
}
_SEED = 20250131

Found = dict[str, dict[str, NDArray[np.float64]]]
"""By method and figure, a value a radiograph."""


def marked(session: Drawn, data: str, split: Path, fold: int) -> list[Sample]:
    """The radiographs of the fold with marked fractures that can be read and that the network was not trained on."""
    folds = load_folds(split)
    samples, seen = judged_on(session, fracture_task(open_dataset(data)), include_seen=False, split=folds, fold=fold)
    hashes: dict[str, str] = {}
    for sample in samples:
        if sample.boxes:
            try:
                hashes[sample.id] = sample.read().sha256
            except ImageError:
                continue
    folds.require_unchanged(hashes)
    return [sample for sample in samples if sample.id in hashes and remembered(hashes[sample.id]) not in seen]


def measure(sessions: Mapping[str, Drawn], samples: Sequence[Sample], show: Track) -> Found:
    """Every figure of every session on every radiograph."""
    rows = [{name: figures(session, sample) for name, session in sessions.items()} for sample in show(samples, "maps")]
    return {
        name: {figure: np.array([row[name][figure] for row in rows]) for figure in rows[0][name]} for name in sessions
    }


def figures(session: Drawn, sample: Sample) -> dict[str, float]:
    """What one method's map of one radiograph is worth."""
    pixels, size = sample.read().pixels, session.contract.input.size
    placement = Placement(pixels.shape[0], pixels.shape[1], size)
    evidence = session.predict(preprocess(pixels, size)).evidence
    assert evidence is not None
    values = evidence[:, :, 0]
    peak = evidence_peak(values, placement)
    boxes = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in sample.boxes]
    judged = explanation_figures(session, [sample])
    return {
        "inside": float(pointing_hits([peak], [boxes], [pixels.shape])[0]),
        "near": float(pointing_hits([peak], [boxes], [pixels.shape], POINTING_TOLERANCE)[0]),
        **{name: judged[name] for name in judged if f"{name}_ci" in judged and not name.endswith("_chance")},
        "blank": float(values.max() + session.contract.task().bias[0] <= 0),
    }


def compare(found: Found, samples: Sequence[Sample]) -> dict[str, Any]:
    """Means of all figures, and by how much the network's own map is above each other's, each with its ``_ci``."""
    bootstrap = ClusterBootstrap([sample.group for sample in samples])

    def document(figures: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
        entries = {name: bootstrap.estimate(float(v.mean()), bootstrap.mean(v)) for name, v in figures.items()}
        values = {name: entry.value for name, entry in entries.items()}
        return values | {f"{name}_ci": entry.interval for name, entry in entries.items()}

    beside = {name: values for name, values in found.items() if name != OWN}
    return {
        "n": len(samples),
        "methods": {name: document(values) for name, values in found.items()},
        "own_minus": {
            name: document({figure: found[OWN][figure] - values[figure] for figure in values})
            for name, values in beside.items()
        },
    }


def table(part: Mapping[str, Any]) -> str:
    """Markdown: a row a method, then a row a difference."""
    rows = {**part["methods"], **{f"own − {name}": values for name, values in part["own_minus"].items()}}
    columns = [name for name in part["methods"][OWN] if not name.endswith("_ci")]
    lines = [f"| {part['n']} radiographs | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, values in rows.items():
        cells = [_cell(values[column], values[f"{column}_ci"]) for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: float, interval: Sequence[float] | None) -> str:
    return f"{value:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--checkpoint", type=Path, default=REFERENCE_CHECKPOINT)
    parser.add_argument("--split", type=Path, default=SPLIT)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--score-cam", type=int, default=24, metavar="N", help="radiographs for it [default: 24]")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Print the tables, or all of it as JSON."""
    given = _arguments()
    keep_memory()
    torch.set_num_threads(given.threads)
    sessions = {name: Drawn(given.checkpoint, maker) for name, maker in METHODS.items()}
    samples = marked(sessions[OWN], given.data, given.split, given.fold)
    order = np.random.default_rng(_SEED).permutation(len(samples))
    few = sorted(order[: given.score_cam].tolist())
    with results(given.json) as emit:
        found = measure({name: sessions[name] for name in METHODS if name != COSTLY}, samples, track)
        parts = [compare(found, samples)]
        if few:
            chosen = [samples[index] for index in few]
            same = {name: {figure: v[few] for figure, v in values.items()} for name, values in found.items()}
            parts.append(compare(same | measure({COSTLY: sessions[COSTLY]}, chosen, track), chosen))
        cost = {name: float(np.median(one.milliseconds)) for name, one in sessions.items() if one.milliseconds}
        if given.json:
            emit({"checkpoint_sha256": file_sha256(given.checkpoint), "parts": parts, "milliseconds": cost})
        else:
            lines = [f"| {name} | {round(value, 1) + 0.0:.1f} |" for name, value in cost.items()]
            emit("\n\n".join([*map(table, parts), "\n".join(["| | ms beyond the prediction |", "|---|---|", *lines])]))


if __name__ == "__main__":
    main()
