"""Checksums and seals made right again after damage, as a forger would: without it, nothing gets past them."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib

from benchmarks.fuzzing.mutation_binary import read_zip, write_zip
from edgefrac.bundle import MANIFEST
from edgefrac.targets import onnx_metadata, openvino_metadata, ort_metadata, tflite_metadata

_PNG = 8  # bytes before the first chunk


def png(data: bytes) -> bytes:
    """The checksum of every chunk that is whole."""
    mended, at = bytearray(data), _PNG
    while at + 12 <= len(data):
        stop = at + 8 + struct.unpack_from(">I", data, at)[0]
        if stop + 4 > len(data):
            break
        struct.pack_into(">I", mended, stop, zlib.crc32(data[at + 4 : stop]))
        at = stop + 4
    return bytes(mended)


def tflite(data: bytes) -> bytes:
    """The seal of a TFLite file."""
    return tflite_metadata.seal(data)


def onnx(data: bytes) -> bytes:
    """The seal of an ONNX file."""
    return onnx_metadata.seal(data)


def ort(data: bytes) -> bytes:
    """The seal of an ORT file."""
    return ort_metadata.seal(data)


def openvino(data: bytes) -> bytes:
    """The seals of an OpenVINO pair."""
    xml, weights = unpaired(data)
    return paired(openvino_metadata.seal(xml, weights), weights)


def paired(xml: bytes, weights: bytes) -> bytes:
    """Both files of an OpenVINO model as one input."""
    return len(xml).to_bytes(4, "little") + xml + weights


def unpaired(data: bytes) -> tuple[bytes, bytes]:
    """The two files again."""
    stop = 4 + int.from_bytes(data[:4], "little")
    return data[4:stop], data[stop:]


def bundle(data: bytes) -> bytes:
    """The manifest of a zipped bundle: size and SHA-256 of every member that it lists."""
    members = read_zip(data)
    content = dict(members)
    manifest = json.loads(content[MANIFEST])
    for entry in manifest["files"]:
        if (found := content.get(entry["path"])) is not None:
            entry["bytes"], entry["sha256"] = len(found), hashlib.sha256(found).hexdigest()
    return write_zip([(n, json.dumps(manifest).encode() if n == MANIFEST else c) for n, c in members])
