"""The JSON documents of the REST interface, as types: what a client may rely on."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edgefrac.contract import Precision
from edgefrac.serve.answer import Answer, RegionOfEvidence
from edgefrac.serve.worklist import Delivery, DeliveryState, ImageState, Item, Origin

Seconds = Annotated[float, Field(description="seconds since 1970-01-01T00:00Z", examples=[1795687200.25])]
ImageId = Annotated[str, Field(description="random, made by the server", examples=["5f0c2f0e5b7a4d3e8c1b2a3948576d6e"])]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class Problem(_Document):
    """Why a request was not served, and what to try."""

    error: Annotated[str, Field(examples=["the image: text, not an image"])]
    hint: Annotated[str, Field(examples=["EdgeFrac reads PNG, JPEG, TIFF, BMP, WebP, DICOM and NIfTI"])] = ""


class ServedTask(_Document):
    """The question that the threshold belongs to."""

    name: str
    classes: tuple[str, ...]
    threshold: float
    threshold_rule: str


class EvidenceScale(_Document):
    """How evidence becomes colour, in log-odds per 1 % of the network's input (``edgefrac.overlay/1``)."""

    full_scale: float
    contours: tuple[float, ...]
    ramp: tuple[tuple[int, int, int], ...]


class ModelDocument(_Document):
    """The model that answers here."""

    name: str
    version: str
    precision: Precision
    target: str
    sha256: str
    task: ServedTask
    input_size: int
    has_certificate: bool
    has_card: bool
    valid_until: Annotated[date | None, Field(description="the last day, by UTC, on which its makers stand by it")]
    expired: bool
    evidence_scale: EvidenceScale | None
    intended_use: str


class ReceivedImage(_Document):
    """An image of the work list; ``new`` is false where it was there already."""

    id: ImageId
    new: bool


class DeliveryDocument(_Document):
    """An answer's way to one destination; ``due`` is when it is tried next."""

    destination: str
    state: DeliveryState
    attempts: int
    due: Seconds
    error: str | None


class ItemDocument(_Document):
    """One image of the work list. ``number`` counts the images as they came, and pages the list."""

    number: int
    id: ImageId
    origin: Origin
    state: ImageState
    received: Seconds
    finished: Seconds | None
    answer: Answer | None
    error: str | None


class ItemWithDeliveries(ItemDocument):
    """One image, and where its answer goes."""

    deliveries: tuple[DeliveryDocument, ...]


class WorklistDocument(_Document):
    """The newest images, and how many images and deliveries are in each state."""

    items: tuple[ItemDocument, ...]
    counts: dict[ImageState, int]
    deliveries: dict[DeliveryState, int]


class PredictionRow(_Document):
    """One row as ``edgefrac predict --json`` has it; ``model`` is the model's name.

    ``file`` is what the client calls it. A row with ``error`` has only that and ``file``.
    """

    file: Annotated[str, Field(examples=["wrist.dcm"])]
    error: str | None = None
    probability: Annotated[float | None, Field(examples=[0.6996])] = None
    label: Annotated[str | None, Field(examples=["fracture"])] = None
    positive: bool | None = None
    threshold: Annotated[float | None, Field(examples=[0.0304])] = None
    evidence_peak: Annotated[tuple[float, float] | None, Field(examples=[(289.3, 215.7)])] = None
    tasks: dict[str, dict[str, float]] | None = None
    foreign: str | None = None
    identifying: str | None = None
    model: str | None = None
    milliseconds: float | None = None

    @classmethod
    def of(cls, answer: Answer, file: str) -> PredictionRow:
        """The row of an answer; what has nothing to say is not set."""
        said = {"foreign": answer.foreign, "identifying": answer.identifying, "tasks": answer.tasks or None}
        return cls(
            file=file,
            probability=answer.probability,
            label=answer.label,
            positive=answer.positive,
            threshold=answer.threshold,
            evidence_peak=answer.peak,
            model=answer.model,
            milliseconds=answer.milliseconds,
            **{name: value for name, value in said.items() if value is not None},
        )


class Explanation(_Document):
    """One row as ``edgefrac explain --json`` has it; ``model`` is the model's name."""

    file: str
    model: str
    precision: Precision
    probability: float
    threshold: float
    positive: bool
    label: str
    log_odds: float | None
    finding: Literal["nothing", "localised", "diffuse"] | None
    peak: tuple[float, float] | None
    regions: tuple[RegionOfEvidence, ...]
    foreign: str | None = None
    identifying: str | None = None

    @classmethod
    def of(cls, answer: Answer, file: str) -> Explanation:
        """The explanation in an answer."""
        said = {name: getattr(answer, name) for name in cls.model_fields if name != "file"}
        unsaid = {name for name in ("foreign", "identifying") if said[name] is None}
        return cls.model_validate({"file": file, **{k: v for k, v in said.items() if k not in unsaid}})


class Health(_Document):
    """That it is well."""

    status: Literal["ok"] = "ok"


def item_document(item: Item) -> ItemDocument:
    """An item as the list shows it."""
    return ItemDocument.model_validate(_shown(item))


def item_with_deliveries(item: Item, deliveries: list[Delivery]) -> ItemWithDeliveries:
    """An item as it is shown alone."""
    shown = [{name: getattr(one, name) for name in DeliveryDocument.model_fields} for one in deliveries]
    return ItemWithDeliveries.model_validate({**_shown(item), "deliveries": shown})


def _shown(item: Item) -> dict[str, object]:
    return {name: getattr(item, name) for name in ItemDocument.model_fields}
