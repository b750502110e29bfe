"""The word of caution where a bundle is past the last day on which its makers stand by it.

It is used all the same: a clock that runs ahead must not stop a department, and no patient is helped by no answer.
"""

from __future__ import annotations

from pathlib import Path

from edgefrac.cli.output import note


def warn_if_expired(model: Path | None) -> str | None:
    """Say so on standard error and return the day, ISO 8601; None where it has not passed, or there is no bundle."""
    from edgefrac.prediction import is_bundle

    if model is None or not is_bundle(model):
        return None
    from edgefrac.bundle import expired, open_bundle

    day = expired(open_bundle(model))
    if day is None:
        return None
    note(f"caution: {model} was valid until {day}: get a newer version from its maker")
    return day.isoformat()
