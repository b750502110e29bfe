"""How fast is each file of a bundle beside float32 TFLite? Interleaved pairs in one process, one thread each.

    python benchmarks/precision.py BUNDLE [PAIRS]

Prints the median time of each file and the median ratio of the pairs with a 95 % bootstrap interval. Runs alternate
(A B, B A, …), because on a busy machine blocks of A and then B are off by far more than what is to be measured.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from edgefrac.bundle import open_bundle
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.imaging.preprocess import preprocess
from edgefrac.runtimes.session import Session, open_session

WARM_UP = 10


def once(session: Session, image: np.ndarray) -> float:
    """Milliseconds of one prediction."""
    started = time.perf_counter()
    session.predict(image)
    return (time.perf_counter() - started) * 1e3


def main(bundle: Path, pairs: int) -> None:
    """Time every other file of the bundle against its float32 TFLite file."""
    sessions = {name: open_session(bundle / name, threads=1) for name in sorted(open_bundle(bundle).contracts())}
    base = sessions.pop(next(name for name in sessions if name.endswith("-fp32.tflite")))
    image = preprocess(phantom_dataset(1, 0).samples[0].read().pixels, base.contract.input.size)
    rng = np.random.default_rng(0)
    rows = []
    for name, session in sessions.items():
        for _ in range(WARM_UP):
            once(base, image), once(session, image)
        times = []
        for number in range(pairs):
            order = (base, session) if number % 2 else (session, base)
            measured = {id(s): once(s, image) for s in order}
            times.append((measured[id(base)], measured[id(session)]))
        float32, other = np.array(times).T
        ratio = float32 / other
        resampled = np.median(rng.choice(ratio, (2000, pairs)), axis=1)
        rows.append(
            {
                "file": name,
                "median_ms": round(float(np.median(other)), 2),
                "fp32_median_ms": round(float(np.median(float32)), 2),
                "times_as_fast": round(float(np.median(ratio)), 2),
                "times_as_fast_ci": [round(float(q), 2) for q in np.quantile(resampled, [0.025, 0.975])],
                "pairs": pairs,
            }
        )
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200)
