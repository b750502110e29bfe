"""The certificate as a page for people: what passed, how nearly, and on which images the files differ most."""

from __future__ import annotations

from edgefrac.reporting.pages import render
from edgefrac.verification.certificate import Certificate
from edgefrac.verification.verdict import Criterion


def certificate_page(certificate: Certificate) -> str:
    """HTML of ``certificate``; images are named by the hash of their raster, never by a file's name."""
    rows = [(artefact, [_row(c) for c in artefact.verdict.criteria]) for artefact in certificate.artefacts]
    return render("certificate.html", certificate=certificate, artefacts=rows)


def _row(criterion: Criterion) -> dict[str, object]:
    estimate = criterion.estimate
    interval = "" if estimate.interval is None else "{:.3g} to {:.3g}".format(*estimate.interval)
    return {"criterion": criterion, "interval": interval}
