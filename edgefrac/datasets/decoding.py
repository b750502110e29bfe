"""The work of decoding samples, for guarded processes: what comes back is pixels, whatever their file tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgefrac.datasets.sample import Sample
from edgefrac.errors import ImageError
from edgefrac.imaging.limits import check_size
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.workers.framing import Message


@dataclass(frozen=True)
class Decoding:
    """A sample's radiograph with its pixels and chroma alone, or why it cannot be read."""

    def open(self) -> Callable[[Sample], Radiograph | str]:
        """Nothing is needed beforehand."""
        return _decode

    def packed(self) -> Decoding:
        """It has no files."""
        return self

    def to_message(self, answer: Radiograph | str) -> Message:
        """The pixels as blob."""
        if isinstance(answer, str):
            return {"unreadable": answer}, []
        head = {"shape": answer.pixels.shape, "format": answer.source_format, "chroma": answer.chroma}
        return head, [answer.pixels.tobytes()]

    def from_message(self, item: Sample, message: Message) -> Radiograph | str:
        """Raises ValueError or TypeError for what ``to_message`` does not give."""
        head, blobs = message
        if "unreadable" in head:
            return str(head["unreadable"])
        height, width = map(int, head["shape"])
        try:
            check_size(item.id, width, height)
        except ImageError as error:
            raise ValueError(error.message) from error
        pixels = np.frombuffer(blobs[0], np.uint8).reshape(height, width)
        return Radiograph(pixels, str(head["format"]), chroma=float(head["chroma"]))


def _decode(sample: Sample) -> Radiograph | str:
    try:
        return sample.read()
    except ImageError as error:
        return error.message
