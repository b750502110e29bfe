"""What is written beside the graph in an OpenVINO file, as ``rt_info``: contract, seal, and what Model API looks for.

``edgefrac/contract``; ``edgefrac/weights_sha256``, that of the .bin file; ``edgefrac/sha256``, that of the .xml file
with these 64 digits as zeros, so that both files are sealed. ``model_info`` is for OpenVINO Model API: it classifies by
the file's first output, and hands the pixels over as they are.

Reading checks the seal by text alone before any parser sees the files: OpenVINO's own trusts what it reads.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree

from edgefrac.contract import Contract
from edgefrac.errors import ModelFileError
from edgefrac.targets.sealing import parse_contract, read_bytes

SECTION, CONTRACT_KEY, WEIGHTS_KEY, DIGEST_KEY = "edgefrac", "contract", "weights_sha256", "sha256"
DIGITS = 64
_ZEROS = "0" * DIGITS


def model_info(contract: Contract) -> dict[str, str]:
    """``model_info`` for Model API's classification of the first task; its lists are separated by spaces."""
    task, size = contract.task(), str(contract.input.size)
    classes = task.classes if task.kind == "binary" else (f"not_{task.classes[0]}", task.classes[0])
    return {
        "model_type": "Classification",
        "labels": " ".join(name.replace(" ", "_") for name in classes),
        "confidence_threshold": repr(task.threshold),
        "embedded_processing": "True",
        "orig_height": size,
        "orig_width": size,
    }


def weights_of(path: Path) -> Path:
    """The .bin file that belongs to an .xml file."""
    return path.with_suffix(".bin")


def read_contract(path: Path) -> Contract:
    """The contract inside an .xml file; raises ModelFileError naming the file and the cause, also for its .bin file."""
    return sealed_model(path)[2]


def sealed_model(path: Path) -> tuple[bytes, bytes, Contract]:
    """Both files' bytes, for a runtime to load, and their contract; raises ModelFileError."""
    xml = read_bytes(path)
    digest = _digits(xml, DIGEST_KEY)
    if digest is None:
        raise ModelFileError(
            f"{path}: an OpenVINO file without EdgeFrac's contract, so its input, classes and threshold are unknown",
            hint="export it with 'edgefrac export --target openvino'",
        )
    if xml[digest].decode("ascii") != _sha256_without(xml, digest):
        raise ModelFileError(f"{path}: damaged, its content does not have the SHA-256 that was written into it")
    contract = parse_contract(path, _contract_text(path, xml))
    weights = read_bytes(weights_of(path))
    wanted = _digits(xml, WEIGHTS_KEY)
    if wanted is None or hashlib.sha256(weights).hexdigest() != xml[wanted].decode("ascii"):
        raise ModelFileError(f"{weights_of(path)}: damaged, or not the weights of {path.name}")
    return xml, weights, contract


def blank_seal(contract: Contract) -> dict[str, str]:
    """The ``edgefrac`` section before ``seal`` fills its digests in."""
    return {CONTRACT_KEY: contract.to_json(), WEIGHTS_KEY: _ZEROS, DIGEST_KEY: _ZEROS}


def seal(xml: bytes, weights: bytes) -> bytes:
    """Fill in the digests of a file that was written with ``blank_seal``."""
    xml = _filled(xml, WEIGHTS_KEY, hashlib.sha256(weights).hexdigest())
    digest = _digits(xml, DIGEST_KEY)
    assert digest is not None
    return _filled(xml, DIGEST_KEY, _sha256_without(xml, digest))


def _filled(xml: bytes, key: str, digits: str) -> bytes:
    place = _digits(xml, key)
    assert place is not None
    return xml[: place.start] + digits.encode("ascii") + xml[place.stop :]


def _sha256_without(xml: bytes, digest: slice) -> str:
    hashed = hashlib.sha256(xml[: digest.start])
    hashed.update(_ZEROS.encode("ascii"))
    hashed.update(xml[digest.stop :])
    return hashed.hexdigest()


def _digits(xml: bytes, key: str) -> slice | None:
    """Where the digits of a digest are; None unless there is exactly one."""
    found = list(re.finditer(rf'<{key} value="([0-9a-f]{{{DIGITS}}})"'.encode("ascii"), xml))
    return slice(*found[0].span(1)) if len(found) == 1 else None


def _contract_text(path: Path, xml: bytes) -> str:
    try:
        if b"<!" in xml:  # entities can make a small file huge, and no exporter writes any
            raise ValueError("a document type or comment")
        element = ElementTree.fromstring(xml).find(f"rt_info/{SECTION}/{CONTRACT_KEY}")
    except (ElementTree.ParseError, ValueError) as error:
        raise ModelFileError(f"{path}: not an OpenVINO file, or cut short ({error})") from error
    if element is None:
        raise ModelFileError(f"{path}: an OpenVINO file without EdgeFrac's contract")
    return element.get("value", "")
