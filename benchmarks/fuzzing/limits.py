"""What one input may cost: the promise, and where a process that breaks it is ended."""

from __future__ import annotations

SECONDS = 1.0
"""An input that takes longer is slow; it is run again twice then, for a busy machine may be to blame."""
MEGABYTES = 512
"""By how much an input may raise the memory of the process (resident set)."""
ENDED_AFTER_SECONDS = 4.0
ENDED_ABOVE_MEGABYTES = 3000
