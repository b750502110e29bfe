"""What reading a sealed file takes in every format: its bytes, and the contract in them, with errors that name it."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from edgefrac.contract import Contract
from edgefrac.errors import ModelFileError
from edgefrac.regular_file import NotRegularFileError, open_regular

_LARGEST_BYTES = 1 << 30


def read_bytes(path: Path) -> bytes:
    """The whole file; raises ModelFileError, also for a pipe or device, which is not waited for, and over 1 GiB."""
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > _LARGEST_BYTES:
                raise ModelFileError(f"{path}: over {_LARGEST_BYTES >> 30} GiB, too large for a model file")
            return file.read(size)  # no more is set aside for it
    except NotRegularFileError:
        raise ModelFileError(f"{path}: not a file") from None
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
