"""What the report of ``edgefrac bench`` is made of, as its JSON holds it (``edgefrac.bench-report/1``)."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from edgefrac.benchmarking.document import Document
from edgefrac.contract import Contract
from edgefrac.verification.certificate import Certificate, Name
from edgefrac.verification.figures import Figures, figures

Text = Annotated[str, StringConstraints(min_length=1)]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12,64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        populate_by_name=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )


class Answer(_Strict):
    """What one model file said about one radiograph, which is known by the SHA-256 of its raster and nothing else.

    ``group`` is its patient or block of ids, by which intervals are taken.
    """

    id: Hash
    label: Literal[0, 1]
    probability: float = Field(ge=0, le=1)
    group: str


class Answers(_Strict):
    """All that one file said on the report's radiographs, in its own runtime."""

    file: Name
    runtime: str
    device: str
    given: tuple[Answer, ...] = Field(min_length=1)


def _png(data: bytes) -> bytes:
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or len(data) < 24:
        raise ValueError("not a PNG")
    return data


class Picture(_Strict):
    """A PNG with its caption. Evidence maps are shown on phantoms only: nothing of a patient is in a report."""

    png: Annotated[bytes, AfterValidator(_png)]
    caption: Text


class BenchReport(_Strict):
    """All that the report says.

    ``document`` is that of ``edgefrac bench --json``. ``certificate`` is the bundle's, None for files outside one;
    ``answers`` are of one file, for calibration, ROC, predictive values and failures, None where no labelled
    radiographs were given. ``examples`` are overlays of phantoms, ``roofline`` the figure of ``roofline_plot``.
    ``command`` makes the report again.
    """

    schema_id: Literal["edgefrac.bench-report/1"] = Field(default="edgefrac.bench-report/1", alias="schema")
    document: Document
    contract: Contract
    certificate: Certificate | None = None
    answers: Answers | None = None
    examples: tuple[Picture, ...] = ()
    roofline: Picture | None = None
    command: Text

    @property
    def threshold(self) -> float:
        """The frozen threshold of the first task."""
        return self.contract.task().threshold

    @property
    def figures(self) -> Figures | None:
        """AUROC, sensitivity, specificity and calibration of ``answers`` with their intervals."""
        return _figures(self.answers, self.threshold) if self.answers else None


@lru_cache(maxsize=4)
def _figures(answers: Answers, threshold: float) -> Figures:
    """Asked for by several chapters; resampling takes a second."""
    given = ((answer.label, answer.probability, answer.group) for answer in answers.given)
    labels, probability, groups = zip(*given, strict=True)
    return figures(labels, probability, groups, threshold)
