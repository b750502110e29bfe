"""The audit as one HTML file that fetches nothing: thumbnails and style are in it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from edgefrac.datasets.audit.finding import Audit, AuditFinding
from edgefrac.datasets.survey import Look
from edgefrac.reporting.pages import render

SHOWN = 12
"""Items of a finding that get thumbnails; the others are named."""

_SECTIONS = {
    "files": "Files",
    "labels": "Labels",
    "leaks": "Leaks",
    "boxes": "Boxes",
    "shortcuts": "Shortcuts",
    "counts": "Counts",
}
_LONGER_SIDE = 96


def audit_page(audit: Audit, looks: Mapping[str, Look]) -> str:
    """HTML of ``audit``; ``looks`` maps sample id -> what was seen of it."""
    sections = [
        (title, [_shown(finding, looks) for finding in audit.findings if finding.concern == concern])
        for concern, title in _SECTIONS.items()
    ]
    facets = sorted({count.facet for count in audit.counts})
    return render(
        "audit.html",
        audit=audit,
        sections=[(title, findings) for title, findings in sections if findings],
        counts=[(facet, [count for count in audit.counts if count.facet == facet]) for facet in facets],
    )


def _shown(finding: AuditFinding, looks: Mapping[str, Look]) -> dict[str, object]:
    """The finding with thumbnails of its first items that have one."""
    pictured = [item for item in finding.items if any(name in looks and not looks[name].error for name in item)]
    items = [[(name, _data_uri(looks.get(name))) for name in item] for item in pictured[:SHOWN]]
    errors = [looks[name].error for item in finding.items for name in item if name in looks and looks[name].error]
    named = [" = ".join(item) for item in finding.items]
    return {"finding": finding, "items": items, "errors": errors, "named": named}


def _data_uri(look: Look | None) -> str:
    """A JPEG of the thumbnail in its true shape, as a data URI; empty where there is no picture."""
    if look is None or look.error:
        return ""
    scale = _LONGER_SIDE / max(look.width, look.height)
    size = max(1, round(look.width * scale)), max(1, round(look.height * scale))
    grey = np.clip(np.rint(look.thumbnail.astype(np.float32)), 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=75)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
