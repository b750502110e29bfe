"""A measured roofline as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgefrac.benchmarking.roofline import Group, Roofline, by_kind, pointwise_by_side
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
        "parts_over_whole": roofline.parts_over_whole(1),
        "parts_over_whole_cold": roofline.parts_over_whole(0),
        "kinds": {kind: _group(found) for kind, found in by_kind(roofline).items()},
        "pointwise_by_side": {str(side): _group(found) for side, found in pointwise_by_side(roofline).items()},
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


def _group(group: Group) -> dict[str, Any]:
    found: dict[str, Any] = {"layers": group.layers, "macs": group.macs}
    found |= {"ms": 1e3 * group.seconds, "share": group.share, "of_roof": group.of_roof}
    if group.macs:
        found |= {"gmacs": group.macs / group.seconds / 1e9, "of_peak": group.of_peak, "of_results": group.of_results}
    return found
