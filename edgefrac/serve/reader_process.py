"""The reader: a guarded process that turns bytes from strangers into answers, one job after the other.

Jobs, by the head's ``do``:

    tell       nothing more. Reply: the model's ``contract`` and ``sha256``
    answer     blob: an image. Reply: ``answer``
    picture    blob: an image. Reply: ``answer``, and a blob: the overlay as PNG
    read       ``incoming``, ``into``, ``envelope``: paths. Reply: ``answer``; leaves the image's numbers in the file
               ``into``, and where there is a path for it and the image is DICOM, its envelope

A job may set a ``window``. What a job raises is said without a word from the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgefrac.workers.child import Answering


@dataclass(frozen=True)
class Reading:
    """The service of a reader: a model (None: the bundled reference), and how many threads run it."""

    model: Path | None
    threads: int

    def open(self) -> Answering:
        """Raises what ``prediction.load`` raises."""
        from edgefrac.serve.reading import Reader

        reader = Reader(self.model, self.threads)
        reader.make_ready()
        return reader.do
