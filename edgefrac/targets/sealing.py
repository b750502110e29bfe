"""What reading a sealed file takes in every format: its bytes, and the contract in them, with errors that name it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pydantic import ValidationError

from edgefrac.contract import Contract
from edgefrac.errors import ModelFileError

_LARGEST_BYTES = 1 << 30


def read_bytes(path: Path) -> bytes:
    """The whole file; raises ModelFileError, also for a pipe or device, which is not waited for, and over 1 GiB."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise ModelFileError(f"{path}: not a file")
            if facts.st_size > _LARGEST_BYTES:
                raise ModelFileError(f"{path}: over {_LARGEST_BYTES >> 30} GiB, too large for a model file")
            return file.read(facts.st_size)  # no more is set aside for it
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from error


def parse_contract(path: Path, text: str | bytes) -> Contract:
    """The contract that was found in ``path``; raises ModelFileError."""
    try:
        return Contract.from_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ModelFileError(
            f"{path}: its contract is damaged or of another version ({where}: {first['msg']})"
        ) from error
