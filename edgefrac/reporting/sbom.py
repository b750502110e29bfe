"""The software bill of materials of a bundle (CycloneDX 1.6, JSON): what made its files, and what they need to run.

It holds no time but that of ``SOURCE_DATE_EPOCH``, and its serial number follows from its content: the same export
gives the same bytes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edgefrac.contract import Contract
from edgefrac.digest import file_sha256
from edgefrac.verification.certificate import Certificate

_Part = dict[str, Any]
_MODEL, _WEIGHTS = "model", "weights"
_RUNTIMES = {"tflite": "ai-edge-litert", "onnx": "onnxruntime", "ort": "onnxruntime", "openvino": "openvino"}


def sbom(contracts: Mapping[str, Contract], certificate: Certificate, files: Sequence[Path]) -> str:
    """The document for ``files``: the model files that ``contracts`` names, and those that these cannot run without.

    Versions are those of the certificate. Raises OSError for a file that cannot be read.
    """
    contract = next(iter(contracts.values()))
    versions = certificate.environment.packages
    runtimes = {file.name: _runtime(certificate, file.name) for file in files}
    data = [_training_data(contract)] if contract.training_data.names else []
    packages = [_package(name, version, name in runtimes.values()) for name, version in sorted(versions.items())]
    made = [_file(file, contracts.get(file.name)) for file in sorted(files, key=lambda file: file.name)]
    document: _Part = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            **({"timestamp": certificate.created} if certificate.created else {}),
            "tools": {"components": [part for part in packages if part["name"] == "edgefrac"]},
            "component": _model(contract, [part["bom-ref"] for part in data]),
        },
        "components": [_weights(contract), *made, *data, *(part for part in packages if part["name"] != "edgefrac")],
        "dependencies": list(_dependencies(made, data, packages, runtimes)),
    }
    identity = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
    return json.dumps({**document, "serialNumber": identity.urn}, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def summary(text: bytes) -> dict[str, Any]:
    """What a bill of materials lists, in short: names and versions by kind of component. Raises ValueError."""
    document = json.loads(text)
    found: dict[str, Any] = {"format": f"{document['bomFormat']} {document['specVersion']}"}
    for part in [*document["metadata"]["tools"]["components"], *document["components"]]:
        if part["type"] in ("library", "application"):
            kind = "needed to run" if part.get("scope") == "required" else "made by"
            found.setdefault(kind, []).append(f"{part['name']} {part['version']}")
        else:
            found.setdefault(part["type"], []).append(part["name"])
    return found


def _model(contract: Contract, data: Sequence[str]) -> _Part:
    return {
        "type": "machine-learning-model",
        "bom-ref": _MODEL,
        "name": contract.name,
        "version": contract.version,
        "description": contract.intended_use,
        **_licence(contract),
        "modelCard": {
            "modelParameters": {
                "task": ", ".join(task.name for task in contract.tasks),
                "modelArchitecture": contract.architecture,
                **({"datasets": [{"ref": name} for name in data]} if data else {}),
            }
        },
        "properties": [{"name": "edgefrac:source_commit", "value": contract.source_commit}],
    }


def _weights(contract: Contract) -> _Part:
    return {
        "type": "machine-learning-model",
        "bom-ref": _WEIGHTS,
        "name": f"{contract.name} weights",
        "version": contract.version,
        "hashes": [{"alg": "SHA-256", "content": contract.checkpoint_sha256}],
        **_licence(contract),
    }


def _training_data(contract: Contract) -> _Part:
    """All of it as one part, for the contract states licence and attribution of all together."""
    attribution = contract.training_data.attribution
    return {
        "type": "data",
        "bom-ref": "training-data",
        "name": "; ".join(contract.training_data.names),
        **({"copyright": attribution} if attribution else {}),
        **_licence(contract),
    }


def _file(file: Path, contract: Contract | None) -> _Part:
    about = [{"name": "edgefrac:precision", "value": contract.precision}] if contract else []
    return {
        "type": "machine-learning-model" if contract else "file",
        "bom-ref": f"file:{file.name}",
        "name": file.name,
        "hashes": [{"alg": "SHA-256", "content": file_sha256(file)}],
        "properties": [*about, {"name": "edgefrac:bytes", "value": str(file.stat().st_size)}],
    }


def _package(name: str, version: str, runs: bool) -> _Part:
    purl = f"pkg:pypi/{name}@{quote(version, safe='.')}"
    part = {"bom-ref": purl, "name": name, "version": version, "purl": purl, **_expression(name)}
    if name == "edgefrac":
        return {"type": "application", **part}
    return {"type": "library", "scope": "required" if runs else "excluded", **part}


def _licence(contract: Contract) -> _Part:
    licence = contract.training_data.licence
    return {"licenses": [{"license": {"name": licence}}]} if licence else {}


def _expression(name: str) -> _Part:
    """The SPDX expression of an installed package that states one."""
    try:
        stated = metadata.metadata(name).json.get("license_expression")
    except metadata.PackageNotFoundError:
        return {}
    return {"licenses": [{"expression": stated}]} if stated else {}


def _runtime(certificate: Certificate, file: str) -> str:
    """The package that runs a file; empty for a companion, or a file that no package of this machine runs."""
    entry = certificate.artefact(file)
    return _RUNTIMES.get(entry.target, "") if entry else ""


def _dependencies(
    made: Sequence[_Part], data: Sequence[_Part], packages: Sequence[_Part], runtimes: Mapping[str, str]
) -> Iterator[_Part]:
    """The model's files come from its weights, these from the data; a file needs its runtime."""
    references = {part["name"]: part["bom-ref"] for part in packages}
    yield {"ref": _MODEL, "dependsOn": sorted(part["bom-ref"] for part in made)}
    yield {"ref": _WEIGHTS, "dependsOn": sorted(part["bom-ref"] for part in data)}
    for part in made:
        runtime = references.get(runtimes[part["name"]])
        yield {"ref": part["bom-ref"], "dependsOn": sorted([_WEIGHTS, *([runtime] if runtime else [])])}
