"""The overlay: quiet where nothing speaks for a fracture, plain where something does, in colour and in grey."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgefrac.errors import OutputError
from edgefrac.imaging.evidence import evidence_peak
from edgefrac.imaging.overlay import CONTOURS, FULL_SCALE, as_png, draw_overlay, save_overlay
from edgefrac.imaging.preprocess import Placement
from edgefrac.imaging.radiograph import Radiograph
from tests.imaging.files import noise

BONE = Radiograph(np.add.outer(np.arange(480) // 4, np.arange(360) // 4).astype(np.uint8), "PNG")
PLACEMENT = Placement(480, 360, 320)
POSITIVE: dict[str, Any] = {"probability": 0.9, "threshold": 0.3, "label": "fractured", "bias": -3.0}
NEGATIVE: dict[str, Any] = {"probability": 0.02, "threshold": 0.3, "label": "not fractured", "bias": -3.0}


def spot(strength: float = 300.0) -> np.ndarray:
    evidence = np.zeros((20, 20), np.float32)
    evidence[4:7, 11:14] = strength
    return evidence


def draw(evidence: np.ndarray, temperature: float = 1.0, **facts: Any) -> np.ndarray:
    return np.asarray(draw_overlay(BONE, evidence, PLACEMENT, temperature=temperature, **facts))


def picture(canvas: np.ndarray) -> np.ndarray:
    """The radiograph's part of the canvas, without the caption."""
    return canvas[:960].astype(int)


def coloured(canvas: np.ndarray) -> np.ndarray:
    return np.ptp(picture(canvas), axis=2) > 4


def test_negative_radiograph_is_left_untouched() -> None:
    canvas = draw(np.random.default_rng(0).normal(-5, 2, (20, 20)).astype(np.float32), **NEGATIVE)
    plain = Image.fromarray(BONE.pixels).resize((720, 960), Image.Resampling.BICUBIC, reducing_gap=3)
    np.testing.assert_array_equal(picture(canvas), np.asarray(plain.convert("RGB")))


def test_colour_is_where_the_evidence_is() -> None:
    rows, columns = np.nonzero(coloured(draw(spot(), **POSITIVE)))
    # cells 4..6 and 11..13 of 20, spread by half a cell and more: in canvas pixels, 48 a cell, 120 of padding left
    assert 3 * 48 < rows.min() < 4.2 * 48
    assert 6.8 * 48 < rows.max() < 8 * 48
    assert 10 * 48 - 120 < columns.min() < 11.2 * 48 - 120
    assert 13.8 * 48 - 120 < columns.max() < 15 * 48 - 120


def test_scale_is_fixed_not_stretched_to_the_image() -> None:
    both = spot(20)
    both[14:17, 5:8] = 400
    weak, with_strong = draw(spot(20), **NEGATIVE), draw(both, **NEGATIVE)
    assert coloured(weak).any()
    np.testing.assert_array_equal(picture(weak)[: 8 * 48, 300:], picture(with_strong)[: 8 * 48, 300:])


def test_scale_is_the_same_for_a_finer_map() -> None:
    coarse, fine = spot(), np.repeat(np.repeat(spot(), 2, 0), 2, 1)
    middle = np.s_[5 * 48 + 10 : 6 * 48 - 10, 12 * 48 - 110 : 13 * 48 - 130]
    np.testing.assert_array_equal(picture(draw(coarse, **NEGATIVE))[middle], picture(draw(fine, **NEGATIVE))[middle])


def test_temperature_and_bias_are_in_the_scale() -> None:
    same = draw(spot(100) - 3, temperature=2.0, **{**NEGATIVE, "bias": 0.0})
    np.testing.assert_array_equal(picture(draw(spot(50), temperature=1.0, **{**NEGATIVE, "bias": -1.5})), picture(same))


