"""Distillation: what a student learns from teachers that see the same augmented view, beside the labels.

Every loss is a mean over channels, each of which answers yes or no: logits are (B, K), evidence maps (B, K, h, w).

Of the successors of Hinton's loss it is DIST that says something here. DKD (Zhao et al. 2022, arXiv:2203.08679) weighs
the classes that are not the target among each other; a channel has one such class, so that part is zero and the rest is
Hinton's loss. DIST (Huang et al. 2022, arXiv:2205.10536) compares classes within an image, of which two correlate by
one or minus one, and images within a class, which keeps its meaning: ``relation_loss``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn import functional

from edgefrac.models.network import TaskSpec
from edgefrac.training.answer import Answer
from edgefrac.training.recipe import Recipe
from edgefrac.training.teachers import Teachers


def soft_label_loss(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Cross-entropy with the teacher's softened probability, times T² (Hinton et al. 2015, arXiv:1503.02531).

    Logits (B, K). T² keeps the gradient's size whatever the temperature.
    """
    wanted = torch.sigmoid(teacher / temperature)
    return temperature**2 * functional.binary_cross_entropy_with_logits(student / temperature, wanted)


def relation_loss(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """How far a channel's softened probabilities (B, K) fail to correlate with the teacher's over the batch, times T².

    The intra-class relation of DIST: the student need not repeat the teacher's probabilities, only its ranking by them.
    """
    mine, wanted = (torch.sigmoid(logits / temperature) for logits in (student, teacher))
    correlation = functional.cosine_similarity(mine - mine.mean(0), wanted - wanted.mean(0), dim=0)
    return temperature**2 * (1 - correlation).mean()


def map_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Squared difference of evidence maps (B, K, h, w) relative to the teacher's mean square in this batch.

    Cells of a small fracture hold tens of log-odds where others hold few: relative, one weight suits every network.
    One log-odds is added to the divisor, so that a batch with nothing to see does not weigh as much as a fracture.
    """
    difference = (student - teacher).square().mean((0, 2, 3))
    return (difference / (teacher.square().mean((0, 2, 3)) + 1)).mean()


def attention_loss(student: Mapping[int, torch.Tensor], teacher: Mapping[int, torch.Tensor]) -> torch.Tensor:
    """Squared distance, in [0, 2], of attention maps of unit length; mean over images and the strides both have.

    Attention transfer (Zagoruyko & Komodakis 2017, arXiv:1612.03928) rather than the hints of FitNets (Romero et al.
    2015, arXiv:1412.6550): it needs no regressor between features of different widths. Maps are (B, h, w), by stride.
    """
    distances = []
    for stride in sorted(student.keys() & teacher.keys()):
        mine, wanted = (functional.normalize(maps[stride].flatten(1)) for maps in (student, teacher))
        distances.append((mine - wanted).square().sum(1).mean())
    return torch.stack(distances).mean()


class Distillation:
    """The recipe's teachers and what of them is learned. No module: teachers are neither trained nor stored."""

    def __init__(self, recipe: Recipe, tasks: tuple[TaskSpec, ...]) -> None:
        """Raises CheckpointError for a teacher that cannot be read or answers other questions."""
        self.settings = recipe.distillation
        self.teachers = Teachers(recipe, tasks)
        self.attention = self.settings.hint_weight > 0

    def __call__(
        self, student: Answer, image: torch.Tensor, view: float
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The weighted sum, and its parts before weighting; ``image`` (B, 1, S, S) is what the student answered to."""
        chosen, temperature = self.settings, self.settings.temperature
        wanted = self.teachers.answer(image, view, like=student)
        parts: dict[str, tuple[float, torch.Tensor]] = {}
        if chosen.weight:
            parts["soft"] = chosen.weight, soft_label_loss(student.logits, wanted.logits, temperature)
        if chosen.relation_weight:
            parts["relation"] = chosen.relation_weight, relation_loss(student.logits, wanted.logits, temperature)
        if chosen.map_weight:
            parts["taught_map"] = chosen.map_weight, map_loss(student.evidence, wanted.evidence)
        if chosen.hint_weight:
            parts["hint"] = chosen.hint_weight, attention_loss(student.attention, wanted.attention)
        total = torch.stack([weight * loss for weight, loss in parts.values()]).sum()
        return total, {name: loss for name, (_, loss) in parts.items()}
