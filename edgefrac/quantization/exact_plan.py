"""The exact plan: every decision of quantization, as numbers that all runtimes compute with alike.

Runtimes round alike only where nothing is rounded twice. So a plan for all of them has
- grids whose scale is a power of two. A range that is none is kept by its ``step``, what one code stands for in the
  float32 network; the ratio of the two is worked into the weights on either side;
- one factor per output channel, a whole number of 2⁻¹⁵, that brings an accumulator to output codes: accumulator times
  factor is then exact in float32 wherever the result is not cut off anyway;
- one step for all values that are added to each other, so that an addition adds whole numbers;
- zero points 0 (signed values) and -128 (values behind a ReLU), so that zero padding pads with a code.
"""

from __future__ import annotations

import hashlib
import json
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgefrac.errors import ConversionError

FACTOR_BITS = 15
LOWEST, HIGHEST = -128, 127


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Grid(_Strict):
    """int8 codes of one tensor: in files the scale 2**exponent, in the float32 network ``step`` a code."""

    exponent: int = Field(ge=-30, le=30)
    zero_point: Literal[0, -128]
    step: float = Field(gt=0)

    @property
    def scale(self) -> float:
        """The scale that files state."""
        return float(2.0**self.exponent)


class ExactPlan(_Strict):
    """Grids of all values and factors of all convolutions, by the names of ``models.layers``.

    ``evidence_shift`` [K], log-odds, is by how much these integers raise the mean of the evidence map on the
    calibration radiographs; it is taken out of the last bias. Layers named in ``floats`` compute in float32, and so
    are their results, until a layer on codes reads them: this is what mixed precision is.
    """

    schema_id: Literal["edgefrac.plan/1"] = Field(default="edgefrac.plan/1", alias="schema")
    architecture: str
    source: str = Field(description="what the ranges were taken from")
    grids: dict[str, Grid]
    factors: dict[str, tuple[int, ...]]
    sources: dict[str, str] = Field(description="the value that each convolution reads, in order of computation")
    evidence_shift: tuple[float, ...] = ()
    floats: tuple[str, ...] = ()

    def ratios(self) -> list[tuple[float, float]]:
        """A code's worth in the network over that in files, of what each convolution, in order, reads and gives."""
        names = ((self.grids[source], self.grids[name]) for name, source in self.sources.items())
        return [(before.step / before.scale, after.step / after.scale) for before, after in names]

    def weight_steps(self, convolution: str) -> NDArray[np.float64]:
        """What one code of each kernel's weights is worth in the float32 network, [O]."""
        before, after = self.grids[self.sources[convolution]], self.grids[convolution]
        return np.array(self.factors[convolution], np.int64) / 2.0**FACTOR_BITS * after.step / before.step

    def to_json(self) -> str:
        """Readable JSON: one line a tensor; equal plans are equal bytes."""
        document = self.model_dump(by_alias=True, mode="json")
        parts = []
        for key, value in document.items():
            if isinstance(value, dict):
                rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in value.items())
                parts.append(f" {json.dumps(key)}: {{\n{rows}\n }}")
            else:
                parts.append(f" {json.dumps(key)}: {json.dumps(value)}")
        return "{\n" + ",\n".join(parts) + "\n}\n"

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the plan as JSON."""
        return hashlib.sha256(self.to_json().encode("utf-8")).hexdigest()

    @classmethod
    def from_json(cls, text: str | bytes, name: str) -> ExactPlan:
        """Parse and validate; raises ConversionError naming the file ``name``."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ConversionError(f"{name}: not edgefrac.plan/1 ({where}: {first['msg']})") from error
