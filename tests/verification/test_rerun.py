"""Faults of the input are told apart by trying them; what cannot be told apart is named together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit

from edgefrac.imaging.radiograph import Radiograph
from edgefrac.verification.gate import Outputs, judge
from edgefrac.verification.hypotheses import Shot, hypotheses, right
from edgefrac.verification.look import Look
from edgefrac.verification.rerun import Rerun, reproduced

SIZE = 8


def answers_to(seen: np.ndarray) -> Outputs:
    """A network that adds up pixels with weights, so that it sees where everything is."""
    maps = seen * np.linspace(1, 3, SIZE * SIZE, dtype=np.float32).reshape(SIZE, SIZE)
    logit = maps.mean(axis=(1, 2)).astype(np.float64)
    return Outputs(logit, expit(logit), maps)


def shots(height: int = 20, width: int = 12, notes: tuple[str, ...] = ()) -> list[Shot]:
    rng = np.random.default_rng(0)
    rasters = rng.integers(0, 256, (12, height, width), dtype=np.uint8)
    return [Shot(Radiograph(raster, "PNG", notes=notes)) for raster in rasters]


def cause(candidate: Outputs, of: list[Shot]) -> str:
    reference = answers_to(np.stack([right(shot, SIZE) for shot in of]))
    labels = np.arange(len(of)) % 2
    ids = [str(number) for number in range(len(of))]
    verdict = judge(reference, candidate, labels=labels, groups=ids, ids=ids, threshold=0.5, precision="fp32")
    found = reproduced(Look(reference, candidate, verdict, {}), Rerun(SIZE, of, answers_to))
    return "" if found is None else found.cause


def under(name: str, of: list[Shot]) -> Outputs:
    """What the network answers under the hypothesis of that name."""
    (hypothesis,) = (h for h in hypotheses() if h.cause == name)
    return answers_to(np.stack([hypothesis.see(shot, SIZE) for shot in of]))


def test_every_hypothesis_that_changes_the_input_is_recognised() -> None:
    of = shots()
    for hypothesis in hypotheses():
        seen = np.stack([hypothesis.see(shot, SIZE) for shot in of])
        if not np.array_equal(seen, np.stack([right(shot, SIZE) for shot in of])):
            assert hypothesis.cause in cause(answers_to(seen), of)


def test_faults_that_look_alike_are_named_together() -> None:
    symmetric = [
        Shot(replace(s.radiograph, pixels=s.radiograph.pixels | s.radiograph.pixels[:, ::-1])) for s in shots()
    ]
    named = cause(under("image rotated by 180°", symmetric), symmetric)
    assert named == "image turned upside down or image rotated by 180°"


def test_two_faults_are_not_named_where_one_is_enough() -> None:
    square = shots(20, 20)
    both = under("stretched to a square instead of padded, and resized without antialias", square)
    assert cause(both, square) == "resized without antialias"


def test_nothing_is_named_where_nothing_fits() -> None:
    of = shots()
    noise = np.random.default_rng(1).normal(0, 1, (len(of), SIZE, SIZE)).astype(np.float32)
    assert cause(answers_to(noise), of) == ""


def test_orientation_is_undone_as_the_note_says() -> None:
    for orientation in (3, 6, 8):
        of = shots(notes=(f"EXIF orientation {orientation} applied",))
        assert "EXIF orientation ignored" in cause(under("EXIF orientation ignored", of), of)
    assert cause(answers_to(np.stack([right(s, SIZE) for s in shots()])), shots()) == ""


def test_inverted_as_a_whole_where_no_file_is_monochrome1() -> None:
    mixed = shots()[:6] + shots(notes=("MONOCHROME1 inverted",))[6:]
    assert cause(under("MONOCHROME1 not inverted", mixed), mixed) == "MONOCHROME1 not inverted"
    assert cause(under("image inverted", mixed), mixed) == "image inverted"
