"""Pictures of an image that has its answer, drawn from its numbers: the overlay, and its heat alone."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefrac.imaging.heat import layer
from edgefrac.imaging.overlay import draw_overlay
from edgefrac.imaging.preprocess import Placement
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.regions import Region
from edgefrac.serve.answer import Answer

if TYPE_CHECKING:
    from PIL.Image import Image

_LONGEST, _SHORTEST = 2048, 1024  # pixels of the heat's longer side


def overlay(answer: Answer, raster: NDArray[np.uint8], evidence: NDArray[np.float32]) -> Image:
    """The answer drawn over ``raster`` [H, W] with its ``evidence`` [h, w], as ``edgefrac explain --out`` does."""
    assert answer.scale
    return draw_overlay(
        Radiograph(raster, answer.picture.source_format),
        evidence,
        _placement(answer),
        probability=answer.probability,
        threshold=answer.threshold,
        label=answer.label,
        bias=answer.scale.bias,
        temperature=answer.scale.temperature,
        regions=[Region(region.box, region.log_odds, region.share) for region in answer.regions],
        caution=answer.foreign or "",
    )


def heat(answer: Answer, evidence: NDArray[np.float32]) -> Image:
    """The evidence alone, RGBA, to be laid over the whole image.

    It is as large as the image, if that has between 1024 and 2048 pixels along its longer side; else as near to it as
    they allow, so that contours are lines at any size.
    """
    from PIL import Image

    assert answer.scale
    longer = max(answer.picture.width, answer.picture.height)
    scale = min(max(longer, _SHORTEST), _LONGEST) / longer
    shape = (max(1, round(answer.picture.height * scale)), max(1, round(answer.picture.width * scale)))
    pixels = layer(evidence, _placement(answer), shape, bias=answer.scale.bias, temperature=answer.scale.temperature)
    return Image.fromarray(pixels)


def png(picture: Image) -> bytes:
    """The picture as a file; written fast rather than small."""
    written = io.BytesIO()
    picture.save(written, "PNG", compress_level=1)
    return written.getvalue()


def _placement(answer: Answer) -> Placement:
    assert answer.scale
    return Placement(answer.picture.height, answer.picture.width, answer.scale.size)
