"""The work of decoding samples, for guarded processes: what comes back is pixels, whatever their file tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgefrac.datasets.sample import Sample
from edgefrac.errors import ImageError
from edgefrac.imaging.message import from_message, to_message
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.workers.framing import Message


@dataclass(frozen=True)
class Decoding:
    """A sample's radiograph without its depth, or why it cannot be read."""

    def open(self) -> Callable[[Sample], Radiograph | str]:
        """Nothing is needed beforehand."""
        return _decode

    def packed(self) -> Decoding:
        """It has no files."""
        return self

    def to_message(self, answer: Radiograph | str) -> Message:
        """The radiograph's own."""
        if isinstance(answer, str):
            return {"unreadable": answer}, []
        return to_message(replace(answer, depth=None))

    def from_message(self, item: Sample, message: Message) -> Radiograph | str:
        """Raises ValueError or TypeError for what ``to_message`` does not give."""
        head, _ = message
        return str(head["unreadable"]) if "unreadable" in head else from_message(message, item.id)


def _decode(sample: Sample) -> Radiograph | str:
    try:
        return sample.read()
    except ImageError as error:
        return error.message
