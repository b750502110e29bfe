"""The task Lightning trains: network, losses, augmentation, optimiser."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn

from edgefrac.errors import CheckpointError, UsageError
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.network import FRACTURE, FractureNet, TaskSpec, channels_last, normalise, refined, with_scales
from edgefrac.training.answer import answer
from edgefrac.training.augmentation import augment_batch
from edgefrac.training.distillation import Distillation
from edgefrac.training.imbalance import LabelLoss
from edgefrac.training.losses import EvidenceLoss
from edgefrac.training.recipe import Recipe
from edgefrac.training.schedule import one_cycle
from edgefrac.training.teachers import checkpoint_of_fold

Batch = dict[str, torch.Tensor]
LOCATED = ("fracture", "type")  # tasks whose evidence the fracture masks supervise


class FractureTask(pl.LightningModule):
    """Trains a ``FractureNet`` on batches of packed images (see ``training.cache``)."""

    def __init__(
        self,
        recipe: Recipe,
        steps: int,
        tasks: tuple[TaskSpec, ...] = (FRACTURE,),
        positive_rate: torch.Tensor | None = None,
    ) -> None:
        """``positive_rate`` (K,): the share of positives among the images shown, for logit adjustment."""
        super().__init__()
        self.recipe = recipe
        self.steps = steps
        self.network = FractureNet(
            recipe.architecture,
            tasks,
            pretrained=recipe.pretrained and not recipe.start_from,
            refinement=recipe.evidence.refinement,
            scales=recipe.evidence.scales,
        )
        if recipe.start_from:
            self.network.load_state_dict(_weights_to_start_from(recipe, tasks))
        channels_last(self.network)
        self.distillation = Distillation(recipe, self.network.tasks) if recipe.distillation.teachers else None
        channels = [task for task in tasks for _ in range(task.channels)]
        self.channel_weights = torch.tensor([recipe.tasks[task.name] / task.channels for task in channels])
        self.located = torch.tensor([task.name in LOCATED for task in channels])
        rate = torch.full((len(channels),), 0.5) if positive_rate is None else positive_rate
        self.label_loss = LabelLoss(recipe.imbalance, rate)
        self.evidence_loss = EvidenceLoss(recipe.evidence)
        self.frozen = _leading_stages(self.network, recipe.optimiser.freeze_stages)
        for module in self.frozen:
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> FractureTask:
        """Frozen stages stay in eval mode: their batch normalisation keeps its statistics."""
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Augment on the device, from a generator seeded by (seed, step)."""
        if not self.trainer.training:
            return batch
        stage = self.recipe.stage_at(self.current_epoch)
        generator = step_generator(self.recipe, self.global_step, rank=self.global_rank)
        return augment_batch(batch, stage, self.recipe.augmentation, generator, self.located)

    def trained(self) -> FractureNet:
        """The network as it leaves training: on the CPU, in eval mode."""
        network: FractureNet = self.network.cpu().eval()
        return network

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        image = normalise(batch["image"]).to(memory_format=torch.channels_last)
        said = answer(self.network, image, attention=self.distillation is not None and self.distillation.attention)
        classification = self._classification(said.logits, batch["label"])
        localisation = self._localisation(said.evidence, batch)
        loss: torch.Tensor = classification + self.recipe.evidence.weight * localisation
        parts = {"class": classification, "map": localisation}
        if self.distillation is not None:
            taught, learned = self.distillation(said, image, self.recipe.stage_at(self.current_epoch).view)
            loss, parts = loss + taught, {**parts, **learned}
        self.log_dict({"loss": loss, **parts}, prog_bar=True)
        return loss

    def _classification(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Each channel's mean over the images whose answer is known; then their weighted sum."""
        known = ~labels.isnan()
        losses = self.label_loss(logits, labels.nan_to_num()) * known
        means = losses.sum(0) / known.sum(0).clamp(min=1)
        return torch.dot(means, self.channel_weights.to(means.device))

    def _localisation(self, evidence: torch.Tensor, batch: Batch) -> torch.Tensor:
        """A mask is that of the fracture, and of its type: empty in the channels of all other types."""
        labels = batch["label"][:, self.located]
        shown = labels.T[1:, :, None, None, None] > 0
        masks = torch.cat([batch["mask"], *(batch["mask"] * of_type for of_type in shown)], dim=1)
        known = batch["known"][:, None] * ~labels.isnan()
        loss: torch.Tensor = self.evidence_loss(evidence[:, self.located], masks, known)
        return loss

    def configure_optimizers(self) -> Any:
        decayed = [p for p in self.parameters() if p.requires_grad and p.ndim > 1]
        plain = [p for p in self.parameters() if p.requires_grad and p.ndim <= 1]
        settings = self.recipe.optimiser
        optimiser = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=settings.learning_rate,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: one_cycle(step / self.steps))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def step_generator(recipe: Recipe, step: int, device: torch.device | str = "cpu", *, rank: int = 0) -> torch.Generator:
    """Randomness of one step in one of several processes, the same however often training was interrupted."""
    return torch.Generator(device).manual_seed(recipe.seed * 1_000_003 + step + rank * 1_000_000_007)


def _weights_to_start_from(recipe: Recipe, tasks: tuple[TaskSpec, ...]) -> dict[str, torch.Tensor]:
    path = checkpoint_of_fold(recipe.start_from, recipe)
    trained, _ = load_checkpoint(path)
    if (trained.architecture, trained.tasks) != (recipe.architecture, tasks):
        found, wanted = (", ".join(task.name for task in each) for each in (trained.tasks, tasks))
        raise CheckpointError(
            f"{path}: holds '{trained.architecture}' for {found}, not '{recipe.architecture}' for {wanted}"
        )
    finer = refined(trained, recipe.evidence.refinement)
    started: dict[str, torch.Tensor] = with_scales(finer, recipe.evidence.scales).state_dict()
    return started


def _leading_stages(network: FractureNet, count: int) -> tuple[nn.Module, ...]:
    """The stem and the ``count`` stages behind it; none at all for 0."""
    behind_stem = len(network.stages) - 1
    if count > behind_stem:
        raise UsageError(
            f"optimiser.freeze_stages: {count} stages to freeze, but '{network.architecture}' has {behind_stem}"
        )
    return network.stages[: count + 1] if count else ()
