"""Size of every backbone: the table of docs/models.md. And how fast some are beside each other.

    python benchmarks/backbones.py [--size 320] [--time NAME…]

Parameters and multiply-accumulates (convolutions, with the evidence map's) of the deployed network. Milliseconds are
those of torch in float32 on one thread, medians with quartiles of runs in turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from edgefrac.models.folding import fold
from edgefrac.models.network import FractureNet, channels_last
from edgefrac.models.registry import available


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--time", nargs="+", choices=available(), metavar="NAME")
    chosen = parser.parse_args()
    if chosen.time:
        compare_times(chosen.time, chosen.size)
    else:
        print_sizes(chosen.size)


def print_sizes(size: int) -> None:
    print("| name | parameters | MACs | stride |\n|---|---|---|---|")
    for name in available():
        network = fold(FractureNet(name))
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 1, size, size))
        parameters = sum(parameter.numel() for parameter in network.parameters())
        # the counter takes a multiplication and an addition for two operations
        macs = counter.get_total_flops() / 2
        print(f"| {name} | {parameters / 1e6:.2f} M | {macs / 1e6:.0f} M | {network.stride} |")


def compare_times(names: Sequence[str], size: int, rounds: int = 30) -> None:
    torch.set_num_threads(1)
    networks = [channels_last(fold(FractureNet(name).eval())) for name in names]
    image = torch.zeros(1, 1, size, size).contiguous(memory_format=torch.channels_last)
    taken: list[list[float]] = [[] for _ in names]
    with torch.inference_mode():
        for turn in range(rounds + 3):
            for network, times in zip(networks, taken, strict=True):
                started = time.perf_counter()
                network(image)
                if turn >= 3:
                    times.append(1000 * (time.perf_counter() - started))
    first = np.array(taken[0])
    for name, times in zip(names, taken, strict=True):
        low, median, high = np.percentile(times, [25, 50, 75])
        ratio = np.median(np.array(times) / first)
        print(f"{name}: {median:.1f} ms ({low:.1f} to {high:.1f}), {ratio:.2f} times {names[0]}")


if __name__ == "__main__":
    main()
