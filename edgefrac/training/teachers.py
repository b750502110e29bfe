"""Teachers: trained networks that answer the same questions as the student, about the same augmented view."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from edgefrac.contract import remembered
from edgefrac.errors import CheckpointError
from edgefrac.models.checkpoint import load_checkpoint, read_info
from edgefrac.models.network import FractureNet, TaskSpec, channels_last
from edgefrac.training.answer import Answer, answer
from edgefrac.training.recipe import Recipe


def checkpoint_of_fold(path: str, recipe: Recipe) -> Path:
    """``{fold}`` in a path of the recipe stands for the held-out fold."""
    return Path(path.replace("{fold}", str(recipe.data.fold)))


def require_unseen(recipe: Recipe, held_out: Iterable[str]) -> list[Path]:
    """Refuse teachers, and weights to start from, that were trained on the radiographs ``held_out`` (SHA-256).

    Returns the checkpoints that do not say what they were trained on. Raises CheckpointError.
    """
    hashes = {remembered(digest) for digest in held_out}
    silent = []
    for given in (*recipe.distillation.teachers, *([recipe.start_from] if recipe.start_from else [])):
        path = checkpoint_of_fold(given, recipe)
        seen = read_info(path).training_data.seen_hashes()
        if not seen:
            silent.append(path)
        if overlap := len(hashes & seen):
            raise CheckpointError(
                f"{path}: was trained on {overlap} of {len(hashes)} radiographs that fold {recipe.data.fold} holds out",
                hint="take checkpoints of the same split and fold; {fold} in a path stands for the held-out fold",
            )
    return silent


class Teachers:
    """The recipe's teachers as one: the mean of their logits, evidence maps and attention."""

    def __init__(self, recipe: Recipe, tasks: tuple[TaskSpec, ...]) -> None:
        self.attention = recipe.distillation.hint_weight > 0
        self.teachers = [_load(checkpoint_of_fold(path, recipe), tasks) for path in recipe.distillation.teachers]

    def __deepcopy__(self, memo: dict[int, Any]) -> Teachers:
        """Frozen, so the copy that averages a student's weights shares them."""
        return self

    @torch.no_grad()
    def answer(self, image: torch.Tensor, view: float, like: Answer) -> Answer:
        """About float32 (B, 1, S, S), a crop of the share ``view`` of a side; maps have the sizes of those of ``like``.

        A teacher looks at the scale that it was trained at: a whole image at its own input size, a crop at that share.
        """
        answers = []
        for network, input_size in self.teachers:
            side = max(1, round(input_size * view / network.stride)) * network.stride
            seen = _resized(image, side).contiguous(memory_format=torch.channels_last)
            answers.append(answer(network.to(image.device), seen, attention=self.attention))
        strides = set(like.attention).intersection(*(a.attention for a in answers))
        return Answer(
            torch.stack([a.logits for a in answers]).mean(0),
            _mean([a.evidence for a in answers], like.evidence.shape[-1]),
            {
                stride: _mean([a.attention[stride][:, None] for a in answers], like.attention[stride].shape[-1])[:, 0]
                for stride in strides
            },
        )


def _load(path: Path, tasks: tuple[TaskSpec, ...]) -> tuple[FractureNet, int]:
    network, info = load_checkpoint(path)
    if network.tasks != tasks:
        raise CheckpointError(
            f"{path}: a teacher for {_described(network.tasks)}, but the student learns {_described(tasks)}",
            hint="a teacher has the same tasks and classes, in the same order",
        )
    channels_last(network.requires_grad_(False))
    return network, info.input_size


def _described(tasks: Sequence[TaskSpec]) -> str:
    return "; ".join(f"{task.name} ({', '.join(task.classes)})" for task in tasks)


def _mean(maps: list[torch.Tensor], side: int) -> torch.Tensor:
    """Mean of maps (B, K, any, any), each resampled to ``side`` with its own mean kept: it makes the logit."""
    total = torch.zeros((), device=maps[0].device)
    for given in maps:
        moved = _resized(given, side)
        total = total + moved + (given.mean((2, 3), keepdim=True) - moved.mean((2, 3), keepdim=True))
    return total / len(maps)


def _resized(maps: torch.Tensor, side: int) -> torch.Tensor:
    if maps.shape[-1] == side:
        return maps
    return functional.interpolate(maps, (side, side), mode="bilinear", antialias=True, align_corners=False)
