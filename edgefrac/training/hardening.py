"""Make a trained network robust to int8 rounding, before its weights are put on their int8 grid.

The gate compares an int8 file with the float32 network of the same weights, and what moves decisions between the two is
the rounding of activations. It acts like noise (Baskin et al. 2018, arXiv:1810.00162), so the network is fine-tuned
under noise several times as large: it learns to lower the gain behind values that are rounded coarsely. The network
before equalization is the teacher (its logits and evidence maps), so no label is needed and nothing new is learned.

What is trained is each weight's relative change: after equalization kernels differ a hundredfold in size, and one
learning rate for all would leave the large ones, which carry the noise, where they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from edgefrac.models.network import FractureNet, channels_last, normalise
from edgefrac.quantization.rounding import absmax_scale, round_kernels
from edgefrac.training.augmentation import augment
from edgefrac.training.fit import TrainingSet, batches, run
from edgefrac.training.recipe import Recipe
from edgefrac.training.schedule import one_cycle
from edgefrac.training.task import Batch, step_generator

_LEVELS = 255
_ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardswish)
_MAP_WEIGHT = 0.05
_BIAS_RATE = 2.0  # biases move absolutely, in units of a ReLU6's range


def harden(
    network: FractureNet,
    teacher: FractureNet,
    recipe: Recipe,
    data: TrainingSet,
    folder: Path,
    *,
    resume: bool,
    progress: bool,
) -> FractureNet:
    """Fine-tune the folded, equalized ``network`` in place by the recipe's ``int8`` section; then round its weights.

    Goes on from the last whole epoch in ``folder`` with ``resume``. Raises CheckpointError, OutputError.
    """
    pl.seed_everything(recipe.seed, workers=True, verbose=False)
    loader = batches(recipe, data)
    task = HardeningTask(network, teacher, recipe, steps=max(2, len(loader) * recipe.int8.epochs))
    run(task, loader, folder / "state.safetensors", recipe.int8.epochs, [], resume=resume, progress=progress)
    return put_on_grid(task.hardened())


def put_on_grid(network: FractureNet) -> FractureNet:
    """Round the weights of all convolutions to int8 steps per output channel, in place, as an export rounds them."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            flat = module.weight.detach().flatten(1).numpy()
            module.weight.data = torch.from_numpy(round_kernels(flat, absmax_scale(flat))).view_as(module.weight)
    channels_last(network)
    return network


class HardeningTask(pl.LightningModule):
    """Trains ``network`` under rounding noise to give what ``teacher`` gives without."""

    def __init__(self, network: FractureNet, teacher: FractureNet, recipe: Recipe, steps: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.steps = steps
        self.network = network
        self.teacher = teacher.requires_grad_(False)
        self.network.requires_grad_(False)
        self.changes = nn.ModuleList()
        self.biases: list[torch.Tensor] = []
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                change = _RelativeChange(module.weight)
                parametrize.register_parametrization(module, "weight", change)
                self.changes.append(change)
            if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)) and module.bias is not None:
                self.biases.append(module.bias.requires_grad_())
        self.noise = RoundingNoise(network, recipe.int8.noise)
        for folded in (self.network, self.teacher):
            channels_last(folded)

    def train(self, mode: bool = True) -> HardeningTask:
        """Batch normalisation is folded: both networks stay in eval mode."""
        super().train(mode)
        self.network.eval()
        self.teacher.eval()
        return self

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Augment like the last stage of training."""
        generator = step_generator(self.recipe, self.global_step)
        stage = self.recipe.stages[-1]
        images, _ = augment(batch["image"], batch["mask"], stage, self.recipe.augmentation, generator)
        return {**batch, "image": images}

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        image = normalise(batch["image"]).to(memory_format=torch.channels_last)
        with torch.no_grad():
            wanted, wanted_map = self.teacher(image)
        self.noise.generator = step_generator(self.recipe, self.global_step, self.device)
        logits, evidence = self.network(image)
        decision = functional.mse_loss(logits, wanted)
        loss: torch.Tensor = decision + _MAP_WEIGHT * functional.mse_loss(evidence, wanted_map)
        self.log_dict({"loss": loss, "logit": decision}, prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:
        rate = self.recipe.int8.learning_rate
        optimiser = torch.optim.Adam(
            [{"params": list(self.changes.parameters()), "lr": rate}, {"params": self.biases, "lr": _BIAS_RATE * rate}]
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: one_cycle(step / self.steps))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def hardened(self) -> FractureNet:
        """The network with its changes applied and the noise gone: on the CPU, in eval mode."""
        self.noise.remove()
        for module in self.network.modules():
            if isinstance(module, nn.Conv2d):
                parametrize.remove_parametrizations(module, "weight")
        network: FractureNet = self.network.cpu().eval()
        return network


class _RelativeChange(nn.Module):
    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.change = nn.Parameter(torch.zeros_like(weight))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight * (1 + self.change)


class RoundingNoise:
    """Adds to every tensor that int8 rounds uniform noise of the rounding's size times ``amplitude``.

    The size follows each batch's own range. Values at the ends of the range, where a ReLU6 saturates, are exact in int8
    and stay as they are.
    """

    def __init__(self, network: FractureNet, amplitude: float) -> None:
        self.amplitude = amplitude
        self.generator: torch.Generator | None = None
        self._handles = [module.register_forward_hook(self._disturb) for module in _rounded(network)]

    def _disturb(self, module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        low, high = output.detach().aminmax()
        step = (high - low) / _LEVELS
        # drawn for one image and given a random sign in each: uncorrelated, for a fraction of the time
        noise = torch.empty_like(output[:1]).uniform_(-0.5, 0.5, generator=self.generator)
        sign = torch.empty_like(output[:, :1, :1, :1]).uniform_(-1, 1, generator=self.generator).sign()
        inside = (output > low) & (output < high)
        disturbed: torch.Tensor = output + inside * (sign * step * self.amplitude) * noise
        return disturbed

    def remove(self) -> None:
        """Take the noise out again."""
        for handle in self._handles:
            handle.remove()


def _rounded(network: FractureNet) -> list[nn.Module]:
    """The modules whose outputs become int8 tensors of the exported graph."""
    found: list[nn.Module] = [module for module in (network.head.conv, network.head.earlier) if module is not None]
    inner: set[nn.Module] = set()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and type(module) is not nn.BatchNorm2d:
            found.append(module)  # timm's includes its activation
            inner.update(module.children())
        elif (isinstance(module, _ACTIVATIONS) and module not in inner) or getattr(module, "has_skip", False):
            found.append(module)
    return found
