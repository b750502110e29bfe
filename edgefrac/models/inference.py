"""Run a torch network over preprocessed images."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from edgefrac.models.network import FractureNet, channels_last, normalise
from edgefrac.progress import Track


def infer(
    network: FractureNet, images: NDArray[np.uint8], track: Track, *, batch_size: int = 16
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """uint8 [N, S, S] -> logits float32 [N, K] (uncalibrated) and evidence float32 [N, h, w, K]."""
    channels_last(network.eval())
    logits, evidence = [], []
    with torch.inference_mode():
        for start in track(range(0, len(images), batch_size), "running the network"):
            batch = torch.from_numpy(np.array(images[start : start + batch_size]))[:, None]
            logit, maps = network(normalise(batch).to(memory_format=torch.channels_last))
            logits.append(logit.numpy())
            evidence.append(maps.permute(0, 2, 3, 1).numpy())
    return np.concatenate(logits), np.concatenate(evidence)
