"""Writing so that a file is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from edgefrac.errors import OutputError


def write_atomically(path: Path, data: bytes) -> None:
    """Write under a temporary name, then rename; raises ``OutputError``."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # or a power failure could leave the name without the content
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        hint = "is the folder writable, is the disk full?"
        raise OutputError(f"{path}: cannot be written ({error.strerror})", hint=hint) from error
