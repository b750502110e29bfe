"""Each fault, simulated in the outputs, must be told from the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from edgefrac.verification.diagnosis import Diagnosis, FileFacts, diagnose, smoothness
from edgefrac.verification.gate import Outputs, judge
from tests.verification.simulation import outputs, shifted, study

STUDY = study()
REFERENCE = STUDY.reference


def cause(candidate: Outputs, precision: str = "int8", facts: FileFacts | None = None, **changes: object) -> str:
    found = look(candidate, precision, facts, **changes)
    return "" if found is None else found.cause


def look(
    candidate: Outputs, precision: str = "int8", facts: FileFacts | None = None, **changes: object
) -> Diagnosis | None:
    verdict = judge(REFERENCE, candidate, **{**STUDY.facts, **changes}, precision=precision)
    return diagnose(REFERENCE, candidate, verdict, facts or {})


def quantized(maps: np.ndarray, low: float, high: float, levels: int = 256) -> Outputs:
    """Evidence maps on the grid of an activation range."""
    step = (high - low) / (levels - 1)
    coded = np.clip(np.round((maps - low) / step), 0, levels - 1) * step + low
    return outputs(coded.mean(axis=(1, 2)), coded)


def test_a_passed_file_has_no_diagnosis() -> None:
    assert look(shifted(REFERENCE, 0.02)) is None


def test_ranges_from_noise_clip_the_maps() -> None:
    found = look(quantized(REFERENCE.evidence, -0.8, 0.8), facts={"calibration_source": "uniform noise"})
    assert found is not None and "calibration on noise" in found.cause
    assert "clipped" in found.explanation and "uniform noise" in found.explanation


def test_ranges_far_too_wide_leave_few_levels() -> None:
    found = look(quantized(REFERENCE.evidence, -400.0, 400.0))
    assert found is not None and "calibration on noise" in found.cause and "different values" in found.explanation


def test_near_constant_maps_of_a_right_graph_are_the_ranges() -> None:
    flat = outputs(0.05 * REFERENCE.logit - 1, 0.05 * REFERENCE.evidence + np.random.default_rng(0).normal(0, 0.5, 1))
    noisy = replace(flat, logit=flat.logit + np.random.default_rng(1).normal(0, 0.05, flat.logit.size))
    noisy = replace(noisy, probability=expit(noisy.logit))
    assert "calibration on noise" in cause(noisy, facts={"float32_passed": True})


def test_noise_among_the_calibration_images_is_seen_in_them() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (8, 64, 64), dtype=np.uint8)
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 4, (8, 64, 1)) + rng.integers(0, 9, (8, 64, 64), dtype=np.uint8)
    assert abs(smoothness(noise)) < 0.05 and smoothness(ramp) > 0.9
    bad = shifted(REFERENCE, 0.6)
    assert "calibration on noise" in cause(bad, facts={"calibration_smoothness": smoothness(noise)})
    assert "calibration" not in cause(bad, facts={"calibration_smoothness": smoothness(ramp)})


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_normalisation_twice_is_seen_in_a_float_file(precision: str) -> None:
    assert "applied twice" in cause(shifted(REFERENCE, 0.8, scale=0.3, offset=-2.0), precision)


def test_normalisation_twice_is_seen_in_an_int8_file() -> None:
    squeezed = shifted(REFERENCE, 0.4, scale=0.3, offset=-2.0)
    assert "applied twice" in cause(squeezed)
    assert "applied twice" in cause(shifted(REFERENCE, 1.0), facts={"float32_passed": False})


def test_nearly_constant_outputs_of_a_float_file_are_the_normalisation() -> None:
    constant = outputs(np.full_like(REFERENCE.logit, -1.3), np.full_like(REFERENCE.evidence, -1.3))
    assert "applied twice" in cause(constant, "fp32")


def test_labels_swapped_in_the_file() -> None:
    swapped = shifted(outputs(-REFERENCE.logit, -REFERENCE.evidence), 0.05)
    for precision in ("int8", "fp32"):
        assert cause(swapped, precision) == "labels swapped in the file"


def test_labels_swapped_in_the_data() -> None:
    assert cause(shifted(REFERENCE, 0.02), labels=1 - STUDY.labels) == "labels swapped in the data"


def test_a_stuck_output_is_not_taken_for_swapped_labels() -> None:
    rare = study(positives=0.12)
    stuck = outputs(np.full_like(rare.reference.logit, 4.0), rare.reference.evidence)
    verdict = judge(rare.reference, stuck, **rare.facts, precision="fp32")
    found = diagnose(rare.reference, stuck, verdict, {})
    assert found is not None and "swapped" not in found.cause


def test_sigmoid_twice() -> None:
    twice = outputs(REFERENCE.probability, REFERENCE.evidence)
    for precision in ("int8", "fp32"):
        found = look(twice, precision)
        assert found is not None and found.cause == "sigmoid applied twice" and "0.5" in found.explanation


@pytest.mark.parametrize(
    ("turn", "name"),
    [
        (lambda m: m.swapaxes(1, 2), "transposed"),
        (lambda m: m[:, :, ::-1], "flipped left to right"),
        (lambda m: m[:, ::-1], "flipped top to bottom"),
        (lambda m: m[:, ::-1, ::-1], "rotated by 180°"),
    ],
)
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_evidence_turned(turn, name: str, precision: str) -> None:
    turned = replace(REFERENCE, evidence=np.ascontiguousarray(turn(REFERENCE.evidence)))
    assert cause(turned, precision) == f"evidence map {name}"


def test_silently_float_is_told_even_though_the_numbers_pass() -> None:
    facts: FileFacts = {"op_dtypes": {"float32": 60, "int8": 4}}
    assert cause(REFERENCE, facts=facts) == "the file is silently float"
    assert cause(REFERENCE, facts={"op_dtypes": {"float32": 2, "int8": 60}}) == ""
    assert cause(REFERENCE, "fp32", facts) == ""
    assert cause(REFERENCE, facts={"op_dtypes": {"float32": 6, "int8": 6}}) == "", "a shallow network's head is float"
    assert cause(REFERENCE, facts={"op_dtypes": {"float32": 6}}) == "the file is silently float"


def test_input_quantized_wrongly() -> None:
    bad = shifted(REFERENCE, 0.6)
    assert cause(bad, facts={"input_scale": 1 / 255, "input_zero_point": 0}) == "input quantized wrongly"
    assert cause(bad, facts={"input_scale": 1 / 128, "input_zero_point": 128}) != "input quantized wrongly"


def test_a_lost_temperature_is_not_blamed_on_the_input() -> None:
    hot = shifted(REFERENCE, 0.0, scale=1.7)
    found = look(hot, "fp32")
    assert found is not None and found.cause == "temperature or bias applied wrongly" and "1.7" in found.explanation


def test_overflow() -> None:
    logit = REFERENCE.logit.copy()
    logit[3] = np.inf
    assert cause(outputs(logit, REFERENCE.evidence), "fp16") == "numbers overflow"


def test_plain_quantization_noise_gets_the_usual_advice() -> None:
    found = look(shifted(REFERENCE, 0.6))
    assert found is not None and found.cause == "quantization too coarse for this network"
    assert "mixed precision" in found.next_step and "flip" in found.explanation


def test_a_slightly_inexact_float_file_is_not_blamed_on_the_input() -> None:
    assert cause(shifted(REFERENCE, 1e-3), "fp32") == "the conversion is not exact enough"


def test_undecided_asks_for_more_images() -> None:
    few = study(n=60)
    verdict = judge(few.reference, few.reference, **few.facts, precision="int8")
    found = diagnose(few.reference, few.reference, verdict, {})
    assert found is not None and "too few" in found.cause and "--data" in found.next_step


def test_a_network_without_evidence_can_be_diagnosed() -> None:
    bare = replace(REFERENCE, evidence=None)
    swapped = outputs(-bare.logit, None)
    verdict = judge(bare, swapped, **STUDY.facts, precision="int8")
    found = diagnose(bare, swapped, verdict, {})
    assert found is not None and found.cause == "labels swapped in the file"
