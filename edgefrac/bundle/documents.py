"""The JSON documents of a bundle, as types, and how they are written: equal documents are equal bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgefrac.bundle.names import collisions, fault_of
from edgefrac.contract import Contract
from edgefrac.errors import BundleError

MANIFEST, CONTRACTS, CERTIFICATE = "bundle.json", "contract.json", "certificate.json"
MODEL_CARD, CERTIFICATE_PAGE, PLAN = "MODEL_CARD.md", "certificate.html", "plan.json"
VECTORS, SBOM, SIGNATURE = "golden/vectors.json", "sbom.cdx.json", "model.sig"
MOST_FILES = 10_000
FORMAT = "edgefrac.bundle/"
_VERSION = 1
_Model = TypeVar("_Model", bound=BaseModel)


def _stays_inside(path: str) -> str:
    if fault := fault_of(path):
        raise ValueError(f"unsafe name {path!r}: {fault}")
    return path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class FileEntry(_Strict):
    """One file of the bundle; ``path`` is relative, with forward slashes, and safe on every system."""

    path: Annotated[str, AfterValidator(_stays_inside)]
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(_Strict):
    """``bundle.json``; ``valid_until`` is the last day, in UTC, on which its makers stand by it."""

    schema_id: Literal["edgefrac.bundle/1"] = Field(default="edgefrac.bundle/1", alias="schema")
    name: str
    valid_until: date | None = None
    files: tuple[FileEntry, ...] = Field(max_length=MOST_FILES)

    @model_validator(mode="after")
    def _names_differ(self) -> Manifest:
        if twice := collisions([MANIFEST, SIGNATURE, *(entry.path for entry in self.files)]):
            raise ValueError(f"two names that are one on some systems: {twice[0]!r} and {twice[1]!r}")
        return self

    def to_json(self) -> bytes:
        """Canonical JSON; what is not said is not there."""
        return canonical(self.model_dump(mode="json", by_alias=True, exclude_none=True))


class Expected(_Strict):
    """What one model file answers to one network input, and how far another runtime may be from it."""

    probability: tuple[float, ...]
    evidence: tuple[tuple[tuple[float, ...], ...], ...] | None = None
    probability_tolerance: float = Field(ge=0)
    evidence_tolerance: float = Field(ge=0)


class Vector(_Strict):
    """One golden vector: two PNGs beside ``vectors.json`` and the answer of each model file, by its name."""

    name: str
    raster: str
    network_input: str = Field(alias="input")
    expected: dict[str, Expected]


class Golden(_Strict):
    """``golden/vectors.json``."""

    schema_id: Literal["edgefrac.golden/1"] = Field(default="edgefrac.golden/1", alias="schema")
    vectors: tuple[Vector, ...]


@dataclass(frozen=True)
class GoldenVector:
    """A golden vector in memory: ``raster`` uint8 [H, W], ``network_input`` uint8 [S, S], answers by file name."""

    name: str
    raster: NDArray[np.uint8]
    network_input: NDArray[np.uint8]
    expected: Mapping[str, Expected]


def expected(
    probability: NDArray[np.float32],
    evidence: NDArray[np.float32] | None,
    *,
    probability_tolerance: float,
    evidence_tolerance: float,
) -> Expected:
    """Answer float32 [K] and [h, w, K] as JSON numbers, the shortest that read back as the same float32."""
    return Expected.model_validate(
        {
            "probability": _shortest(probability),
            "evidence": None if evidence is None else _shortest(evidence),
            "probability_tolerance": probability_tolerance,
            "evidence_tolerance": evidence_tolerance,
        }
    )


def read_manifest(content: bytes, source: object) -> Manifest:
    """Parse ``bundle.json``; raises ``BundleError``, which tells a format of another version from damage."""
    _refuse_other_version(content, source)
    return parse(Manifest, content, f"{source}: {MANIFEST}")


def parse(model: type[_Model], content: bytes, where: str) -> _Model:
    """Parse a document; raises ``BundleError`` naming the first thing wrong."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise BundleError(f"{where}: {first_fault(error)}", hint="get or export the bundle again") from None


def to_json(model: BaseModel) -> bytes:
    """A document as canonical JSON."""
    return canonical(model.model_dump(mode="json", by_alias=True))


def contracts_json(contracts: Mapping[str, Contract]) -> bytes:
    """``contract.json``."""
    return canonical({name: contract.document() for name, contract in contracts.items()})


def canonical(value: object) -> bytes:
    """Sorted keys, no spaces, a final newline."""
    return (json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n").encode("utf-8")


def first_fault(error: ValidationError) -> str:
    """The first thing wrong, in one line."""
    problem = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}".lstrip(": ")


def _refuse_other_version(content: bytes, source: object) -> None:
    """A document of another version is not damaged, and its reader is told what to do about it."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return
    schema = document.get("schema") if isinstance(document, dict) else None
    version = schema.removeprefix(FORMAT) if isinstance(schema, str) and schema.startswith(FORMAT) else ""
    if not (version.isascii() and version.isdigit() and len(version) < 10) or int(version) == _VERSION:
        return
    if int(version) > _VERSION:
        cause = f"its format {schema} is newer than this EdgeFrac, which reads {FORMAT}{_VERSION}"
        raise BundleError(f"{source}: {cause}", hint="pip install --upgrade edgefrac")
    cause = f"its format {schema} is older than {FORMAT}{_VERSION}, and no longer read"
    raise BundleError(f"{source}: {cause}", hint="export the model again")


def _shortest(values: NDArray[np.float32]) -> object:
    """Nested lists of doubles with the shortest decimals that identify each float32."""
    if values.ndim == 0:
        return float(str(values))
    return [_shortest(value) for value in values]
