"""The certificate: what the gate found for each file, on which data, made by what (``edgefrac.certificate/1``).

It says nothing of the machine but its processor and the versions installed, and carries a time only where
``SOURCE_DATE_EPOCH`` sets one (reproducible-builds.org): exporting twice gives the same bytes.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from edgefrac.contract import NOT_A_MEDICAL_DEVICE
from edgefrac.errors import BundleError
from edgefrac.verification.diagnosis import Diagnosis
from edgefrac.verification.figures import Figures
from edgefrac.verification.verdict import Limits, Verdict

EvidenceLevel = Literal["measured", "emulated", "predicted", "unavailable"]


def _no_path(name: str) -> str:
    if "/" in name or "\\" in name:
        raise ValueError("a name, not a path: paths of the machine do not belong in a certificate")
    return name


Name = Annotated[str, AfterValidator(_no_path)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Data(_Strict):
    """The radiographs that the gate ran on; ``sha256`` identifies them whatever their order and encoding."""

    name: Name
    n: int = Field(ge=0)
    positives: int = Field(ge=0)
    sha256: Sha256
    left_out_seen_in_training: int = Field(default=0, ge=0)
    unreadable: int = Field(default=0, ge=0)


class Calibration(_Strict):
    """Where the activation ranges of an int8 file came from, with the hash of each calibration raster."""

    source: Name
    sha256: tuple[Sha256, ...] = ()


class Agreement(_Strict):
    """How far the int8 codes of this file's evidence maps are from those of another file, or of the integer reference.

    ``identical`` is the share of codes that are equal, ``largest`` the largest difference in codes.
    """

    with_file: Name
    images: int = Field(ge=1)
    identical: float = Field(ge=0, le=1)
    largest: int = Field(ge=0)


class ArtefactCertificate(_Strict):
    """What was found for one file. ``evidence_level`` is that of ``runtime`` on ``device``.

    ``bytes`` counts the files that it cannot run without, too; its own hash covers theirs.
    """

    file: Name
    target: str
    bytes: int = Field(ge=0)
    sha256: Sha256
    runtime: str
    device: str = "cpu"
    evidence_level: EvidenceLevel = "measured"
    placement: str = ""
    stray_floats: tuple[str, ...] = Field(
        default=(), description="operators of an int8 file that compute in float though integers should"
    )
    calibration: Calibration | None = None
    plan_sha256: Sha256 | None = Field(default=None, description="of the exact plan, for an int8 file that has one")
    agreement: tuple[Agreement, ...] = ()
    figures: Figures
    verdict: Verdict
    diagnosis: Diagnosis | None = None


class Environment(_Strict):
    """What made and judged the files."""

    python: str
    cpu: str
    packages: dict[str, str]


class Certificate(_Strict):
    """``certificate.json``: reference and files on the same data, under the same limits."""

    schema_id: Literal["edgefrac.certificate/1"] = Field(default="edgefrac.certificate/1", alias="schema")
    model: str
    checkpoint_sha256: Sha256
    data: Data
    threshold: float = Field(gt=0, lt=1)
    limits: Limits
    reference: Figures
    artefacts: tuple[ArtefactCertificate, ...]
    environment: Environment
    created: str | None = None
    intended_use: str = NOT_A_MEDICAL_DEVICE

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, two spaces of indent, a final newline, no NaN and no infinity."""
        document = self.model_dump(mode="json", by_alias=True)
        return json.dumps(document, sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Certificate:
        """Parse and validate; raises ``BundleError`` naming the field."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise BundleError(f"certificate.json: {where}: {problem['msg']}") from None

    def artefact(self, file: str) -> ArtefactCertificate | None:
        """The certificate of the file of that name, if there is one."""
        return next((a for a in self.artefacts if a.file == file), None)


def environment(packages: Iterable[str]) -> Environment:
    """This machine's Python, processor and the versions of ``packages`` that are installed."""
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return Environment(python=platform.python_version(), cpu=cpu_model(), packages=versions)


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Model name of the processor where the system tells it, else its architecture."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
