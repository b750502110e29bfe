"""The certificate as a page: everything a reader asks for, and nothing fetched from anywhere."""

from __future__ import annotations

import re

import pytest

from edgefrac.reporting.certificate_page import certificate_page
from tests.verification import examples


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_every_file_criterion_and_flip_is_on_the_page(noise: float) -> None:
    certificate = examples.certificate(noise=noise) if noise else examples.certificate()
    page = certificate_page(certificate)
    for artefact in certificate.artefacts:
        assert artefact.file in page and artefact.sha256 in page
        assert f'class="{artefact.verdict.verdict}">{artefact.verdict.verdict}' in page
        for criterion in artefact.verdict.criteria:
            assert f">{criterion.name}</td>" in page
        for change in (*artefact.verdict.flips, *artefact.verdict.furthest):
            assert change.id[:16] in page
    assert ("Likely cause" in page) == bool(noise)
    assert not re.search(r'(src|href)="(?!#)', page), "the page must fetch nothing"


def test_the_images_that_change_most_come_first() -> None:
    (artefact,) = examples.certificate(noise=1.0).artefacts
    moved = [abs(change.candidate - change.reference) for change in artefact.verdict.furthest]
    assert len(moved) == 5 and moved == sorted(moved, reverse=True)
    assert moved[0] == pytest.approx(artefact.verdict.max_abs_diff)
