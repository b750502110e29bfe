"""Where an outgoing object comes from: which image, which model, and when the answer was given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from edgefrac import __version__
from edgefrac.serve.answer import Answer
from edgefrac.serve.dicom.uids import derived_uid

MANUFACTURER = "EdgeFrac"
"""How EdgeFrac names itself in DICOM (LO and AE texts)."""
CREATOR_UID = derived_uid("implementation", MANUFACTURER)
"""In every object that the reading room sends, and in its file headers and association requests."""
SOFTWARE = f"EdgeFrac {__version__}"


@dataclass(frozen=True)
class ModelIdentity:
    """The model as an object names it; ``sha256`` is that of its file, in hex."""

    name: str
    version: str
    precision: str
    sha256: str

    @classmethod
    def of(cls, answer: Answer) -> ModelIdentity:
        """The model that gave an answer."""
        return cls(answer.model, answer.model_version, answer.precision, answer.model_sha256)

    @property
    def in_words(self) -> str:
        """Name, version and precision, for people."""
        return f"{self.name} {self.version} ({self.precision})"


@dataclass(frozen=True)
class Origin:
    """Everything an outgoing object is made from besides the envelope and the answer.

    The same origin gives the same UIDs and times: sending again sends the same bytes, and an archive keeps one copy.
    ``key`` is the image's in the work list; ``at``, with a time zone, is when it was answered. An image that could not
    be read was put to no ``model``.
    """

    key: str = field(repr=False)
    model: ModelIdentity | None
    at: datetime

    def uid(self, kind: str) -> str:
        """The UID of this image's ``kind`` of object, or of one of its parts."""
        return derived_uid("instance", self.key, self._model_hash, kind)

    def series_uid(self, source_series: str, kind: str) -> str:
        """The UID of the series that the ``kind`` of objects made from one source series share."""
        return derived_uid("series", source_series, self._model_hash, kind)

    @property
    def device_uid(self) -> str:
        """The UID of EdgeFrac with this model as an observer."""
        return derived_uid("device", SOFTWARE, self._model_hash)

    @property
    def _model_hash(self) -> str:
        return self.model.sha256 if self.model else ""

    @property
    def software(self) -> list[str]:
        """Software Versions: EdgeFrac's, and the model's."""
        return [SOFTWARE, text(f"model {self.model.version} {self.model.precision}")] if self.model else [SOFTWARE]

    @property
    def in_words(self) -> str:
        """Software and model, for people."""
        return f"{SOFTWARE}, model {text(self.model.in_words)}" if self.model else SOFTWARE


def text(value: str, longest: int = 64) -> str:
    """``value`` in characters that every character set of DICOM has, cut to what the element may hold."""
    plain = "".join(letter if " " <= letter < "\x7f" and letter not in "\\~^=" else "?" for letter in value)
    return plain[:longest].strip()
