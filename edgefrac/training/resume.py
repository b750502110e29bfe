"""Lightning checkpoints without pickle: tensors as safetensors, everything else as JSON in its header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from edgefrac import durable
from edgefrac.errors import CheckpointError

_KEY, _FORMAT = "state", "edgefrac.training-state/2"


class SafetensorsIO(CheckpointIO):
    """Writes and reads the trainer's state (weights, optimiser, schedule, loops) for ``--resume``."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write atomically; raises OutputError, after which the previous state is still there."""
        tensors: dict[str, torch.Tensor] = {}
        document = {"format": _FORMAT, "state": _encode(checkpoint, tensors)}
        durable.write(Path(path), save(tensors, {_KEY: json.dumps(document)}))  # one key: several come in any order

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read what ``save_checkpoint`` wrote; raises CheckpointError."""
        try:
            with safe_open(Path(path), framework="pt") as file:
                facts = file.metadata() or {}
                document = json.loads(facts[_KEY])
                written_as = document.get("format", "none named")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        except (SafetensorError, OSError, KeyError, ValueError, AttributeError) as error:
            raise CheckpointError(f"{path}: corrupt training state", hint="start again without --resume") from error
        if written_as != _FORMAT:
            raise CheckpointError(
                f"{path}: training state of another version of EdgeFrac ({written_as})",
                hint="go on with that version, or start again without --resume",
            )
        state: dict[str, Any] = _decode(document["state"], tensors)
        return state

    def remove_checkpoint(self, path: Any) -> None:
        """Delete the file."""
        Path(path).unlink(missing_ok=True)


def _encode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """JSON has neither tensors, tuples nor integer keys: each becomes a tagged object."""
    if isinstance(value, torch.Tensor):
        name = f"t{len(tensors)}"
        tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(value, dict):
        return {"items": [[_encode(k, tensors), _encode(v, tensors)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_encode(v, tensors) for v in value]}
    if isinstance(value, list):
        return [_encode(v, tensors) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"training state holds a {type(value).__name__}, which has no place in JSON")


def _decode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "tuple" in value:
        return tuple(_decode(v, tensors) for v in value["tuple"])
    return {_decode(k, tensors): _decode(v, tensors) for k, v in value["items"]}
