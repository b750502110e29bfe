"""Export recipes: what may stand in ``export/*.yaml``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from edgefrac.contract import Precision
from edgefrac.verification.verdict import Limits

ALL: tuple[Precision, ...] = ("fp32", "fp16", "int8")
LADDER: tuple[Precision, ...] = ("int8", "mixed", "fp16", "fp32")  # smallest first


class ExportRecipe(BaseModel):
    """How to export: which files, under which limits, measured on what where no --data is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    precision: Literal["all", "auto", "fp32", "fp16", "int8", "mixed"] = "all"
    quantizer: Literal["exact", "native"] = Field(
        default="exact", description="one exact plan for all targets, or each format's own quantizer, to compare with"
    )
    limits: Limits = Limits()
    input_size: int = Field(default=320, ge=32, multiple_of=32, description="for foreign networks only")
    calibration_images: int = Field(default=256, ge=8, description="drawn evenly from --calibration")
    phantoms: int = Field(default=240, ge=2, description="gate on this many phantoms where no --data is given")
    phantom_seed: int = 0
    golden_vectors: int = Field(default=4, ge=1)

    @property
    def stops_early(self) -> bool:
        """Whether a target is done with its first file that passes."""
        return self.precision in ("auto", "mixed")

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """The files to make, in the order in which they are tried."""
        if self.precision == "all":
            return ALL
        return LADDER if self.precision == "auto" else (self.precision,)
