"""Several processes that train one network together, each on a device of its own: those that ``torchrun`` starts."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Processes:
    """``count`` processes, ``here`` of them on each machine; this one is number ``rank``."""

    rank: int = 0
    count: int = 1
    here: int = 1


ALONE = Processes()


def started_processes() -> Processes:
    """What ``torchrun`` says in the environment; without it, one process alone."""
    if not torch.distributed.is_torchelastic_launched():
        return ALONE
    rank, count, here = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    return Processes(rank, count, here)


def part() -> None:
    """Leave the other processes, where there are any; one that ends without may wait for another for ever."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
