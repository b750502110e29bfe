"""Rules of the diagnosis over the file's convolutions, each beside the network's own: what was done to the numbers?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgefrac.quantization.rounding import LARGEST
from edgefrac.targets.layers import Layer
from edgefrac.verification.look import Diagnosis, FileFacts, Look
from edgefrac.verification.metrics import Bools

Pair = tuple[Layer, Layer]

_GRID = 2.0  # steps that rounding may move a weight: the plan rounds errors of neighbours against each other
_FLOAT = 1e-3  # share of a layer's largest weight, twice what float16 rounds away
_SATURATED, _WIDE = 0.5, 4.0  # of the range needed: what a file must cover, and how much wider it may be
_CLIPPED = 0.05  # share of evidence cells at an end of the range; on a coarse grid some are there by rights
_NOISE = 0.5  # neighbouring pixels of radiographs correlate above 0.9, those of noise hardly
_FEW_IMAGES = 8  # as the least that an export recipe takes


def weights(look: Look) -> Diagnosis | None:
    """Weights or biases that are not the network's."""
    pairs = look.facts.get("layers", ())
    biases = [file for file, network in pairs if not file.bias.any() and np.abs(network.bias).max() > _FLOAT]
    if biases:
        return Diagnosis(
            cause="biases lost",
            explanation=f"all biases are zero in {_names(biases)}",
            next_step="check how the exporter hands biases to its convolutions (folded batch normalisation has some)",
        )
    changed = [(file, network, rows) for file, network in pairs if (rows := _changed(file, network)).any()]
    if not changed:
        return None
    names = _names([file for file, _, _ in changed])
    for file, network, rows in changed:
        if found := _channels(file, network, rows):
            return found
    if all(_rescaled(file, network, rows) for file, network, rows in changed):
        return Diagnosis(
            cause="batch normalisation folded wrongly",
            explanation=f"the weights of {names} are the network's times a factor that differs by channel",
            next_step="fold in eval mode with the running statistics, once, and compare with 'edgefrac inspect'",
        )
    if len(changed) > len(pairs) / 2:
        return Diagnosis(
            cause="stale checkpoint: the weights are of another training state",
            explanation=f"{len(changed)} of {len(pairs)} convolutions have other weights than the network, "
            f"off by {100 * _off(changed):.0f} % in the median",
            next_step="convert the checkpoint again, and delete converted files that were kept from before",
        )
    return Diagnosis(
        cause="weights of single layers differ from the network's",
        explanation=f"{names}: off by {100 * _off(changed):.0f} %",
        next_step="convert again without the operators that touch these layers",
    )


def per_tensor(look: Look) -> Diagnosis | None:
    """One scale for all channels of a layer leaves the small channels few levels."""
    shared = [file for file, _ in look.facts.get("layers", ()) if file.scales == 1 and len(file.weight) > 1]
    if look.is_float or not shared:
        return None
    levels = np.concatenate([(f.weight.max(axis=1) - f.weight.min(axis=1)) / f.step for f in shared])
    share = float(np.median(levels)) / 255
    return Diagnosis(
        cause="weights quantized per tensor",
        explanation=f"one scale for all channels in {_names(shared)}; half of the channels use less than "
        f"{100 * share:.0f} % of the levels",
        next_step="quantize weights per channel, or equalize the channels first (section 'int8' of a training recipe)",
    )


def calibration(look: Look) -> Diagnosis | None:
    """Activation ranges taken from something else than radiographs clip the maps or leave them a few levels."""
    if look.is_float or look.facts.get("float32_passed") is False:
        return None
    images, smooth = look.facts.get("calibration_images", 0), look.facts.get("calibration_smoothness")
    traces = _traces(look)
    only = _one_misfit(look.facts.get("layers", ()))
    if smooth is not None and smooth < _NOISE:
        because = "calibration on noise"
        traces.insert(0, f"neighbouring pixels of the calibration images correlate only {smooth:.2f}")
    elif 0 < images < _FEW_IMAGES:
        because = f"calibration on {'one image' if images == 1 else 'too few images'}"
        traces.insert(0, f"ranges were taken from {images} different image{'s' * (images > 1)}")
    elif images:
        because = "calibration on foreign images"
    else:
        because = f"that of {only.name} alone" if only else "calibration on noise or foreign images"
    if not traces:
        return None
    return Diagnosis(
        cause=f"activation ranges do not fit radiographs: {because}",
        explanation="; ".join(traces) + _source(look.facts),
        next_step="calibrate on radiographs of the training split (--calibration DIR)",
    )


