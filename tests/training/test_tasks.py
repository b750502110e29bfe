"""Several questions at once: what is not known costs nothing, weights weigh, and masks teach the right channels."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from edgefrac.models.network import FRACTURE, TaskSpec
from edgefrac.training.recipe import Augmentation, Recipe, Stage
from edgefrac.training.task import FractureTask

REGION = TaskSpec("region", "multilabel", ("hand", "leg"))
TYPE = TaskSpec("type", "multilabel", ("oblique", "spiral", "transverse"))
TASKS = (FRACTURE, REGION, TYPE)
LABELS = torch.tensor([[1, 0, 1, 0, 1, 0], [1, 1, 0, math.nan, math.nan, math.nan], [0, math.nan, math.nan, 0, 0, 0]])


def task(weights: dict[str, float], tasks: tuple[TaskSpec, ...] = TASKS, view: float = 1.0) -> FractureTask:
    recipe = Recipe(
        name="t",
        architecture="tiny",
        stages=(Stage(epochs=1, size=64, view=view),),
        tasks=weights,
        augmentation=Augmentation(rotation_degrees=0, scale=0, shift=1, flip=False, gamma=0, contrast=0, blur=0),
    )
    made = FractureTask(recipe, 10, tasks)
    made._trainer = SimpleNamespace(training=True, current_epoch=0, global_step=0, global_rank=0)  # type: ignore[assignment]
    return made


def test_the_weighted_loss_by_hand() -> None:
    made = task({"fracture": 1.0, "region": 0.4, "type": 0.6})
    logits = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))

    def mean(channel: int, rows: list[int]) -> torch.Tensor:
        return functional.binary_cross_entropy_with_logits(logits[rows, channel], LABELS[rows, channel])

    wanted = mean(0, [0, 1, 2])
    wanted = wanted + 0.2 * sum(mean(k, [0, 1]) for k in (1, 2)) + 0.2 * sum(mean(k, [0, 2]) for k in (3, 4, 5))
    torch.testing.assert_close(made._classification(logits, LABELS), wanted)


def test_a_question_that_no_image_answers_costs_nothing() -> None:
    made = task({"fracture": 1.0, "region": 1.0}, (FRACTURE, REGION))
    logits = torch.zeros(2, 3, requires_grad=True)
    loss = made._classification(logits, torch.tensor([[1.0, math.nan, math.nan], [0.0, math.nan, math.nan]]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2))
    assert logits.grad is not None and not logits.grad[:, 1:].any() and not logits.grad.isnan().any()


def test_masks_teach_the_channel_of_their_type_and_none_of_regions() -> None:
    made = task({"fracture": 1.0, "region": 1.0, "type": 1.0})
    evidence = torch.zeros(3, 6, 4, 4, requires_grad=True)
    mask = torch.zeros(3, 1, 16, 16)
    mask[:2, :, :4, :4] = 1
    made._localisation(evidence, {"label": LABELS, "mask": mask, "known": torch.ones(3)}).backward()
    pull = evidence.grad
    assert pull is not None
    cell = pull[:, :, 0, 0]
    assert not pull[:, 1:3].any(), "a mask says nothing about the region"
    assert (cell[:2, 0] < 0).all() and cell[2, 0] > 0
    assert cell[0, 4] < 0 < cell[0, 3] and cell[0, 5] > 0, "the fracture of image 0 is spiral"
    assert not pull[1, 3:].any(), "the type of image 1 is not known"
    assert (pull[2, 3:] > 0).all()


def test_a_crop_beside_the_fracture_has_no_type_but_its_region() -> None:
    made = task({"fracture": 1.0, "region": 1.0, "type": 1.0}, view=0.25)
    masks = torch.zeros((32, 1, 32, 32), dtype=torch.uint8)
    masks[:, :, 10:15, 10:15] = 255
    batch = {
        "image": torch.full((32, 1, 128, 128), 60, dtype=torch.uint8),
        "mask": masks,
        "label": LABELS[:1].repeat(32, 1),
        "known": torch.ones(32),
    }
    seen = made.on_after_batch_transfer(batch, 0)["label"]
    beside = seen[:, 0] == 0
    assert beside.any() and not beside.all()
    assert torch.equal(seen[~beside], batch["label"][~beside])
    assert not seen[beside][:, [0, 3, 4, 5]].any() and torch.equal(seen[:, 1:3], batch["label"][:, 1:3])


@pytest.mark.parametrize("weights", [{"region": 1.0}, {"region": 1.0, "fracture": 1.0}, {"fracture": 1.0, "age": 1.0}])
def test_fracture_comes_first_and_others_are_known(weights: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="fracture comes first, then any of region, type"):
        Recipe(name="t", stages=(Stage(epochs=1, size=64),), tasks=weights)


def test_a_task_needs_a_weight() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        Recipe(name="t", stages=(Stage(epochs=1, size=64),), tasks={"fracture": 1.0, "region": 0.0})
