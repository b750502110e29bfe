"""The REST interface answers as the command line does, stores only what it is told to, and pages its work list."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from edgefrac.explanation import explained, picture_of
from edgefrac.imaging.read import read_radiograph
from edgefrac.prediction import load, predict_file
from tests import tflite_model
from tests.imaging.files import dicom, noise, png
from tests.serve.running import Server, all_done, as_files, radiograph


def put(client: httpx.Client, data: bytes) -> str:
    """Put an image in the work list; its id."""
    (received,) = client.post("/v1/worklist", content=data).raise_for_status().json()
    return str(received["id"])


def test_a_prediction_is_that_of_the_command_line(client: httpx.Client, tiny_tflite: Path, tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    file.write_bytes(radiograph())
    (row,) = client.post("/v1/predict", content=file.read_bytes()).raise_for_status().json()
    expected = predict_file(load(tiny_tflite), file)
    assert row["milliseconds"] > 0
    assert row == {**expected, "file": "", "model": "tiny", "milliseconds": row["milliseconds"]}


def test_a_batch_keeps_its_order_and_says_which_image_cannot_be_read(client: httpx.Client, tiny_tflite: Path) -> None:
    images = [(f"{number}.png", radiograph()) for number in range(40)]
    images[7] = ("Müller^Jörg.dcm", b"no image")
    rows = client.post("/v1/predict", files=as_files(images)).raise_for_status().json()
    assert [row["file"] for row in rows] == [name for name, _ in images]
    assert rows[7] == {"file": "Müller^Jörg.dcm", "error": "the image: text, not an image"}
    alone = client.post("/v1/predict", content=images[23][1]).json()[0]
    assert rows[23]["probability"] == alone["probability"]


def test_an_image_alone_that_cannot_be_read_is_an_error(client: httpx.Client) -> None:
    for path in ("/v1/predict", "/v1/explain"):
        answer = client.post(path, content=b"no image")
        assert answer.status_code == 422
        assert answer.json()["error"] == "the image: text, not an image"
        assert "DICOM" in answer.json()["hint"]


def test_a_window_changes_what_is_seen(client: httpx.Client) -> None:
    image = dicom(noise(48, 48, high=4096), Modality="CR")
    seen = {
        window: client.post("/v1/predict", params=window and {"window": window}, content=image).json()[0]["probability"]
        for window in ("", "100,50", "4000,50")
    }
    assert seen["100,50"] > seen[""] > seen["4000,50"]


@pytest.mark.parametrize("window", ["1,0", "1", "a,b", "1,2,3", "nan,5", "no-preset", "1" * 65])
def test_an_impossible_window_is_an_error(client: httpx.Client, window: str) -> None:
    answer = client.post("/v1/predict", params={"window": window}, content=radiograph())
    assert answer.status_code == 422 and answer.json()["error"].startswith("window")


def test_an_explanation_is_that_of_the_command_line(client: httpx.Client, tiny_tflite: Path, tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    file.write_bytes(png(noise(48, 64)))
    row = client.post("/v1/explain", content=file.read_bytes()).raise_for_status().json()
    radiograph_ = read_radiograph(file)
    expected = explained(load(tiny_tflite), radiograph_, file)
    assert row == {**expected.row, "file": "", "model": "tiny"}
    drawn = client.post("/v1/explain", content=file.read_bytes(), headers={"Accept": "image/png"})
    assert drawn.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(drawn.content))
    assert np.array_equal(np.asarray(picture), np.asarray(picture_of(expected, radiograph_)))


def test_one_image_at_a_time_is_explained(client: httpx.Client) -> None:
    answer = client.post("/v1/explain", files=as_files([("a", radiograph()), ("b", radiograph())]))
    assert answer.status_code == 422


def test_what_is_predicted_is_not_stored(client: httpx.Client) -> None:
    before = client.get("/v1/worklist").json()
    client.post("/v1/predict", content=radiograph()).raise_for_status()
    assert client.get("/v1/worklist").json() == before


def test_an_image_of_the_work_list_is_answered_once(client: httpx.Client) -> None:
    image = radiograph()
    id_ = put(client, image)
    all_done(client)
    item = client.get(f"/v1/worklist/{id_}").json()
    expected = client.post("/v1/predict", content=image).json()[0]
    assert item["state"] == "answered" and item["answer"]["probability"] == expected["probability"]
    assert item["received"] <= item["finished"]
    assert item["deliveries"] == []
    assert client.post("/v1/worklist", content=image).json() == [{"id": id_, "new": False}]
    assert client.get(f"/v1/worklist/{id_}").json() == item


def test_an_image_that_cannot_be_read_says_why(client: httpx.Client) -> None:
    id_ = put(client, b"neither this nor that")
    all_done(client)
    item = client.get(f"/v1/worklist/{id_}").json()
    assert (item["state"], item["error"], item["answer"]) == ("unreadable", "the image: text, not an image", None)


def test_an_image_can_be_forgotten(client: httpx.Client, room: Server) -> None:
    id_ = put(client, radiograph())
    all_done(client)
    assert client.delete(f"/v1/worklist/{id_}").status_code == 204
    for answer in (client.get(f"/v1/worklist/{id_}"), client.delete(f"/v1/worklist/{id_}")):
        assert answer.status_code == 404 and answer.json()["error"]


def test_the_list_says_when_nothing_has_changed(client: httpx.Client) -> None:
    all_done(client)
    first = client.get("/v1/worklist")
    again = client.get("/v1/worklist", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    put(client, radiograph())
    changed = client.get("/v1/worklist", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200 and changed.headers["ETag"] != first.headers["ETag"]


def test_the_list_is_paged_and_filtered(client: httpx.Client) -> None:
    ids = [put(client, radiograph()) for _ in range(5)] + [put(client, b"no image, but bytes of their own")]
    all_done(client)
    newest = client.get("/v1/worklist", params={"limit": 2}).json()
    assert [item["id"] for item in newest["items"]] == ids[:3:-1]
    older = client.get("/v1/worklist", params={"limit": 3, "before": newest["items"][-1]["number"]}).json()
    assert [item["id"] for item in older["items"]] == ids[3:0:-1]
    unreadable = client.get("/v1/worklist", params={"state": "unreadable", "limit": 1}).json()
    assert [item["id"] for item in unreadable["items"]] == ids[-1:]
    assert newest["counts"]["answered"] >= 5 and newest["deliveries"] == {"pending": 0, "delivered": 0, "failed": 0}


def test_the_model_says_what_it_is(client: httpx.Client) -> None:
    model = client.get("/v1/model").json()
    contract = tflite_model.contract()
    assert (model["name"], model["target"], model["input_size"]) == ("tiny", "tflite", tflite_model.SIZE)
    assert model["task"]["threshold"] == contract.task().threshold
    assert model["intended_use"] == contract.intended_use and not model["has_certificate"]
    assert client.get("/v1/certificate").status_code == client.get("/v1/model-card").status_code == 404


def test_what_prometheus_is_told(client: httpx.Client) -> None:
    def count(line: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return next((float(each.split()[-1]) for each in lines if each.startswith(line)), 0.0)

    watched = [
        'edgefrac_images_total{origin="api",state="answered"}',
        'edgefrac_images_total{origin="call",state="answered"}',
        'edgefrac_images_total{origin="call",state="unreadable"}',
        'edgefrac_requests_total{method="POST",route="/v1/worklist",status="202"}',
        "edgefrac_reading_seconds_count",
        'edgefrac_worklist_images{state="answered"}',
    ]
    before = [count(line) for line in watched]
    put(client, radiograph())
    client.post("/v1/predict", content=radiograph())
    client.post("/v1/predict", content=b"no image")
    all_done(client)
    assert [count(line) - first for line, first in zip(watched, before, strict=True)] == [1, 1, 1, 1, 2, 1]
    assert count("edgefrac_readers_up") == 2


def test_a_resource_names_all_its_methods(client: httpx.Client) -> None:
    assert client.request("PATCH", f"/v1/worklist/{'0' * 32}").headers["Allow"] == "DELETE, GET"


@pytest.mark.parametrize("method, path, status", [("GET", "/v1/nothing", 404), ("PUT", "/v1/predict", 405)])
def test_what_is_not_there_is_an_error_in_json(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status and answer.json()["error"]


@pytest.mark.parametrize(
    "body, kind",
    [
        (b"", "application/octet-stream"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data"),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n', "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="other"; filename="b"\r\n\r\nb\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
    ],
    ids=["empty", "no-part", "no-multipart", "no-boundary", "a-field", "another-name"],
)
def test_a_body_without_images_is_an_error(client: httpx.Client, body: bytes, kind: str) -> None:
    for path in ("/v1/predict", "/v1/worklist"):
        answer = client.post(path, content=body, headers={"Content-Type": kind})
        assert answer.status_code == 400 and answer.json()["error"]


def test_a_browser_is_told_to_do_no_more_than_show(client: httpx.Client) -> None:
    for path in ("/", "/v1/model", "/v1/nothing", "/static/index.html"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
        assert "server" not in headers
