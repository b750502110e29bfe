"""Where EdgeFrac keeps on a user's machine what is slow to fetch and can be fetched again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``edgefrac`` in the XDG cache folder, $XDG_CACHE_HOME or ~/.cache; it need not exist."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # by its specification a relative path is to be ignored
    return (named if named.is_absolute() else Path.home() / ".cache") / "edgefrac"
