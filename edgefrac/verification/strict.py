"""``--strict``: an int8 file in which an operator computes in float, where integers should, does not leave."""

from __future__ import annotations

from collections.abc import Sequence

from edgefrac.verification.look import Diagnosis
from edgefrac.verification.statistics import Estimate
from edgefrac.verification.verdict import Criterion, Verdict, worst

CAUSE = "operators without an integer form"
_NAMED = 5


def in_words(strays: Sequence[str]) -> str:
    """The first few of ``strays``, and how many more there are."""
    more = f" and {len(strays) - _NAMED} more" if len(strays) > _NAMED else ""
    return ", ".join(strays[:_NAMED]) + more


def held_to_integers(verdict: Verdict, strays: Sequence[str]) -> Verdict:
    """The verdict on an int8 file with one criterion more, which any of ``strays`` fails; other files' as it is."""
    if verdict.precision != "int8":
        return verdict
    explanation = f"computed in float: {in_words(strays)}" if strays else "no operator before the map's end is float"
    asked = Criterion(
        name="stray_floats",
        estimate=Estimate(value=len(strays), method="operators of the compiled file"),
        limit=0,
        outcome="failed" if strays else "passed",
        explanation=explanation,
    )
    criteria = (*verdict.criteria, asked)
    return verdict.model_copy(update={"criteria": criteria, "verdict": worst(c.outcome for c in criteria)})


def diagnosed(strays: Sequence[str]) -> Diagnosis:
    """What is wrong with a file that nothing but ``held_to_integers`` fails."""
    return Diagnosis(
        cause=CAUSE,
        explanation=in_words(strays),
        next_step="replace them in the network by what docs/quantization.md lists, or export without --strict",
    )
