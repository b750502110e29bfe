"""Ways to draw where one network sees a fracture: its own evidence map, Grad-CAM, Score-CAM and Recipro-CAM.

Each maker gives a function of one network input, float32 [1, 1, S, S] as ``normalise`` makes it, that answers with a
map in cells, float32 [h, w]. The network is in eval mode, and no parameter of it asks for gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from edgefrac.models import torchvision_shim
from edgefrac.models.network import FractureNet

Draw = Callable[[torch.Tensor], NDArray[np.float32]]
_GAUSSIAN = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16


def own(network: FractureNet, channel: int) -> Draw:
    """The evidence map."""

    @torch.inference_mode()
    def draw(image: torch.Tensor) -> NDArray[np.float32]:
        evidence: NDArray[np.float32] = network(image)[1][0, channel].numpy()
        return evidence

    return draw


def grad_cam(network: FractureNet, channel: int) -> Draw:
    """Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) at the last features, of the logit."""
    return _grad_cam_at(last_layer(network), network, channel)


def finer_grad_cam(network: FractureNet, channel: int) -> Draw:
    """Grad-CAM at the last stage whose cells are half as wide as those of the last features."""
    return _grad_cam_at(finer_stage(network), network, channel)


def _grad_cam_at(layer: nn.Module, network: FractureNet, channel: int) -> Draw:
    def draw(image: torch.Tensor) -> NDArray[np.float32]:
        with _gradients_from(layer), _library().GradCAM(Logits(network), [layer]) as method:
            return _in_cells(method, image, channel)

    return draw


def score_cam(network: FractureNet, channel: int) -> Draw:
    """Score-CAM (Wang et al. 2020, arXiv:1910.01279) at the last features: one forward pass a channel of these.

    The passes go through a frozen graph, twice as fast as eager mode.
    """
    eager = Logits(network)
    probe = torch.zeros(1, 1, 4 * network.stride, 4 * network.stride)
    graph = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(eager.eval(), probe)))

    def draw(image: torch.Tensor) -> NDArray[np.float32]:
        with torch.no_grad(), _library().ScoreCAM(eager, [last_layer(network)]) as method:
            method.model = graph  # the hooks, which keep all that passes, stay on the eager one
            return _in_cells(method, image, channel)

    return draw


def recipro_cam(network: FractureNet, channel: int) -> Draw:
    """Recipro-CAM (Byun & Lee 2022, arXiv:2209.14074) at the last features, all cells in one batch.

    Each cell in turn is kept under a Gaussian of 3×3 cells and all others are zeroed, in a second scale of features
    likewise; the map holds the probabilities that the head gives for that, laid over 0 to 1. Their softmax over classes
    is the sigmoid of the one logit here.
    """

    @torch.inference_mode()
    def draw(image: torch.Tensor) -> NDArray[np.float32]:
        features, earlier = network.read(image)
        height, width = features.shape[2:]
        cells = torch.eye(height * width).reshape(-1, 1, height, width)
        kept = functional.conv2d(cells, _GAUSSIAN[None, None], padding=1)
        under = None if earlier is None else earlier * kept.repeat_interleave(2, 2).repeat_interleave(2, 3)
        answers = torch.sigmoid(network.head(features * kept, under)[0][:, channel]).reshape(height, width)
        spread = answers.max() - answers.min()
        values: NDArray[np.float32] = ((answers - answers.min()) / spread.clamp(min=1e-12)).numpy()
        return values

    return draw


def last_layer(network: FractureNet) -> nn.Module:
    """The layer whose output is the last features."""
    return network.features if network.scales == 1 else network.stages[-1]


def last_stage(network: FractureNet) -> nn.Module:
    """The module that gives the last features; a network of two scales runs its stages one by one."""
    return network.features if network.scales == 1 else network.stages[-1]


def finer_stage(network: FractureNet) -> nn.Module:
    """The last stage whose cells are half as wide as those of the last features."""
    sides: list[tuple[nn.Module, int]] = []
    hooks = [
        stage.register_forward_hook(lambda module, _, output: sides.append((module, output.shape[-1])))
        for stage in network.stages
    ]
    cells = 8
    with torch.inference_mode():
        network.features(torch.zeros(1, 1, cells * network.stride, cells * network.stride))
    for hook in hooks:
        hook.remove()
    return [stage for stage, side in sides if side == 2 * cells][-1]


def _library() -> Any:
    """The package ``grad-cam``, kept from drawing a progress bar for each image."""
    torchvision_shim.install()
    import pytorch_grad_cam.score_cam

    pytorch_grad_cam.score_cam.tqdm = SimpleNamespace(tqdm=iter)
    return pytorch_grad_cam


class Logits(nn.Module):
    """What the library explains: image -> logits (B, K), without the map."""

    def __init__(self, network: FractureNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(image)[0]
        return logits


@contextmanager
def _gradients_from(layer: nn.Module) -> Iterator[None]:
    """Within, gradients end at the output of ``layer``: going back through all before it would be time wasted."""
    hook = layer.register_forward_hook(lambda _module, _inputs, output: output.requires_grad_())
    try:
        yield
    finally:
        hook.remove()


def _in_cells(method: Any, image: torch.Tensor, channel: int) -> NDArray[np.float32]:
    """The map of one of the library's methods, from 0 to 1, as it is before it would be enlarged to the image."""
    method.get_target_width_height = lambda _image: None
    values: NDArray[np.float32] = method(image, [lambda logits: logits[channel]])[0]
    return values
