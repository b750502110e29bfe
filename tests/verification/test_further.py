"""The gate of tasks beside fracture: each criterion passes what is as before and fails what is not."""

from __future__ import annotations

import numpy as np
import pytest

from edgefrac.verification.further import Further, judge_further
from edgefrac.verification.verdict import Limits

RNG = np.random.default_rng(0)
BEFORE = RNG.random((200, 3))
MAPS = RNG.normal(size=(200, 4, 4, 3))
GROUPS = np.repeat(np.arange(50), 4)


def outcomes(precision: str, after: np.ndarray, maps: np.ndarray | None = MAPS) -> dict[str, str]:
    case = Further("region", 0.5, BEFORE, after, MAPS, maps)
    return {c.name: c.outcome for c in judge_further(case, GROUPS, precision, Limits())}


def test_what_is_unchanged_passes() -> None:
    assert outcomes("int8", BEFORE) == {"flips of region": "passed", "evidence_correlation of region": "passed"}
    assert outcomes("fp32", BEFORE) == {"probability_difference of region": "passed"}


def test_flips_are_counted_over_all_classes() -> None:
    after = BEFORE.copy()
    after[:6, 1] = 1 - after[:6, 1]  # 6 of 600 decisions: exactly the limit of 1 %
    assert outcomes("int8", after)["flips of region"] == "passed"
    after[6, 2] = 1 - after[6, 2]
    assert outcomes("int8", after)["flips of region"] == "failed"


@pytest.mark.parametrize("precision, change", [("fp32", 2e-5), ("fp16", 6e-3)])
def test_float_files_are_compared_number_by_number(precision: str, change: float) -> None:
    after = BEFORE.copy()
    after[7, 2] += change
    assert outcomes(precision, after) == {"probability_difference of region": "failed"}


def test_other_maps_fail() -> None:
    assert outcomes("int8", BEFORE, RNG.normal(size=MAPS.shape))["evidence_correlation of region"] == "failed"
    assert outcomes("int8", BEFORE, MAPS[:, :2])["evidence_correlation of region"] == "failed"
    assert outcomes("int8", BEFORE, None)["evidence_correlation of region"] == "failed"
