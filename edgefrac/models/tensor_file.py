"""Tensors in a safetensors file that is there whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from edgefrac import durable


def save_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write contiguous tensors and the strings of the header; raises ``OutputError``, and ``path`` is as before."""
    with durable.writing(path) as temporary:
        try:
            save_file(dict(tensors), temporary, metadata=dict(metadata))
        except SafetensorError as error:
            raise _of_the_system(error) from error


def _of_the_system(error: SafetensorError) -> OSError:
    """The library is written in Rust, which puts the system's error number into the message."""
    found = re.search(r"os error (\d+)", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else OSError(str(error))
