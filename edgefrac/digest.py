"""The identity of a file: its SHA-256, as manifests, certificates and reports state it."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of the file's bytes; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name from a document, too long or with a NUL in it, is that of none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
