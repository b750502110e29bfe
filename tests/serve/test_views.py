"""The views of one image over HTTP are what Python's own reading of the file gives."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from edgefrac.explanation import explained, heat_of, picture_of
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import read_radiograph
from edgefrac.prediction import load
from tests.imaging.files import dicom, noise, png
from tests.serve.running import all_done

FILES = {
    "raster": png(noise(1100, 90).astype(np.uint8)),
    "deep": dicom(noise(60, 90, high=4096), BitsStored=12, HighBit=11, Modality="DX"),
}
VIEWS = ("values", "greys", "heat.png", "overlay.png", "report.html")


@pytest.fixture(scope="module", params=FILES)
def sent(
    request: pytest.FixtureRequest, client: httpx.Client, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Radiograph]:
    """An image's address in the work list, and Python's reading of its file."""
    file = tmp_path_factory.mktemp("sent") / "file"
    file.write_bytes(FILES[request.param])
    (received,) = client.post("/v1/worklist", content=file.read_bytes()).raise_for_status().json()
    all_done(client)
    return f"/v1/worklist/{received['id']}", read_radiograph(file)


def test_numbers(client: httpx.Client, sent: tuple[str, Radiograph]) -> None:
    address, radiograph = sent
    display = client.get(address).json()["answer"]["picture"]["display"]
    kind = {8: "u1", 16: "<u2"}[display["bits"]]
    values = np.frombuffer(client.get(f"{address}/values").content, kind).reshape(radiograph.pixels.shape)
    greys = np.frombuffer(client.get(f"{address}/greys").content, np.uint8)
    assert np.array_equal(values, radiograph.numbers.values) and len(greys) == display["levels"]
    assert np.array_equal(greys[values], radiograph.pixels)


def test_pictures(client: httpx.Client, sent: tuple[str, Radiograph], tiny_tflite: Path) -> None:
    address, radiograph = sent
    expected = explained(load(tiny_tflite), radiograph, Path("image"))
    overlay = Image.open(io.BytesIO(client.get(f"{address}/overlay.png").content))
    assert np.array_equal(np.asarray(overlay), np.asarray(picture_of(expected, radiograph)))
    heat = Image.open(io.BytesIO(client.get(f"{address}/heat.png").content))
    assert heat.mode == "RGBA" and 1024 <= max(heat.size) <= 2048
    if heat.size == (radiograph.width, radiograph.height):
        under = Image.fromarray(radiograph.pixels).convert("RGBA")
        laid_over = np.asarray(Image.alpha_composite(under, heat).convert("RGB")).astype(int)
        assert np.abs(laid_over - heat_of(expected, radiograph)).max() <= 1


def test_a_report_runs_and_fetches_nothing(client: httpx.Client, sent: tuple[str, Radiograph]) -> None:
    report = client.get(f"{sent[0]}/report.html")
    assert report.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in report.headers["content-security-policy"]
    assert "script" not in report.headers["content-security-policy"] and "<script" not in report.text


def test_views_of_no_image_and_of_one_without_answer_are_refused(client: httpx.Client) -> None:
    (broken,) = client.post("/v1/worklist", content=b"\x89PNG\r\n\x1a\n no more").raise_for_status().json()
    all_done(client)
    for view in VIEWS:
        assert client.get(f"/v1/worklist/{'0' * 32}/{view}").status_code == 404
        answer = client.get(f"/v1/worklist/{broken['id']}/{view}")
        assert answer.status_code == 409 and answer.json()["error"] == "the image has no answer"
