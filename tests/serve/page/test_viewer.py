"""What the page's canvas and its exports show, pixel by pixel beside Python's own drawing."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.explanation import explained, heat_of
from edgefrac.imaging.voi import CT_PRESETS, Window
from edgefrac.prediction import load
from tests.serve.page.conftest import Reading

STEP = 1.25


def in_grey(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def without_evidence(reading: Reading) -> None:
    for switch in ("heat", "boxes"):
        reading.page.evaluate(f"document.getElementById('{switch}').click()")
    reading.settle()


@pytest.mark.parametrize("name", ["localised", "deep"])
def test_an_image_is_shown_as_it_was_read(reading: Reading, name: str) -> None:
    reading.choose(name)
    without_evidence(reading)
    shown, part, _ = reading.at_actual_size(name)
    assert np.array_equal(shown, in_grey(reading.image(name).pixels[part]))
    assert shown.shape[0] > 500 and np.unique(shown).size > 50


@pytest.mark.parametrize("window", [(900.0, 1200.0), (2000.0, 1.0), (1333.25, 77.5)])
def test_a_window_of_the_sliders_is_exact(reading: Reading, window: tuple[float, float]) -> None:
    reading.choose("deep")
    without_evidence(reading)
    reading.set("level", window[0])
    reading.set("width", window[1])
    shown, part, _ = reading.at_actual_size("deep")
    depth = reading.image("deep").numbers
    expected = Window(*window).to_grey(depth.values.astype(np.int64) + depth.first)
    assert np.array_equal(shown, in_grey(expected[part]))
    assert not np.array_equal(expected, reading.image("deep").pixels)


def test_a_ct_image_has_its_presets_and_comes_back_as_it_was_read(reading: Reading) -> None:
    reading.choose("ct")
    assert "HU" in reading.text("#controls fieldset:nth-child(2) legend")
    depth = reading.image("ct").numbers
    units = (depth.values.astype(np.int64) + depth.first) * depth.slope + depth.intercept
    for label, expected in (
        ("Soft tissue", CT_PRESETS["soft-tissue"].to_grey(units)),
        ("Bone", CT_PRESETS["bone"].to_grey(units)),
        ("As read", reading.image("ct").pixels),
    ):
        reading.page.evaluate(
            f"[...document.querySelectorAll('#presets button')].find((one) => one.textContent === '{label}').click()"
        )
        assert reading.text("#presets [aria-pressed=true]") == label
        reading.settle()
        reading.page.press("0")
        shown, part, _ = reading.at_actual_size("ct")
        assert np.array_equal(shown, in_grey(expected[part]))


def test_a_drag_turns_the_window_and_r_takes_it_back(reading: Reading) -> None:
    reading.choose("deep")
    before = reading.text("#level-value"), reading.text("#width-value")
    middle = reading.page.evaluate(
        "(() => { const box = document.getElementById('canvas').getBoundingClientRect();"
        " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )
    reading.page.drag((middle[0], middle[1]), (middle[0] + 60, middle[1] + 30))
    reading.settle()
    level, width = reading.text("#level-value"), reading.text("#width-value")
    assert (level, width) == ("2030", "3960")  # a 300th of the width for each pixel: first the width
    reading.page.press("r")
    reading.settle()
    assert (reading.text("#level-value"), reading.text("#width-value")) == before


def test_the_heat_is_that_of_the_overlay(reading: Reading) -> None:
    reading.choose("localised")
    reading.page.press("b")
    shown, part, _ = reading.at_actual_size("localised")
    radiograph = reading.image("localised")
    expected = heat_of(explained(load(None), radiograph, Path("image")), radiograph)[part].astype(int)
    assert np.abs(shown.astype(int) - expected).max() <= 1
    assert np.ptp(expected, axis=2).max() > 60
    reading.set("opacity", 50)
    half = reading.canvas().astype(int)
    reading.page.press("h")
    reading.settle()
    none = reading.canvas().astype(int)
    reading.page.press("h")
    reading.set("opacity", 100)
    whole = reading.canvas().astype(int)
    assert np.abs(half - (whole + none) / 2).max() <= 1.5
    assert np.array_equal(none[..., 0], none[..., 1])


def test_keys_and_buttons_zoom_around_the_middle(reading: Reading) -> None:
    reading.choose("localised")
    without_evidence(reading)
    x, _, scale = reading.fitted("localised")
    width, wide = reading.canvas().shape[1], reading.image("localised").width * scale
    plus, minus = (lambda: reading.page.press("+")), (lambda: reading.page.click("[data-do=zoom-out]"))
    for zoom, factor in ((plus, STEP), (minus, 1)):
        zoom()
        reading.settle()
        left, right = (width / 2 + (edge - width / 2) * factor for edge in (x, x + wide))
        lit = np.flatnonzero(reading.canvas()[:, :, 0].max(axis=0) > 0)
        assert abs(lit[0] - max(left, 0)) <= 2 and abs(lit[-1] + 1 - min(right, width)) <= 2


def test_the_wheel_and_two_fingers_zoom_where_they_are(reading: Reading) -> None:
    reading.choose("localised")
    at = "(() => { const box = document.getElementById('canvas').getBoundingClientRect(); return [box.x, box.y]; })()"
    left, top = reading.page.evaluate(at)
    reading.page.wheel(left + 300, top + 200, -400)
    reading.settle()
    wheeled = reading.canvas()
    reading.choose("localised")
    fitted = reading.canvas()
    assert not np.array_equal(wheeled, fitted)
    x, y, scale = reading.fitted("localised")
    place = ((300 - x) / scale, (200 - y) / scale)
    factor = float(np.exp(400 * 0.0016))
    corner = 300 - place[0] * scale * factor
    lit = np.flatnonzero(wheeled[:, :, 0].max(axis=0) > 0)
    assert abs(lit[0] - max(corner, 0)) <= 2
    reading.page.touch_screen()
    reading.page.touch("touchStart", (left + 250, top + 200), (left + 350, top + 200))
    reading.page.touch("touchMove", (left + 200, top + 200), (left + 400, top + 200))
    reading.page.touch("touchEnd")
    reading.settle()
    lit = np.flatnonzero(reading.canvas()[:, :, 0].max(axis=0) > 0)
    assert abs(lit[0] - max(300 - place[0] * scale * 2, 0)) <= 3


def test_frames_are_around_the_regions(reading: Reading) -> None:
    reading.choose("localised")
    reading.page.press("h")
    reading.settle()
    framed = reading.canvas().astype(int)
    x, y, scale = reading.fitted("localised")
    (region,) = reading.answers["localised"]["regions"]
    left, top, width, height = (value * scale for value in region["box"])
    left, top, right, bottom = (
        round(v) for v in (x + left - 6, y + top - 6, x + left + width + 6, y + top + height + 6)
    )
    for row, column in (((top + bottom) // 2, left), ((top + bottom) // 2, right), (bottom, (left + right) // 2)):
        around = framed[row - 3 : row + 4, column - 3 : column + 4]
        assert around.max() > 240 and around.min() < 10
    reading.page.press("b")
    reading.settle()
    plain = reading.canvas().astype(int)
    changed = np.argwhere(np.abs(framed - plain).max(axis=2) > 24)
    assert changed[:, 1].min() >= left - 4 and changed[:, 1].max() <= right + 4
    assert changed[:, 0].max() <= bottom + 4
    assert np.abs(framed - plain)[top + 4 : bottom - 3, left + 4 : right - 3].max() == 0


def test_the_saved_picture_is_what_is_seen(reading: Reading, tmp_path: Path) -> None:
    reading.choose("localised")
    reading.set("level", 100)
    reading.set("width", 120)
    reading.page.press("b")
    reading.page.download_to(tmp_path)
    reading.page.click("#save-picture")
    end = time.monotonic() + 20
    while not (saved := list(tmp_path.glob("*.png"))):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert saved[0].name == f"edgefrac-{reading.id('localised')[:8]}.png"
    picture = np.asarray(Image.open(io.BytesIO(saved[0].read_bytes())).convert("RGB"))
    radiograph = reading.image("localised")
    assert picture.shape[1] == radiograph.width and picture.shape[0] > radiograph.height
    assert (picture[radiograph.height :] > 200).any()  # what it is, in words
    shown, part, _ = reading.at_actual_size("localised")
    assert np.abs(shown.astype(int) - picture[: radiograph.height][part]).max() <= 1


def test_the_value_under_the_pointer_is_told(reading: Reading) -> None:
    reading.choose("deep")
    left, top = reading.page.evaluate(
        "(() => { const box = document.getElementById('canvas').getBoundingClientRect(); return [box.x, box.y]; })()"
    )
    x, y, scale = reading.fitted("deep")
    column, row = 300, 420
    reading.page.move(left + x + (column + 0.5) * scale, top + y + (row + 0.5) * scale)
    depth = reading.image("deep").numbers
    told = reading.text("#readout")
    at = [int(word) for word in told.replace(",", " ").replace(":", " ").split() if word.isdigit()]
    assert abs(at[0] - column) <= 1 and abs(at[1] - row) <= 1
    assert at[2] == int(depth.values[at[1], at[0]]) + depth.first
