"""The contract: what a model file promises, as JSON inside the file (``edgefrac.contract/1``).

One file copied to an empty folder must be enough to predict, so the contract carries everything an
app would otherwise hard-code: input, preprocessing, classes, threshold, calibration, outputs, provenance.
"""

from __future__ import annotations

import base64
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

PREPROCESS = "edgefrac.preprocess/1"
NOT_A_MEDICAL_DEVICE = "Research software, not a medical device: not for diagnosis or treatment decisions."
_HASH_BYTES = 6

Precision = Literal["fp32", "fp16", "int8", "mixed"]
ON_CODES: frozenset[Precision] = frozenset({"int8", "mixed"})
"""Precisions whose files compute on integer codes, wholly or for the most part."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Strict):
    """The network input: one grey raster made by ``preprocess``, uint8, [1, S, S, 1]."""

    name: str = "image"
    dtype: Literal["uint8"] = "uint8"
    shape: tuple[int, int, int, int]
    preprocess: str = PREPROCESS

    @property
    def size(self) -> int:
        """Side length S in pixels."""
        return self.shape[1]


class Codes(_Strict):
    """What the int8 codes of an evidence map stand for: ``(code - zero_point) * scale`` log-odds.

    With ``block`` r a tensor [1, h, w, r²·K] is laid out as the map [1, r·h, r·w, K] afterwards, as TFLite's
    DEPTH_TO_SPACE does: cell (r·y + i, r·x + j) of channel k is channel (r·i + j)·K + k of (y, x).
    """

    scale: float = Field(gt=0)
    zero_point: int = Field(ge=-128, le=127)
    block: int = Field(default=1, ge=1)


class Output(_Strict):
    """One output tensor: ``probability`` [1, K] calibrated, or ``evidence`` [1, h, w, K] log-odds.

    An evidence map may be in int8 ``codes``. A file that ends at them has no ``probability``: the app computes it by
    the formula of ``Task``.
    """

    name: Literal["probability", "evidence"]
    dtype: Literal["float32", "int8"] = "float32"
    shape: tuple[int, ...]
    index: int = Field(ge=0, description="position among the outputs of the file's main graph")
    codes: Codes | None = None

    @property
    def cells(self) -> tuple[int, int]:
        """Height and width of an evidence map, as it is laid out."""
        block = self.codes.block if self.codes else 1
        return self.shape[1] * block, self.shape[2] * block

    @model_validator(mode="after")
    def _codes_are_int8(self) -> Output:
        if (self.dtype == "int8") != (self.codes is not None):
            raise ValueError(f"output {self.name}: codes are int8, and nothing else is")
        if self.codes and (self.name != "evidence" or len(self.shape) != 4 or self.shape[3] % self.codes.block**2):
            raise ValueError(f"output {self.name}: codes are those of an evidence map, in blocks that fill it")
        return self


class Task(_Strict):
    """One question the network answers; its channels are consecutive in the outputs.

    ``probability = sigmoid((mean(evidence) + bias) / temperature)`` per channel for ``binary`` and ``multilabel``.
    A binary task has two class names (negative, positive) and one channel; a multilabel one has one per channel.
    """

    name: str
    kind: Literal["binary", "multilabel"]
    classes: tuple[str, ...]
    first_channel: int = 0
    bias: tuple[float, ...]
    temperature: float = Field(gt=0)
    threshold: float = Field(gt=0, lt=1)
    threshold_rule: str

    @property
    def channels(self) -> int:
        """Number of output channels this task owns."""
        return 1 if self.kind == "binary" else len(self.classes)

    @property
    def span(self) -> slice:
        """Where this task's channels lie among the outputs' last axis."""
        return slice(self.first_channel, self.first_channel + self.channels)

    @model_validator(mode="after")
    def _shapes_agree(self) -> Task:
        if self.kind == "binary" and len(self.classes) != 2:
            raise ValueError("a binary task has two classes: negative, positive")
        if len(self.bias) != self.channels:
            raise ValueError(f"task {self.name}: {len(self.bias)} biases for {self.channels} channels")
        return self


class TrainingData(_Strict):
    """What the network was trained on, with the licence and attribution that the licence asks for.

    ``seen`` lists the radiographs of the training split (truncated SHA-256 of their rasters, base64 of
    sorted 6-byte prefixes), so that an evaluation can leave out what the network has already seen.
    """

    names: tuple[str, ...]
    licence: str
    attribution: str
    seen: str = ""

    def seen_hashes(self) -> frozenset[str]:
        """Prefixes (12 hex digits) of the raster hashes of all training radiographs."""
        raw = base64.b64decode(self.seen)
        return frozenset(raw[i : i + _HASH_BYTES].hex() for i in range(0, len(raw), _HASH_BYTES))


class Familiar(_Strict):
    """How the radiographs look that the network was trained on, so that an app can tell when an image does not.

    Of the numbers that ``appearance`` names: their mean [A], the inverse of their covariance [A, A], and the ``limit``
    of the Mahalanobis distance that all but 1 % of the training radiographs keep.
    """

    appearance: Literal["edgefrac.appearance/1"] = "edgefrac.appearance/1"
    mean: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]
    limit: float = Field(gt=0)

    @model_validator(mode="after")
    def _is_square(self) -> Familiar:
        if {len(self.mean)} != {len(self.precision), *map(len, self.precision)}:
            raise ValueError("mean and precision differ in size")
        return self


def remembered(sha256: str) -> str:
    """The prefix of a raster hash by which ``TrainingData.seen_hashes`` knows a radiograph."""
    return sha256[: 2 * _HASH_BYTES]


def pack_hashes(hashes: list[str]) -> str:
    """Hex SHA-256 digests -> the compact form of ``TrainingData.seen``."""
    prefixes = sorted({remembered(h) for h in hashes})
    return base64.b64encode(b"".join(bytes.fromhex(p) for p in prefixes)).decode("ascii")


class Contract(_Strict):
    """Everything a model file promises; see the module docstring."""

    schema_id: Literal["edgefrac.contract/1"] = Field(default="edgefrac.contract/1", alias="schema")
    name: str
    version: str
    source_commit: str
    checkpoint_sha256: str
    architecture: str
    precision: Precision
    input: Input
    outputs: tuple[Output, ...]
    tasks: tuple[Task, ...]
    training_data: TrainingData
    familiar: Familiar | None = None
    calibration: str = Field(default="", description="where the activation ranges came from (int8 only)")
    evidence: str = Field(
        default="mean(evidence) + bias = logit",
        description="the formula by which the evidence map adds up to the logit, or why there is none",
    )
    intended_use: str = NOT_A_MEDICAL_DEVICE

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def document(self) -> dict[str, Any]:
        """As JSON holds it; what a contract does not say is not there."""
        return self.model_dump(by_alias=True, mode="json", exclude_none=True)

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, so that equal contracts are equal bytes."""
        import json

        return json.dumps(self.document(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Contract:
        """Parse and validate; raises ``pydantic.ValidationError``."""
        return cls.model_validate_json(text)

    def task(self, name: str = "fracture") -> Task:
        """The named task, or the first one if the file has no such task."""
        return next((t for t in self.tasks if t.name == name), self.tasks[0])

    @property
    def has_evidence(self) -> bool:
        """Whether the file has an evidence map among its outputs."""
        return any(o.name == "evidence" for o in self.outputs)

    @property
    def ends_in_codes(self) -> bool:
        """Whether the file leaves it to the app to turn codes into evidence and probability."""
        return any(o.codes for o in self.outputs)
