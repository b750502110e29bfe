"""What is written beside the graph in an ONNX file: the contract, a seal, and what generic readers look for.

All of it is ``metadata_props``: ``edgefrac.contract``; ``edgefrac.sha256``, the SHA-256 of the whole file with these 64
digits as zeros; ``model_author`` and ``model_license``, which ONNX's own list of keys names; ``labels``, one a line.

Reading is a bounds-checked walk over the protobuf's fields: nothing is executed, a damaged file is an error before any
runtime sees it, and a graph whose weights lie in other files is refused, since one file must be enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgefrac.contract import Contract
from edgefrac.errors import ModelFileError
from edgefrac.targets.sealing import parse_contract, read_bytes

CONTRACT_KEY = "edgefrac.contract"
DIGEST_KEY = "edgefrac.sha256"
DIGITS = 64
_ZEROS = b"0" * DIGITS
_METADATA, _KEY, _VALUE = 14, 1, 2
_TENSOR, _EXTERNAL_DATA, _DATA_LOCATION = "tensor", 13, 14
_OPERATOR, _COMPILED = 4, b"EPContext"
_MOST_FIELDS = 500_000  # those of EdgeFrac's own files have thousands
# the fields of each message that lead to tensors, by the numbers of onnx.proto
_LEADS_ON: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {
        5: _TENSOR,
        6: "graph",
        10: _TENSOR,
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: _TENSOR, 2: _TENSOR},
}


def read_contract(path: Path) -> Contract:
    """The contract inside an .onnx file; raises ModelFileError naming the file and the cause."""
    return sealed_model(path)[1]


def sealed_model(path: Path) -> tuple[bytes, Contract]:
    """The file's bytes, for a runtime to load, and its contract; raises ModelFileError as ``read_contract`` does."""
    data = read_bytes(path)
    try:
        entries = _metadata(data)
        foreign = _what_lies_elsewhere(data)
    except ValueError as error:
        raise ModelFileError(f"{path}: not an ONNX file, or cut short ({error})") from error
    contract = sealed_contract(path, data, entries, "an ONNX file", "onnx")
    if foreign:
        raise ModelFileError(f"{path}: {foreign}, which EdgeFrac does not open")
    return data, contract


def sealed_contract(path: Path, data: bytes, entries: Mapping[str, slice], what: str, target: str) -> Contract:
    """The contract of a file by where its metadata lie, its seal checked before; raises ModelFileError.

    ``what`` is the kind of file for people, ``target`` the one that writes such files.
    """
    if CONTRACT_KEY not in entries:
        raise ModelFileError(
            f"{path}: {what} without EdgeFrac's contract, so its input, classes and threshold are unknown",
            hint=f"export it with 'edgefrac export --target {target}'",
        )
    digest = entries.get(DIGEST_KEY)
    if digest is None or data[digest].decode("ascii", "replace") != sha256_without(data, digest):
        raise ModelFileError(f"{path}: damaged, its content does not have the SHA-256 that was written into it")
    return parse_contract(path, data[entries[CONTRACT_KEY]])


def seal(data: bytes) -> bytes:
    """Fill in the digest of a file that was written with ``DIGITS`` zeros for it."""
    return with_digest(data, _metadata(data)[DIGEST_KEY])


def with_digest(data: bytes, digest: slice) -> bytes:
    """The file with its own SHA-256 at ``digest``."""
    return data[: digest.start] + sha256_without(data, digest).encode("ascii") + data[digest.stop :]


def sha256_without(data: bytes, digest: slice) -> str:
    """Hex SHA-256 of the file with the digits at ``digest`` as zeros."""
    hashed = hashlib.sha256(data[: digest.start])
    hashed.update(_ZEROS)
    hashed.update(data[digest.stop :])
    return hashed.hexdigest()


def _metadata(data: bytes) -> dict[str, slice]:
    """Where the value of each of the model's ``metadata_props`` lies; raises ValueError for a damaged file."""
    found: dict[str, slice] = {}
    for number, start, stop in fields(data, 0, len(data)):
        if number == _METADATA and start < stop:
            parts = {n: slice(a, b) for n, a, b in fields(data, start, stop)}
            if _KEY in parts and _VALUE in parts:
                key = data[parts[_KEY]].decode("utf-8")
                if key in found:
                    raise ValueError(f"two entries '{key}'")
                found[key] = parts[_VALUE]
    return found


def _what_lies_elsewhere(data: bytes) -> str:
    """What a runtime would take from other files than this; empty for a file that is whole.

    Walks every tensor of every graph, however deep: no call in a call, so that nesting exhausts nothing.
    """
    waiting, seen = [("model", 0, len(data))], 0
    while waiting:
        message, start, stop = waiting.pop()
        for number, first, last in fields(data, start, stop):
            seen += 1
            if seen > _MOST_FIELDS:
                raise ValueError(f"more than {_MOST_FIELDS} fields")
            if message == _TENSOR and number in (_EXTERNAL_DATA, _DATA_LOCATION):
                return "some of its weights lie in other files"
            if message == "node" and number == _OPERATOR and data[first:last] == _COMPILED:
                return "it is compiled for one device, by code that may lie in other files"
            if inner := _LEADS_ON.get(message, {}).get(number):
                waiting.append((inner, first, last))
    return ""


def fields(data: bytes, position: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """(number, start, stop) of each field of a message; a number that is no text or message has an empty range."""
    while position < stop:
        key, position = _varint(data, position, stop)
        number, kind = key >> 3, key & 7
        if kind == 2:
            length, position = _varint(data, position, stop)
            start, position = position, position + length
        elif kind == 0:
            _, position = _varint(data, position, stop)
            start = position
        elif kind in (1, 5):
            start = position = position + (8 if kind == 1 else 4)
        else:
            raise ValueError(f"wire type {kind}")
        if number == 0 or position > stop:
            raise ValueError("a field ends beyond its message")
        yield number, start, position


def _varint(data: bytes, position: int, stop: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= stop:
            raise ValueError("a number is cut short")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number without end")
