"""The one time that EdgeFrac writes into what it makes: that of ``SOURCE_DATE_EPOCH``, or none.

See https://reproducible-builds.org/specs/source-date-epoch. The same inputs give the same bytes because no other clock
is asked; times that are facts themselves (when a radiograph was received, how long a run took) are measured where they
occur.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime

from edgefrac.errors import UsageError

_VARIABLE = "SOURCE_DATE_EPOCH"


def created() -> str | None:
    """When something is said to have been made, ISO 8601 in UTC; None where the user sets no time.

    Raises ``UsageError`` for a value that is no whole number of seconds since 1970.
    """
    epoch = os.environ.get(_VARIABLE)
    if not epoch:
        return None
    try:
        if not re.fullmatch(r"[0-9]+", epoch):
            raise ValueError(epoch)
        return datetime.fromtimestamp(int(epoch), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{_VARIABLE}={epoch!r}: not a number of seconds since 1970",
            hint=f"such as {_VARIABLE}=$(git log -1 --format=%ct), or leave it unset",
        ) from None
