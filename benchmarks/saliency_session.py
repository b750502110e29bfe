"""A network as a session whose evidence is the map of any method, drawn only when it is asked for, and timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.saliency_methods import Draw, own
from edgefrac.digest import file_sha256
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.exportable import from_checkpoint, identify
from edgefrac.models.network import FractureNet, channels_last, normalise
from edgefrac.runtimes.session import Prediction

Maker = Callable[[FractureNet, int], Draw]


class Drawn:
    """A checkpoint's fracture task alone, as ``trust`` and ``evaluation`` ask a session; raises CheckpointError.

    ``maker`` draws the maps. Only the network's own map has a bias; other methods know none, so theirs is 0.
    ``milliseconds`` holds what each map cost beyond the prediction itself.
    """

    def __init__(self, path: Path, maker: Maker) -> None:
        network, info = load_checkpoint(path)
        exportable, identity = from_checkpoint(network, info), identify(info, file_sha256(path))
        task = exportable.contract("fp32", identity).task()
        bias = task.bias if maker is own else tuple(0.0 for _ in task.bias)
        alone = task.model_copy(update={"first_channel": 0, "bias": bias})
        self.path = path
        self.contract = replace(exportable, tasks=(alone,)).contract("fp32", identity)
        self.milliseconds: list[float] = []
        channels_last(network.requires_grad_(False))
        self._network, self._channel, self._temperature = network, task.first_channel, task.temperature
        self._draw = maker(network, task.first_channel)
        self._last: tuple[bytes, _Answer] | None = None

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """Answer for one network input, uint8 [S, S], with K = 1; the last answer is remembered."""
        key = network_input.tobytes()
        if self._last is None or self._last[0] != key:
            self._last = key, _Answer(self, normalise(torch.from_numpy(network_input.copy())[None, None]))
        return cast(Prediction, self._last[1])

    @torch.inference_mode()
    def probability(self, image: torch.Tensor) -> NDArray[np.float32]:
        """The prediction itself, float32 [1], of which the network's own map is a part (benchmarks/map_cost.py)."""
        logit = self._network(image)[0][0, self._channel]
        return torch.sigmoid(logit / self._temperature)[None].numpy()

    def drawn(self, image: torch.Tensor) -> NDArray[np.float32]:
        """The method's map, float32 [h, w], timed."""
        self.probability(image)  # so that both that are timed find warm caches
        started = time.perf_counter()
        self.probability(image)
        predicted = time.perf_counter()
        values = self._draw(image)
        self.milliseconds.append(1000 * (time.perf_counter() - 2 * predicted + started))
        return values


class _Answer:
    """As a ``Prediction``, but its map costs nothing unless someone looks at it."""

    def __init__(self, session: Drawn, image: torch.Tensor) -> None:
        self._session, self._image = session, image

    @cached_property
    def probability(self) -> NDArray[np.float32]:
        """float32 [1], calibrated."""
        return self._session.probability(self._image)

    @cached_property
    def evidence(self) -> NDArray[np.float32]:
        """float32 [h, w, 1]."""
        return self._session.drawn(self._image)[:, :, None]
