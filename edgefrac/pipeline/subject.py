"""The subject of an export: the network, where it comes from, and the activation ranges it carries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefrac.contract import TrainingData
from edgefrac.digest import file_sha256
from edgefrac.errors import UsageError
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.exportable import Exportable, Identity, from_checkpoint, identify
from edgefrac.models.external import load_external
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.prediction import REFERENCE_CHECKPOINT
from edgefrac.quantization.plan import Plan


@dataclass(frozen=True)
class Subject:
    """The network to export and where it comes from."""

    exportable: Exportable
    identity: Identity
    path: Path
    plan: Plan | None
    plan_source: str
    metrics: dict[str, Any]


def load_subject(checkpoint: Path | None, network: str | None, recipe: ExportRecipe) -> Subject:
    """A checkpoint (by default the bundled reference) or a foreign network; raises CheckpointError, UsageError."""
    if network:
        if checkpoint:
            raise UsageError("give either a checkpoint or --model, not both")
        exportable = load_external(network, recipe.input_size)
        identity = Identity(
            name=network.rpartition(":")[2],
            version="0",
            architecture=network,
            checkpoint_sha256=exportable.weights_sha256(),
            training_data=TrainingData(names=("unknown",), licence="unknown", attribution=""),
        )
        return Subject(exportable, identity, Path(network), None, "", {})
    path = checkpoint or REFERENCE_CHECKPOINT
    trained, info = load_checkpoint(path)
    return Subject(
        from_checkpoint(trained, info),
        identify(info, file_sha256(path)),
        path,
        Plan(dict(info.ranges), info.evidence_shift) if info.ranges else None,
        info.ranges_source,
        info.metrics,
    )
