"""Parts of a benchmark document, for tests that need one and measure nothing."""

from __future__ import annotations

from edgefrac.benchmarking.document import Row
from edgefrac.benchmarking.host import Host, Moment, host


def here(**other: object) -> Host:
    """This machine, some facts of which are ``other``."""
    moment = Moment(0.5, 0, 0)
    return host(moment, moment).model_copy(update=other)


def row(median: float, reach: float = 0.01, **other: object) -> Row:
    """A measured row, its interval ``reach`` of the median to each side."""
    made = Row(
        path="a.tflite",
        sha256="0" * 64,
        target="tflite",
        precision="int8",
        device="cpu",
        threads=1,
        evidence_level="measured",
        median_ms=median,
        median_ci=(median * (1 - reach), median * (1 + reach)),
    )
    return made.model_copy(update=other)
