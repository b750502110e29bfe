"""A measured roofline as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgefrac.benchmarking.layer_costs import Kind
from edgefrac.benchmarking.roofline import Roofline, used_kinds
from edgefrac.verification.certificate import cpu_model


def roofline_document(roofline: Roofline) -> dict[str, Any]:
    """Times in milliseconds, GMAC and GB a second, shares between 0 and 1; quartiles are over the turns."""
    peaks = roofline.peaks
    return {
        "file": roofline.file,
        "evidence_level": "measured",
        "threads": roofline.threads,
        "host": {"cpu": cpu_model(), "load": roofline.load},
        "turns": roofline.whole.shape[1],
        "peaks": {
            "gmacs": {element: rate / 1e9 for element, rate in peaks.macs.items()},
            "products": peaks.products,
            "ns_a_result": {element: 1e9 * seconds for element, seconds in peaks.results.items()},
            "gb_by_bytes_touched": {str(size): rate / 1e9 for size, rate in peaks.bandwidths.items()},
        },
        "whole_ms": 1e3 * float(np.median(roofline.whole[1])),
        "parts_ms": 1e3 * float(roofline.seconds.sum()),
        "parts_over_whole": roofline.parts_over_whole(1).tolist(),
        "parts_over_whole_cold": roofline.parts_over_whole(0).tolist(),
        "kinds": {kind: _kind(roofline, kind) for kind in used_kinds(roofline)},
        "layers": [
            {
                "operators": layer.operators,
                "name": layer.name,
                "kind": layer.kind,
                "element": layer.element,
                "shape": layer.shape,
                "macs": layer.macs,
                "bytes": layer.bytes,
                "macs_a_byte": layer.intensity,
                "ms": 1e3 * float(seconds),
                "share": float(seconds / roofline.seconds.sum()),
                "of_roof": float(least / seconds) if seconds > 0 else None,
            }
            for layer, seconds, least in zip(roofline.layers, roofline.seconds, roofline.least, strict=True)
        ],
    }


def _kind(roofline: Roofline, kind: Kind) -> dict[str, Any]:
    chosen = roofline.of_kind(kind)
    macs = sum(layer.macs for layer in roofline.layers if layer.kind == kind)
    seconds = float(roofline.seconds[chosen].sum())
    found: dict[str, Any] = {
        "layers": int(chosen.sum()),
        "macs": macs,
        "ms": 1e3 * seconds,
        "share": seconds / float(roofline.seconds.sum()),
    }
    if macs:
        found["gmacs"] = macs / seconds / 1e9
        found["of_peak"] = roofline.of_peak(kind)
        found["of_roof"] = float(roofline.least[chosen].sum() / seconds)
    if kind == "1×1 convolution":
        found["lost_to_results"] = roofline.requantizing(kind)
        found["lost_otherwise"] = 1 - found["of_peak"] - found["lost_to_results"]
    return found
