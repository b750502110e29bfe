"""Inspect: what a model file, checkpoint or bundle says about itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefrac.errors import BundleError
from edgefrac.runtimes.unopened import unopened
from edgefrac.workers.child import Answering, Child, ChildLostError, UnopenedError
from edgefrac.workers.limits import TRIAL

if TYPE_CHECKING:
    from edgefrac.bundle import Bundle


def inspect_model(path: Path) -> dict[str, Any]:
    """The document of ``edgefrac inspect --json``; nothing is run, and a checkpoint's weights are not loaded.

    An exported file shows its contract, operators and placement, a checkpoint its header, a bundle its files, its
    certificate and whatever is missing or changed. Raises ``ModelFileError``, ``CheckpointError`` or ``BundleError``,
    and ``MissingExtraError`` where the file's runtime is not installed.
    """
    from edgefrac.digest import file_sha256
    from edgefrac.prediction import is_bundle
    from edgefrac.runtimes.session import model_kind
    from edgefrac.targets.registry import of_kind

    if is_bundle(path):
        return _inspect_bundle(path)
    kind = model_kind(path)
    facts: dict[str, Any] = {
        "file": str(path),
        "kind": kind.value,
        "bytes": path.stat().st_size,
        "sha256": file_sha256(path),
    }
    if target := of_kind(kind.value):
        contract = target.read_contract(path).document()
        if companions := target.companions(path):
            facts["companions"] = [
                {"file": str(file), "bytes": file.stat().st_size, "sha256": file_sha256(file)} for file in companions
            ]
        return {**facts, "contract": contract, "placement": target.placement(path)}
    from edgefrac.models.checkpoint import read_info

    return {**facts, "checkpoint": read_info(path).model_dump(by_alias=True, mode="json")}


@dataclass(frozen=True)
class Inspecting:
    """The service that inspects one file or bundle; to place operators is native code, which a file may crash."""

    path: Path

    def open(self) -> Answering:
        """Raises what ``inspect_model`` raises."""
        document = inspect_model(self.path)
        return lambda head, blobs: (document, [])


def inspect_guarded(path: Path) -> dict[str, Any]:
    """As ``inspect_model``, by a process that the file may crash."""
    child = Child(Inspecting(path), TRIAL)
    try:
        child.hear()
        document, _ = child.ask({})
    except (UnopenedError, ChildLostError) as error:
        raise unopened(path, error.reason) from None
    finally:
        child.kill()
    return document


def _inspect_bundle(path: Path) -> dict[str, Any]:
    from edgefrac.bundle import CERTIFICATE, condition_of, open_bundle

    bundle = open_bundle(path)
    condition = condition_of(bundle)
    return {
        "file": str(path),
        "kind": "bundle",
        "name": bundle.manifest.name,
        "state": condition.state.value,
        "valid_until": condition.to_dict()["valid_until"],
        "problems": list(condition.problems),
        "made_of": _made_of(bundle),
        "files": [entry.model_dump() for entry in bundle.manifest.files],
        "contracts": {name: contract.document() for name, contract in bundle.contracts().items()},
        "certificate": _json(f"{path}: {CERTIFICATE}", bundle.read(CERTIFICATE)),
    }


def _made_of(bundle: Bundle) -> dict[str, Any] | None:
    """The bill of materials in short; None where a bundle has none."""
    from edgefrac.bundle import SBOM
    from edgefrac.reporting.sbom import summary

    if all(entry.path != SBOM for entry in bundle.manifest.files):
        return None
    try:
        return summary(bundle.read(SBOM))
    except (ValueError, KeyError, TypeError):
        raise BundleError(f"{bundle.source}: {SBOM} is not a bill of materials of EdgeFrac's") from None


def _json(name: str, text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # lists in lists, thousands deep
        raise BundleError(f"{name} is not JSON ({error})") from None
