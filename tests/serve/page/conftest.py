"""The page of a reading room in headless Chromium, with images of every kind in its work list."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")

from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.explanation import ExplanationRow, explain
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import read_radiograph
from edgefrac.prediction import load, reference_model
from tests import browser
from tests.imaging.files import dicom, noise
from tests.serve.running import Server, all_done, serving

PATIENT = "Müller^Jörg 1961-02-03"
"""What no server may hear of: the name of a file."""
WIDTH, HEIGHT = 1440, 900
MARGIN = 12  # pixels around an image that fits


@dataclass
class Reading:
    """A page, its server, and what Python's own reading says of the files in its work list."""

    page: browser.Page
    server: Server
    files: dict[str, Path]
    answers: dict[str, ExplanationRow]

    def image(self, name: str) -> Radiograph:
        return read_radiograph(self.files[name])

    def id(self, name: str) -> str:
        named = json.dumps(self.files[name].name)
        found = self.page.evaluate(
            f"Object.keys(sessionStorage).find((key) => sessionStorage[key] === {named}).slice(-32)"
        )
        return str(found)

    def text(self, selector: str) -> str:
        """What an element says."""
        return str(self.page.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def choose(self, name: str) -> None:
        """Show an image, as it comes: heat and regions on, the whole of it, as it was read."""
        page, id_ = self.page, self.id(name)
        page.evaluate(f"document.getElementById('row-{id_}').click()")
        page.wait_for(f"document.querySelector('[aria-selected=true]').dataset.id === '{id_}'")
        page.wait_for("document.getElementById('viewer').getAttribute('aria-busy') === 'false'")
        for switch in ("heat", "boxes"):
            page.evaluate(f"document.getElementById('{switch}').checked || document.getElementById('{switch}').click()")
        self.set("opacity", 100)
        page.evaluate("document.querySelector('[data-do=reset]').click()")
        self.settle()

    def set(self, slider: str, value: float) -> None:
        """Move a slider."""
        self.page.evaluate(
            f"(() => {{ const slider = document.getElementById('{slider}'); slider.value = {value};"
            " slider.dispatchEvent(new Event('input')); })()"
        )
        self.settle()

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.page.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
        )

    def canvas(self) -> np.ndarray:
        """What the canvas shows, uint8 [H, W, 3]."""
        found = self.page.evaluate("document.getElementById('canvas').toDataURL().slice(22)")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(found))).convert("RGB"))

    def fitted(self, name: str) -> tuple[float, float, float]:
        """x, y and scale of an image that fits the canvas."""
        image, (height, width) = self.image(name), self.canvas().shape[:2]
        scale = min((width - 2 * MARGIN) / image.width, (height - 2 * MARGIN) / image.height)
        return (width - image.width * scale) / 2, (height - image.height * scale) / 2, scale

    def at_actual_size(self, name: str) -> tuple[np.ndarray, tuple[slice, slice], tuple[int, int]]:
        """Press 1: the part of the canvas with the image, which part of it that is, and where its corner lies."""
        image, (height, width) = self.image(name), self.canvas().shape[:2]
        self.page.press("1")
        self.settle()
        x, y, scale = self.fitted(name)
        left, top = (
            int(np.floor(middle - (middle - edge) / scale + 0.5)) for middle, edge in ((width / 2, x), (height / 2, y))
        )
        across = slice(max(0, -left), min(image.width, width - left))
        down = slice(max(0, -top), min(image.height, height - top))
        shown = self.canvas()[down.start + top : down.stop + top, across.start + left : across.stop + left]
        return shown, (down, across), (left, top)


def _files(folder: Path) -> tuple[dict[str, Path], dict[str, ExplanationRow]]:
    """A phantom with a region, the same as a 12-bit DICOM, a diffuse one, a photograph, a file that is no image."""
    session = load(None)
    found: dict[str, Path] = {}
    # the heat is as large as an image of this size, pixel by pixel
    for number, sample in enumerate(phantom_dataset(3, 12, longer_side=1100).samples):
        path = folder / f"{PATIENT}-{number}.png"
        Image.fromarray(sample.read().pixels).save(path)
        row = explain(session, path)
        if "foreign" not in row:
            found.setdefault(row["finding"], path)
    assert set(found) == {"localised", "diffuse"}
    grey = np.asarray(Image.open(found["localised"]))
    deep = (grey.astype(np.uint16) * 14 + noise(*grey.shape, high=14)).astype(np.uint16)
    tags = {"BitsStored": 12, "HighBit": 11, "Modality": "DX", "ViewPosition": "AP", "PatientName": PATIENT}
    made = {
        "deep": dicom(deep, WindowCenter=1700, WindowWidth=3300, **tags),
        "ct": dicom(deep, BitsStored=12, HighBit=11, Modality="CT", RescaleSlope=1, RescaleIntercept=-1024),
        "broken": b"\x89PNG\r\n\x1a\n and no more",
    }
    for name, data in made.items():
        found[name] = folder / f"{PATIENT}-{name}"
        found[name].write_bytes(data)
    found["photo"] = folder / f"{PATIENT}-photo.png"
    Image.fromarray(noise(300, 400, 3).astype(np.uint8)).save(found["photo"])
    return found, {name: explain(session, path) for name, path in found.items() if name != "broken"}


@pytest.fixture(scope="package")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    """One page for all tests, with its files sent."""
    if not browser.chromium():
        pytest.skip("no Chromium here")
    files, answers = _files(tmp_path_factory.mktemp("files"))
    state = tmp_path_factory.mktemp("room") / "state"
    with serving(reference_model(), state, "--readers", "1") as server, browser.page() as page:
        page.size(WIDTH, HEIGHT, "dark")
        page.open(server.address)
        page.wait_for("document.getElementById('model-line').textContent")
        page.choose_files("#files", list(files.values()))
        page.wait_for(f"document.querySelectorAll('#list li:not(.waiting)').length === {len(files)}", 40)
        with server.client() as client:
            all_done(client)
        yield Reading(page, server, files, answers)
