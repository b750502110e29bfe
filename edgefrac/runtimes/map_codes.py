"""From the int8 codes of an evidence map to the map and the probability: what the processor beside an NPU computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Codes, Contract, Task


def decoded(found: Mapping[str, NDArray[np.generic]], contract: Contract) -> dict[str, NDArray[np.float32]]:
    """A file's outputs by name, without their first axis, as float32: evidence in log-odds, and the probability.

    Of a file that does not end in codes they are what it gave.
    """
    codes = next((output.codes for output in contract.outputs if output.codes), None)
    if codes is None:
        return {name: np.asarray(values, np.float32) for name, values in found.items()}
    evidence = evidence_of(np.asarray(found["evidence"], np.int8), codes)
    return {"evidence": evidence, "probability": probability_of(evidence, contract.tasks)}


def evidence_of(values: NDArray[np.int8], codes: Codes) -> NDArray[np.float32]:
    """[h, w, r²·K] -> float32 [r·h, r·w, K] log-odds, exact where the scale is a power of two."""
    (height, width, _), r = values.shape, codes.block
    cells = (values.astype(np.float32) - np.float32(codes.zero_point)) * np.float32(codes.scale)
    return cells.reshape(height, width, r, r, -1).transpose(0, 2, 1, 3, 4).reshape(r * height, r * width, -1)


def probability_of(evidence: NDArray[np.float32], tasks: Sequence[Task]) -> NDArray[np.float32]:
    """[h, w, K] -> [K]: sigmoid((mean + bias) / temperature) of each channel, computed in float64."""
    logit = evidence.mean((0, 1), dtype=np.float64)
    for task in tasks:
        logit[task.span] = (logit[task.span] + task.bias) / task.temperature
    return np.asarray(np.exp(-np.logaddexp(0, -logit)), np.float32)
