"""What reading a sealed file takes in every format: its bytes, and the contract in them, with errors that name it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from edgefrac.contract import Contract
from edgefrac.errors import ModelFileError


def read_bytes(path: Path) -> bytes:
    """The whole file; raises ModelFileError."""
    try:
        return path.read_bytes()
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
