"""Size of every backbone: the table of docs/models.md.

    python benchmarks/backbones.py [--size 320]

Parameters and multiply-accumulates (convolutions, with the evidence map's) of the deployed network.
"""

from __future__ import annotations

import argparse

import torch
from torch.utils.flop_counter import FlopCounterMode

from edgefrac.models.folding import fold
from edgefrac.models.network import FractureNet
from edgefrac.models.registry import available


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=320)
    size = parser.parse_args().size
    print("| name | parameters | MACs | stride |\n|---|---|---|---|")
    for name in available():
        network = fold(FractureNet(name))
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 1, size, size))
        parameters = sum(parameter.numel() for parameter in network.parameters())
        # the counter takes a multiplication and an addition for two operations
        macs = counter.get_total_flops() / 2
        print(f"| {name} | {parameters / 1e6:.2f} M | {macs / 1e6:.0f} M | {network.stride} |")


if __name__ == "__main__":
    main()
