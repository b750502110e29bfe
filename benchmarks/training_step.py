"""Time of one training step on this machine: allocator, bfloat16 and frozen stages.

    python benchmarks/training_step.py [--size 320] [--rounds 5]

Variants run in turn within each round, each in a process of its own, because the allocator is a setting of the process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

VARIANTS = {
    "float32": {},
    "float32, memory kept": {"memory": True},
    "bfloat16, memory kept": {"memory": True, "bfloat16": True},
    "float32, memory kept, two stages frozen": {"memory": True, "frozen": 2},
}
BATCH, STEPS = 16, 4


def step_seconds(size: int, *, memory: bool = False, bfloat16: bool = False, frozen: int = 0) -> float:
    """Median seconds of a step after one to warm up."""
    import torch

    from edgefrac.models.network import FractureNet, channels_last
    from edgefrac.training.allocator import keep_memory

    if memory:
        keep_memory()
    network = channels_last(FractureNet("efficientnet-lite0")).train()
    if frozen:
        for module in [network.features.net.conv_stem, network.features.net.bn1, *network.features.net.blocks[:frozen]]:
            module.eval().requires_grad_(False)
    images = torch.randn(BATCH, 1, size, size).to(memory_format=torch.channels_last)
    times = []
    for _ in range(STEPS + 1):
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits, _ = network(images)
        logits.float().square().mean().backward()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        print(step_seconds(arguments.size, **json.loads(arguments.variant)))
        return
    times: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(arguments.rounds):
        for name, settings in VARIANTS.items():
            command = [sys.executable, __file__, "--size", str(arguments.size), "--variant", json.dumps(settings)]
            times[name].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    print(f"seconds of a step, batch {BATCH}, {arguments.size} px: median (least–most) of {arguments.rounds} rounds")
    for name, values in times.items():
        print(f"{name:40} {statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})")


if __name__ == "__main__":
    main()
