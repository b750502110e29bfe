"""What a device computed in, told from its answers: float16 from float32, and one that must be told to use it."""

from __future__ import annotations

import numpy as np
import pytest

from edgefrac.runtimes.backend import Answered
from edgefrac.runtimes.computed_precision import computed_in, probe_images, signal_to_noise


@pytest.fixture
def exact() -> Answered:
    random = np.random.default_rng(1)
    return Answered(random.random((2, 1), np.float32), random.normal(0, 3, (2, 8, 8, 1)).astype(np.float32))


def _disturbed(answers: Answered, relative: float) -> Answered:
    assert answers.evidence is not None
    random = np.random.default_rng(2)
    noise = [1 + relative * random.normal(size=v.shape) for v in (answers.probability, answers.evidence)]
    return Answered(
        *((v * n).astype(np.float32) for v, n in zip((answers.probability, answers.evidence), noise, strict=True))
    )


@pytest.mark.parametrize(
    ("relative", "words"),
    [
        (0.0, "computed in float32 (equal to the CPU's answers)"),
        (1e-6, "computed in float32 (12"),  # 120 dB
        (1e-3, "computed in float16, TF32 or the like (6"),  # 60 dB
        (0.1, "computed in less than float16, or wrongly (2"),  # 20 dB
    ],
)
def test_noise_tells_the_precision(relative: float, words: str, exact: Answered) -> None:
    found = exact if relative == 0 else _disturbed(exact, relative)
    assert computed_in(found, exact).startswith(words)


def test_a_device_that_answers_otherwise_when_told_to_use_float32_did_not_before(exact: Answered) -> None:
    near = _disturbed(exact, 1e-7)
    assert computed_in(near, exact, enforced=near).startswith("computed in float32")
    assert computed_in(near, exact, enforced=exact).startswith("computed in less than float32 unless told")


def test_codes_of_an_int8_file_are_counted(exact: Answered) -> None:
    assert exact.evidence is not None
    moved = exact.evidence.copy()
    moved[0, 0, :3] += 0.5
    found = computed_in(Answered(exact.probability, moved), exact, integers=True)
    assert found == "3 of 128 values of the map are not the CPU's, by 0.5"
    assert computed_in(exact, exact, integers=True) == "0 of 128 values of the map are not the CPU's"


def test_without_a_map_the_probability_tells(exact: Answered) -> None:
    half = Answered(exact.probability.astype(np.float16).astype(np.float32), None)
    assert 50 < signal_to_noise(half, Answered(exact.probability, None)) < 100


def test_probe_images_are_always_the_same_and_use_the_range() -> None:
    images = probe_images(64)
    assert images.shape == (2, 64, 64) and images.dtype == np.uint8
    assert np.array_equal(images, probe_images(64)) and not np.array_equal(*images)
    assert np.ptp(images) > 200