def _traces(look: Look) -> list[str]:
    traces = []
    if look.clipped > _CLIPPED:
        traces.append(f"{100 * look.clipped:.0f} % of the evidence cells are clipped")
    if look.levels is not None and look.levels < 24:
        traces.append(f"the evidence takes only {look.levels} different values")
    if look.facts.get("float32_passed") and not 0.6 < look.spread < 1.6:
        traces.append(f"the evidence varies {look.spread:.2f} times as much as the reference's")
    pairs = look.facts.get("layers", ())
    return [*traces, *(trace for file, network in pairs if (trace := _misfit(file, network)))][:4]


def _misfit(file: Layer, network: Layer) -> str:
    """In words, if the range that the file can express is far from the one needed."""
    if file.output is None or network.output is None:
        return ""
    (low, high), (least, most) = file.output, network.output
    need = max(most - least, 1e-6)
    covered, excess = max(0.0, min(high, most) - max(low, least)) / need, (high - low) / need
    if covered < _SATURATED:
        return f"the range of {file.name} covers {100 * covered:.0f} % of what radiographs need"
    return f"the range of {file.name} is {excess:.0f} times what radiographs need" if excess > _WIDE else ""


def _one_misfit(pairs: Sequence[Pair]) -> Layer | None:
    misfits = [file for file, network in pairs if _misfit(file, network)]
    return misfits[0] if len(misfits) == 1 and len(pairs) > 2 else None


def _source(facts: FileFacts) -> str:
    source = facts.get("calibration_source", "")
    return f" (calibrated on: {source})" if source else ""


def _changed(file: Layer, network: Layer) -> Bools:
    """Which channels, bool [O], have weights that rounding does not explain, nor the end of the grid."""
    allowed = _GRID * file.step + _FLOAT * np.abs(network.weight).max()
    distance = np.abs(file.weight - network.weight)
    cut = np.abs(file.weight) > (LARGEST - 0.5) * file.step[:, None]  # a plan may cut a channel's largest weights off
    cut &= (file.step[:, None] > 0) & (np.abs(network.weight) > np.abs(file.weight)) & (distance < np.abs(file.weight))
    changed: Bools = np.where(cut, 0, distance).max(axis=1) > allowed
    return changed


def _channels(file: Layer, network: Layer, rows: Bools) -> Diagnosis | None:
    """Channels that are gone, or stand in another's place."""
    gone = ~file.weight.any(axis=1) & network.weight.any(axis=1)
    if gone.any():
        return Diagnosis(
            cause="weights lost: channels of a layer are zero",
            explanation=f"{int(gone.sum())} of {gone.size} channels of {file.name} are zero in the file only",
            next_step="look at pruning and at the layout of this layer's weights in the exporter",
        )
    apart = np.abs(file.weight[rows][:, None] - network.weight[rows][None]).max(axis=2)
    allowed = _GRID * file.step[rows] + _FLOAT * np.abs(network.weight).max()
    partner = apart.argmin(axis=1)
    if np.unique(partner).size == partner.size > 1 and (apart.min(axis=1) <= allowed).all():
        return Diagnosis(
            cause="channels of a layer in another order",
            explanation=f"{partner.size} of {rows.size} channels of {file.name} stand in each other's place",
            next_step="check the layout (OIHW, OHWI) and the grouping of this layer's weights in the exporter",
        )
    return None


def _rescaled(file: Layer, network: Layer, rows: Bools) -> bool:
    """Whether each of these rows is the network's times a factor, up to rounding."""
    a, b = file.weight[rows], network.weight[rows]
    factor = (a * b).sum(axis=1) / np.maximum((b * b).sum(axis=1), 1e-12)
    allowed = _GRID * file.step[rows] + _FLOAT * max(float(np.abs(w).max()) for w in (file.weight, network.weight))
    return bool((np.abs(a - factor[:, None] * b).max(axis=1) <= allowed).all())


def _off(changed: Sequence[tuple[Layer, Layer, Bools]]) -> float:
    shares = [np.linalg.norm(f.weight - n.weight) / max(float(np.linalg.norm(n.weight)), 1e-12) for f, n, _ in changed]
    return float(np.median(shares))


def _names(layers: Sequence[Layer]) -> str:
    names = [layer.name for layer in layers]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
