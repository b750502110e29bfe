"""Are planted copies found, and nothing else taken for one? Radiographs of one's own, each with one altered copy.

    python benchmarks/duplicates.py DATA [COUNT]

Prints, for each kind of change, the share found with its 95 % interval (Wilson), and the pairs reported between
different radiographs, among all such pairs. Pairs that the untouched data set holds already are its own copies, not
false: they are listed as ``already_there``, to be looked at.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from edgefrac.datasets import Dataset, find_duplicates, open_dataset
from edgefrac.datasets.sample import Reader
from edgefrac.errors import ImageError
from edgefrac.imaging.radiograph import Radiograph
from tests.datasets.planted import CHANGES


@dataclass(frozen=True)
class Altered:
    """Reads a radiograph and alters it."""

    original: Reader
    change: str
    seed: int

    def read(self) -> Radiograph:
        """The altered radiograph; raises ``ImageError``."""
        pixels: NDArray[np.uint8] = CHANGES[self.change](self.original.read().pixels, np.random.default_rng(self.seed))
        return Radiograph(np.ascontiguousarray(pixels), "altered")


def main(data: str, count: int) -> None:
    """Plant, search, count."""
    samples = open_dataset(data).samples
    chosen = [samples[i] for i in np.random.default_rng(0).permutation(len(samples))[:count]]
    chosen = [sample for sample in chosen if _readable(sample.reader)]
    planted = {
        f"{sample.id}|{change}": replace(
            sample, id=f"{sample.id}|{change}", reader=Altered(sample.reader, change, seed)
        )
        for seed, (sample, change) in enumerate(zip(chosen, cycle(CHANGES), strict=False))
    }
    both = Dataset("planted", (*chosen, *planted.values()))
    found = find_duplicates(both).pairs
    together = {frozenset((a.split("|")[0], b.split("|")[0])) for a, b in found}
    hits = {max(pair, key=len) for pair in found if pair[0].split("|")[0] == pair[1].split("|")[0]}
    for change in CHANGES:
        names = [name for name in planted if name.endswith(change)]
        print(json.dumps({"change": change, **_share(sum(name in hits for name in names), len(names))}))
    single = [name for name in planted if not name.endswith("everything")]
    print(json.dumps({"change": "any one of these", **_share(sum(name in hits for name in single), len(single))}))
    already = {frozenset(pair) for pair in find_duplicates(Dataset("as it is", tuple(chosen))).pairs}
    others = {pair for pair in together if len(pair) == 2}
    false = others - already
    all_pairs = len(chosen) * (len(chosen) - 1) // 2
    print(
        json.dumps(
            {
                "false_pairs": _share(len(false), all_pairs),
                "false": sorted(map(sorted, false)),
                "already_there": sorted(map(sorted, already)),
                "cpu_seconds": round(resource.getrusage(resource.RUSAGE_SELF).ru_utime),
            }
        )
    )


def _readable(reader: Reader) -> bool:
    try:
        reader.read()
    except ImageError:
        return False
    return True


def _share(hits: int, n: int) -> dict[str, object]:
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return {"n": n, "hits": hits, "share": hits / n, "ci": [float(interval.low), float(interval.high)]}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 400)