def test_contours_and_marker_show_in_grey() -> None:
    facts = {**NEGATIVE, "bias": 0.0}
    shown = draw(spot(100 * (CONTOURS[0] + 0.02)), **facts)
    hidden = draw(spot(100 * (CONTOURS[0] - 0.02)), **facts)
    step = np.abs(np.diff(np.asarray(Image.fromarray(shown).convert("L"))[:960].astype(int), axis=1)).max()
    calm = np.abs(np.diff(np.asarray(Image.fromarray(hidden).convert("L"))[:960].astype(int), axis=1)).max()
    assert step > 200 > 20 > calm


def test_peak_is_marked_in_its_place() -> None:
    evidence = spot()
    evidence[5, 12] += 50
    x, y = (
        round(coordinate * 2) for coordinate in evidence_peak(evidence, PLACEMENT)
    )  # the canvas is twice the raster
    canvas = picture(draw(evidence, **POSITIVE))
    ring = canvas[y, [x - 13, x + 13]].tolist() + canvas[[y - 13, y + 13], x].tolist()
    assert ring == [[255, 255, 255]] * 4
    assert (np.ptp(canvas[y - 4 : y + 5, x - 4 : x + 5], axis=2) > 40).all()  # the spot itself stays free


def test_strength_shows_in_grey_too() -> None:
    """On mid-grey, more evidence is never darker in print once past the first contour."""
    middle = Radiograph(np.full((320, 320), 60, np.uint8), "PNG")
    ramp = np.tile(np.linspace(0, 100 * FULL_SCALE, 40, dtype=np.float32), (40, 1))
    canvas = draw_overlay(
        middle, ramp, Placement(320, 320, 320), probability=0.1, threshold=0.9, label="", bias=0, temperature=1
    )
    row = np.asarray(canvas.convert("L"))[700, :960].astype(int)
    quarter, half, most = row[240 + 60], row[480], row[900]
    assert 60 < quarter < half < most


@pytest.mark.parametrize("shape", [(20, 2000), (2000, 20), (16, 16), (3000, 2400)])
def test_any_shape_of_radiograph(shape: tuple[int, int]) -> None:
    radiograph = Radiograph(noise(*shape), "PNG")
    canvas = draw_overlay(radiograph, spot(), Placement(*shape, 320), temperature=1, **POSITIVE)
    assert canvas.width >= 700
    assert max(canvas.size) <= 960 + 118


def test_caption_says_what_was_decided() -> None:
    captions = [
        draw(spot(), **{**POSITIVE, **change})[960:]
        for change in ({}, {"probability": 0.2}, {"threshold": 0.4}, {"label": "broken"})
    ]
    assert len({caption.tobytes() for caption in captions}) == 4


def test_a_caution_stands_above_the_verdict_and_changes_nothing_else() -> None:
    plain, cautioned = draw(spot(), **POSITIVE), draw(spot(), **POSITIVE, caution="it is coloured")
    height = len(cautioned) - len(plain)
    assert height > 0
    np.testing.assert_array_equal(cautioned[:960], plain[:960])
    np.testing.assert_array_equal(cautioned[960 + height :], plain[960:])
    strip = cautioned[960 : 960 + height]
    assert (strip[:, -1] == (255, 190, 0)).all()
    assert (strip.max(axis=2) < 60).sum() > 300  # dark letters
    other = draw(spot(), **POSITIVE, caution="it is something else")
    assert (other[960 : 960 + height] != strip).any()


def test_saving_is_whole_or_nothing(tmp_path: Path) -> None:
    image = Image.fromarray(noise(300, 300))
    path = tmp_path / "a.png"
    save_overlay(as_png(image), path)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(image))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))  # as a full disk: the write fails half-way
    try:
        with pytest.raises(OutputError, match=r"b\.png: cannot be written \(File too large\)"):
            save_overlay(as_png(image), tmp_path / "b.png")
        with pytest.raises(OutputError):
            save_overlay(as_png(Image.effect_noise((900, 900), 90)), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(image))


def test_saving_where_nothing_can_be_written(tmp_path: Path) -> None:
    image = Image.new("L", (20, 20))
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "file" / "a.png", tmp_path / "folder.png"):
        with pytest.raises(OutputError, match="cannot be written"):
            save_overlay(as_png(image), path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.png"]
