"""Why did a file fail its gate, and what to try next? Rules over the outputs and over facts about the file.

The rules are asked in order, the most specific first; the first that fits names the cause. Each looks for the trace
that a known fault leaves in the numbers (``output_rules``), in the file's convolutions (``layer_rules``) or in what the
reference answers to wrongly prepared inputs (``rerun``), so that they hold for every target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from edgefrac.verification import layer_rules, output_rules
from edgefrac.verification.look import Diagnosis, FileFacts, Look
from edgefrac.verification.metrics import evidence_correlation
from edgefrac.verification.rerun import Rerun, reproduced
from edgefrac.verification.verdict import Outputs, Verdict

__all__ = ["Diagnosis", "FileFacts", "Rerun", "diagnose", "smoothness"]

INPUT_SCALE = 1 / 128  # of edgefrac.preprocess/1: the network sees (x - 128) / 128
_FLOAT_HEAD = 8  # operators that an int8 file may have in float by design: those behind its evidence map
INPUT_ZERO_POINTS = (0, 128)  # as int8 and as uint8


def diagnose(
    reference: Outputs,
    candidate: Outputs,
    verdict: Verdict,
    facts: FileFacts,
    *,
    others: Mapping[str, Outputs] | None = None,
    rerun: Rerun | None = None,
) -> Diagnosis | None:
    """Name the likely cause of a verdict that is not "passed".

    ``others`` are what the reference says in its other channels, by name; with ``rerun``, faults of the input are told
    apart by trying them. A file that passed gets ``None``, unless it is no int8 file at all: that the numbers alone
    cannot fail.
    """
    silently_float = _silently_float(verdict, facts)
    if silently_float or verdict.verdict == "passed":
        return silently_float
    if verdict.verdict == "undecided":
        return Diagnosis(
            cause="too few images to decide",
            explanation="; ".join(verdict.reasons),
            next_step="give more labelled radiographs with --data",
        )
    if candidate.not_finite:
        return Diagnosis(
            cause="numbers overflow",
            explanation=f"{candidate.not_finite} images give NaN or infinity",
            next_step="export with --precision fp32 and look for very large weights or activations",
        )
    look = Look(reference, candidate, verdict, facts, others or {})
    return next((found for rule in _rules(rerun) if (found := rule(look))), None) or _remainder(look)


def smoothness(images: NDArray[np.uint8]) -> float:
    """Median over images (uint8 [N, S, S]) of the correlation of neighbouring pixels: near 1 for radiographs."""
    return float(np.median([evidence_correlation(i[None, :, :-1], i[None, :, 1:])[0] for i in images]))


def _rules(rerun: Rerun | None) -> tuple[Callable[[Look], Diagnosis | None], ...]:
    """In the order in which they are asked; only a fault of the input can be guessed from outputs, or tried."""
    by_trying = () if rerun is None else (lambda look: reproduced(look, rerun),)
    return (
        output_rules.logits_given,
        output_rules.other_channel,
        output_rules.labels_swapped,
        output_rules.sigmoid_twice,
        output_rules.reoriented,
        _input_quantization,
        output_rules.head,
        output_rules.pooled_otherwise,
        *by_trying,
        layer_rules.weights,
        layer_rules.calibration,
        layer_rules.per_tensor,
        _other_function if by_trying else _normalisation,
    )


def _silently_float(verdict: Verdict, facts: FileFacts) -> Diagnosis | None:
    dtypes = facts.get("op_dtypes", {})
    total, quantized = sum(dtypes.values()), sum(dtypes.get(name, 0) for name in ("int8", "uint8", "int32"))
    if verdict.precision != "int8" or total == 0 or quantized > total / 2:
        return None
    if quantized and total - quantized <= _FLOAT_HEAD:
        return None
    return Diagnosis(
        cause="the file is silently float",
        explanation=f"only {quantized} of its {total} operators compute in integers",
        next_step="look at the operators with 'edgefrac inspect'; the network may have ones without an int8 form",
    )


def _input_quantization(look: Look) -> Diagnosis | None:
    scale, zero = look.facts.get("input_scale", INPUT_SCALE), look.facts.get("input_zero_point", 0)
    if np.isclose(scale, INPUT_SCALE, rtol=1e-6) and zero in INPUT_ZERO_POINTS:
        return None
    return Diagnosis(
        cause="input quantized wrongly",
        explanation=f"scale {scale:g} and zero point {zero} instead of 1/128 and 0 (int8) or 128 (uint8)",
        next_step="quantize with the input fixed to (x - 128) / 128, whatever the calibration saw",
    )


def _normalisation(look: Look) -> Diagnosis | None:
    """The network computes, but on an input it was not trained for: a float32 file fails as well."""
    slope, offset, correlation = look.line
    moved = abs(offset) > 0.5 * float(np.std(look.reference.logit)) or not 0.6 < slope < 1.6
    known = (look.is_float and correlation < 0.9995) or look.facts.get("float32_passed") is False
    if look.facts.get("float32_passed") or not (known or moved):
        return None
    return Diagnosis(
        cause="input normalisation is wrong: mean and standard deviation applied twice, or others than in training",
        explanation=f"logits fit {slope:.2f} · reference {offset:+.2f} with correlation {correlation:.2f}"
        + (", and so already without quantization" if known else ""),
        next_step="feed the network (x - 128) / 128 once; fold any mean and standard deviation into its first layer",
    )


def _other_function(look: Look) -> Diagnosis | None:
    """Wrong before any rounding, and not by a fault of the input that was tried."""
    if not (look.is_float and look.line[2] < 0.9995) and look.facts.get("float32_passed") is not False:
        return None
    layers = look.facts.get("layers", ())
    compared = f"the weights of its {len(layers)} convolutions are the network's" if layers else "weights not compared"
    return Diagnosis(
        cause="the file computes another function than the network",
        explanation=f"logits correlate {look.line[2]:.3f}; {compared}; no fault of the input that was tried fits",
        next_step="compare the file's operators with the network, with 'edgefrac inspect'"
        + ("" if layers else ", and its weights with the checkpoint"),
    )


def _remainder(look: Look) -> Diagnosis:
    reasons = "; ".join(look.verdict.reasons)
    if look.is_float:
        return Diagnosis(
            cause="the conversion is not exact enough",
            explanation=reasons,
            next_step="look for operators that the converter replaced or fused, with 'edgefrac inspect'",
        )
    return Diagnosis(
        cause="quantization too coarse for this network",
        explanation=reasons,
        next_step="try more calibration radiographs, mixed precision for the layers that lose most, or fp16",
    )
