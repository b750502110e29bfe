"""Checkpoints: safetensors weights whose header carries everything an export needs.

The header holds one JSON document (``edgefrac.checkpoint/1``): architecture, input size, tasks with temperature and
threshold, training data, validation figures, and the plan's activation ranges. Weights may be stored as float16 (a
bundled checkpoint must be small); the network is then *defined* by the rounded weights. A torch pickle is never opened.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from edgefrac import durable
from edgefrac.contract import Familiar, TrainingData
from edgefrac.errors import CheckpointError, UsageError
from edgefrac.models.network import FractureNet, TaskSpec

_KEY = "edgefrac"


class TaskState(BaseModel):
    """A task with what validation chose for it: temperature, threshold and the rule that chose it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Literal["binary", "multilabel"]
    classes: tuple[str, ...]
    temperature: float = Field(gt=0)
    threshold: float = Field(gt=0, lt=1)
    threshold_rule: str


class CheckpointInfo(BaseModel):
    """The JSON document in the header of a checkpoint."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    format: Literal["edgefrac.checkpoint/1"] = "edgefrac.checkpoint/1"
    name: str
    version: str
    architecture: str
    input_size: int = Field(gt=0)
    refinement: int = Field(default=1, ge=1, description="how many times finer than its features the evidence map is")
    scales: int = Field(default=1, ge=1, le=2, description="how many scales of features the evidence map adds up")
    tasks: tuple[TaskState, ...]
    training_data: TrainingData
    familiar: Familiar | None = None
    ranges: dict[str, tuple[float, float]] = {}
    evidence_shift: tuple[float, ...] = ()
    ranges_source: str = ""
    metrics: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    source_commit: str = ""


def save_checkpoint(path: Path, network: FractureNet, info: CheckpointInfo, *, half: bool = False) -> None:
    """Write weights and ``info`` atomically; raises OutputError where the folder cannot be written.

    With ``half`` convolution weights are stored as float16, half the size; see ``models.folding``.
    """
    tensors = {
        name: (value.half() if half and value.ndim > 1 else value).contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    # not save_file, whose own temporary file a kill leaves behind, and which lets none but its owner read
    durable.write(path, save(tensors, {_KEY: info.model_dump_json()}))


def read_info(path: Path) -> CheckpointInfo:
    """Read only the header; raises CheckpointError naming the file and the cause."""
    _refuse_foreign(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(_KEY)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: corrupt or cut-short safetensors file ({_first_line(error)})") from error
    if header is None:
        raise CheckpointError(
            f"{path}: safetensors weights without EdgeFrac's header",
            hint="export foreign networks with --model package.module:factory",
        )
    try:
        return CheckpointInfo.model_validate(json.loads(header))
    except (ValidationError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: header is not edgefrac.checkpoint/1 ({_first_line(error)})") from error


def load_checkpoint(path: Path) -> tuple[FractureNet, CheckpointInfo]:
    """Read weights and header into a float32 network in eval mode; raises CheckpointError."""
    info = read_info(path)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    try:
        tasks = tuple(TaskSpec(t.name, t.kind, t.classes) for t in info.tasks)
        network = FractureNet(info.architecture, tasks, refinement=info.refinement, scales=info.scales)
    except UsageError as error:
        raise CheckpointError(f"{path}: {error.message}", hint=error.hint) from error
    wanted = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    wrong = sorted(set(wanted) ^ set(tensors)) or [k for k in wanted if wanted[k].shape != tensors[k].shape]
    if wrong:
        raise CheckpointError(
            f"{path}: weights do not fit architecture '{info.architecture}' ({len(wrong)} tensors, first: {wrong[0]})"
        )
    for name, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"{path}: tensor {name} holds NaN or infinity")
    network.load_state_dict({k: v.float() for k, v in tensors.items()}, strict=False)
    return network.eval(), info


def _refuse_foreign(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not head:
        raise CheckpointError(f"{path}: empty file")
    # safetensors begin with the length of their header, which may look like anything, and its brace
    if head[8:9] != b"{" and head[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        raise CheckpointError(
            f"{path}: a pickle or torch archive, which could run code; EdgeFrac never opens one",
            hint="save the weights with safetensors.torch.save_file",
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
