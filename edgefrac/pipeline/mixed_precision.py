"""Between int8 and float16: the layers that lose most by int8 stay in float32, more of them from step to step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.imaging.preprocess import preprocess
from edgefrac.pipeline.quantizing import Exact
from edgefrac.progress import Note, Track
from edgefrac.quantization.sensitivity import layers_around, logit_errors

SHARES = (1 / 16, 1 / 8, 1 / 4)  # of all values that are rounded; beyond, a float16 file is as small and faster
_PHANTOMS, _SEED = 12, 2028


def mixtures(exact: Exact, size: int, note: Note, track: Track) -> Iterator[Exact]:
    """The plan with ever more layers in float32; one that names them already is all there is.

    Phantoms of ``size`` pixels a side tell the layers' losses: they are at hand wherever a plan is carried out.
    """
    if exact.plan.floats:
        yield exact
        return
    images = np.stack([preprocess(s.read().pixels, size) for s in phantom_dataset(_PHANTOMS, _SEED).samples])
    errors = logit_errors(exact.graph, exact.plan, images, track)
    for count in dict.fromkeys(max(1, round(share * len(errors))) for share in SHARES):
        floats = layers_around(exact.graph, errors, count)
        note(
            f"mixed: {len(floats)} of {len(errors)} layers in float32, among them {max(errors, key=errors.__getitem__)}"
        )
        yield exact.keeping(floats)
