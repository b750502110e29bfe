"""Do int8 files of one exact plan give the same integers in their runtimes? Counted, code by code."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.evaluation import Answers
from edgefrac.imaging.preprocess import preprocess
from edgefrac.quantization.integers import IntegerNetwork
from edgefrac.runtimes.session import Session
from edgefrac.verification.certificate import Agreement

REFERENCE = "integer reference"
_PHANTOMS, _SEED = 4, 2027


def agreements(
    network: IntegerNetwork, sessions: Mapping[str, Session], answers: Mapping[str, Answers]
) -> dict[str, tuple[Agreement, ...]]:
    """Of each file, by name, with the integer reference on some phantoms, and with each other file on all radiographs.

    ``answers`` are those of the same files to the radiographs of the gate.
    """
    size = next(iter(sessions.values())).contract.input.size
    images = [preprocess(s.read().pixels, size) for s in phantom_dataset(_PHANTOMS, _SEED).samples]
    defined = np.stack([network.evidence(image) for image in images])
    scale = network.grids[network.output].scale
    found = {}
    for name, session in sessions.items():
        given = np.stack([np.asarray(session.predict(image).evidence) for image in images])
        rows = [_agreement(REFERENCE, defined, given, scale)]
        rows += [
            _agreement(other, theirs.evidence, answers[name].evidence, scale)
            for other, theirs in answers.items()
            if other != name
        ]
        found[name] = tuple(rows)
    return found


def _agreement(
    other: str, theirs: NDArray[np.float32] | None, ours: NDArray[np.float32] | None, scale: float
) -> Agreement:
    """Of evidence maps [N, h, w, K] whose codes are worth ``scale``."""
    assert theirs is not None and ours is not None
    distance = np.abs(np.rint((ours.astype(np.float64) - theirs) / scale))
    return Agreement(
        with_file=other, images=len(ours), identical=float((distance == 0).mean()), largest=int(distance.max())
    )
