"""What is written beside the graph in a file of ONNX Runtime's own format: that of the ONNX file it was made from.

The same entries under the same keys, see ``onnx_metadata``; the digest is that of the .ort file itself. Reading follows
the few flatbuffer tables that lead to them, each offset checked, before the runtime sees the file.
"""

from __future__ import annotations

import struct
from pathlib import Path

from edgefrac.contract import Contract
from edgefrac.errors import ModelFileError
from edgefrac.targets.flat_table import Table
from edgefrac.targets.onnx_metadata import DIGEST_KEY, sealed_contract, with_digest
from edgefrac.targets.sealing import read_bytes

IDENTIFIER = b"ORTM"
MODEL = 1  # the field of the root table
_METADATA, _KEY, _VALUE = 9, 0, 1


def read_contract(path: Path) -> Contract:
    """The contract inside an .ort file; raises ModelFileError naming the file and the cause."""
    return sealed_model(path)[1]


def sealed_model(path: Path) -> tuple[bytes, Contract]:
    """The file's bytes, for a runtime to load, and its contract; raises ModelFileError as ``read_contract`` does."""
    data = read_bytes(path)
    try:
        entries = _metadata(data)
    except (struct.error, ValueError) as error:
        raise ModelFileError(f"{path}: not an ORT file, or cut short ({error})") from error
    return data, sealed_contract(path, data, entries, "an ORT file", "ort")


def seal(data: bytes) -> bytes:
    """Fill in the digest of a file that has that of another one in its place."""
    return with_digest(data, _metadata(data)[DIGEST_KEY])


def _metadata(data: bytes) -> dict[str, slice]:
    """Where the value of each entry lies; raises ValueError or struct.error for a damaged file."""
    if data[4:8] != IDENTIFIER:
        raise ValueError("no ORTM identifier")
    found: dict[str, slice] = {}
    for entry in Table.root(data).table(MODEL).tables(_METADATA):
        key = data[entry.blob(_KEY)].decode("utf-8")
        if key in found:
            raise ValueError(f"two entries '{key}'")
        found[key] = entry.blob(_VALUE)
    return found
