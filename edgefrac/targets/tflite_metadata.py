"""What is written beside the graph in a TFLite file: the contract, and the standard metadata with labels.

The contract is a metadata buffer named ``edgefrac.contract``. One named ``edgefrac.sha256`` holds the SHA-256 of the
whole file with these 32 bytes as zeros, because a runtime's own verifier lets some damage through and then crashes.
The standard metadata (``TFLITE_METADATA``, identifier M001, schema: tflite-support's ``metadata_schema.fbs``) tells
generic readers names, licence and labels; the label file itself is zip-appended to the file, as that standard asks.

Reading is done by a bounds-checked walk over the few flatbuffer tables that lead to the contract: no runtime, no
generated schema, nothing executed, so a damaged file is an error and predicting from a file starts fast.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from pathlib import Path

import flatbuffers

from edgefrac.contract import Contract
from edgefrac.errors import ModelFileError
from edgefrac.targets.flat_table import Table, add_table, add_vector
from edgefrac.targets.sealing import parse_contract, read_bytes

CONTRACT_KEY = "edgefrac.contract"
DIGEST_KEY = "edgefrac.sha256"
DIGEST_BYTES = 32
STANDARD_KEY = "TFLITE_METADATA"
LABEL_FILE = "labels.txt"
_AXIS_LABELS = 2
_IMAGE_PROPERTIES = 2
_GRAYSCALE = 2
_INT8 = 9  # TensorType of schema.fbs
_EXTERNAL_BUFFERS = (8, 9)  # fields of its Model: groups of buffers by the names of their files, and the buffers
_EPOCH = (1980, 1, 1, 0, 0, 0)


def read_contract(path: Path) -> Contract:
    """The contract inside a .tflite file; raises ModelFileError naming the file and the cause."""
    data = read_bytes(path)
    try:
        contract, digest = find_metadata(data, CONTRACT_KEY), find_metadata(data, DIGEST_KEY)
        elsewhere = [field for field in _EXTERNAL_BUFFERS if Table.root(data).place(field) is not None]
    except (struct.error, ValueError) as error:
        raise ModelFileError(f"{path}: not a TFLite file, or cut short ({error})") from error
    if contract is None:
        raise ModelFileError(
            f"{path}: a TFLite file without EdgeFrac's contract, so its input, classes and threshold are unknown",
            hint="export it with 'edgefrac export --target tflite'",
        )
    if digest is None or data[digest.start : digest.stop] != sha256_without(data, digest):
        raise ModelFileError(
            f"{path}: damaged, its content does not have the SHA-256 that was written into it",
            hint="where a compiler such as vela rewrote it, give the file that it was made from",
        )
    if elsewhere:
        raise ModelFileError(f"{path}: some of its weights lie in other files, which EdgeFrac does not open")
    return parse_contract(path, data[contract.start : contract.stop])


def ends_in_codes(path: Path) -> bool:
    """Whether the first output of a TFLite file is int8; False for one that is damaged. Raises ModelFileError."""
    try:
        graph = Table.root(read_bytes(path)).tables(2)[0]
        return graph.tables(0)[graph.numbers(2)[0]].byte(1) == _INT8
    except (struct.error, ValueError, IndexError):
        return False


def sha256_without(model: bytes, digest: slice) -> bytes:
    """SHA-256 of the file with the bytes at ``digest`` as zeros."""
    hashed = hashlib.sha256(model[: digest.start])
    hashed.update(bytes(DIGEST_BYTES))
    hashed.update(model[digest.stop :])
    return hashed.digest()


def find_metadata(model: bytes, name: str) -> slice | None:
    """Where the metadata buffer ``name`` lies; raises ValueError or struct.error for a damaged file."""
    if len(model) < 8 or model[4:8] != b"TFL3":
        raise ValueError("no TFL3 identifier")
    root = Table.root(model)
    buffers = root.tables(4)
    for entry in root.tables(6):
        if model[entry.blob(0)] == name.encode():
            number = entry.u32(1)
            if number >= len(buffers):
                raise ValueError("metadata points outside the file")
            return buffers[number].blob(0)
    return None


def channel_labels(contract: Contract) -> list[str]:
    """One label per output channel: the positive class of a binary task, every class of a multilabel one."""
    return [name for task in contract.tasks for name in (task.classes[1:] if task.kind == "binary" else task.classes)]


def seal(model: bytes) -> bytes:
    """Write the whole file's SHA-256 into its ``edgefrac.sha256`` buffer."""
    digest = find_metadata(model, DIGEST_KEY)
    assert digest is not None
    return model[: digest.start] + sha256_without(model, digest) + model[digest.stop :]


def append_labels(model: bytes, contract: Contract) -> bytes:
    """Zip-append the label file (no compression, fixed date, so that equal models are equal bytes)."""
    archive = io.BytesIO()
    archive.write(model)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as file:
        file.writestr(zipfile.ZipInfo(LABEL_FILE, _EPOCH), "\n".join(channel_labels(contract)) + "\n")
    return archive.getvalue()


def standard_metadata(contract: Contract) -> bytes:
    """The ``TFLITE_METADATA`` flatbuffer for a contract."""
    builder = flatbuffers.Builder(1024)
    inputs = [_tensor(builder, contract.input.name, f"grey radiograph after {contract.input.preprocess}", image=True)]
    outputs = [
        _tensor(builder, "probability", "calibrated probability per class", labels=True)
        if output.name == "probability"
        else _tensor(builder, "evidence", f"log-odds contributions; {contract.evidence}")
        for output in sorted(contract.outputs, key=lambda output: output.index)
    ]
    subgraph = add_table(builder, 9, {2: add_vector(builder, inputs), 3: add_vector(builder, outputs)})
    attribution = contract.training_data.attribution
    strings = {
        0: contract.name,
        1: f"{contract.intended_use} {attribution}".strip(),
        2: contract.version,
        4: "EdgeFrac",
        5: contract.training_data.licence,
        7: "1.0.0",
    }
    fields = {slot: builder.CreateString(text) for slot, text in strings.items()}
    root = add_table(builder, 8, {**fields, 3: add_vector(builder, [subgraph])})
    builder.Finish(root, file_identifier=b"M001")
    return bytes(builder.Output())


def _tensor(
    builder: flatbuffers.Builder, name: str, description: str, *, image: bool = False, labels: bool = False
) -> int:
    fields = {0: builder.CreateString(name), 1: builder.CreateString(description)}
    if image:
        properties = add_table(builder, 2, {}, bytes_={0: _GRAYSCALE})
        fields[3] = add_table(builder, 3, {1: properties}, bytes_={0: _IMAGE_PROPERTIES})
    if labels:
        file = add_table(builder, 5, {0: builder.CreateString(LABEL_FILE)}, bytes_={2: _AXIS_LABELS})
        fields[6] = add_vector(builder, [file])
    return add_table(builder, 7, fields)
