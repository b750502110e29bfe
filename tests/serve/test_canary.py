"""Hundreds of planted values come to the server in images, names, headers and queries, and stay nowhere in it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
from pathlib import Path

import httpx

from tests.privacy.canary import Planted, planted_images, secret, secrets_of
from tests.privacy.search import contents, leaks
from tests.serve.running import all_done, as_files, serving, wait_until

VIEWS = ("", "/values", "/greys", "/heat.png", "/overlay.png", "/report.html")
OPEN = ("/v1/worklist", "/v1/worklist?state=unreadable", "/metrics", "/v1/model", "/openapi.json")


def test_a_canary_that_sings_is_heard(tmp_path: Path) -> None:
    images = planted_images()
    secrets = secrets_of(images)
    assert len(secrets) > 330
    for name, image in images.items():
        (tmp_path / name).write_bytes(image.data)
    heard = {value for _, value in leaks(secrets, contents(tmp_path))}
    # compressed text in a PNG is read as a picture's, and a damaged file may have lost some
    assert len(heard) > 330 and all(name.split(".")[0] in heard for name in images)


def send(client: httpx.Client, images: dict[str, Planted]) -> tuple[list[str], dict[str, bytes], list[str]]:
    """Send the images by every way of HTTP; further secrets, answers that must not hold any, ids of the work list."""
    secrets, answers, ids = [], {}, []

    def hidden(kind: str) -> str:
        secrets.append(secret(kind))
        return secrets[-1]

    def headers() -> dict[str, str]:
        names = ("User-Agent", "Referer", "Cookie", "X-Patient", "Content-Disposition", "Accept-Language", "From")
        return {name: hidden("header") for name in names} | {f"X-{hidden('headername')}": "1"}

    for number, image in enumerate(images.values()):
        ask = {"headers": headers(), "params": {"patient": hidden("query"), hidden("querykey"): "1"}}
        received = client.post("/v1/worklist", content=image.data, **ask)  # type: ignore[arg-type]
        ids.append(received.json()[0]["id"])
        answers[f"receipt {number}"] = received.content + repr(received.headers).encode()
        alone = client.post("/v1/predict", content=image.data, **ask)  # type: ignore[arg-type]
        drawn = client.post("/v1/explain", content=image.data, headers={**headers(), "Accept": "image/png"})
        answers |= {f"prediction {number}": alone.content, f"picture {number}": drawn.content}
    files = as_files([(name, image.data) for name, image in images.items()])
    answers["receipts"] = client.post("/v1/worklist", files=files).content
    rows = client.post("/v1/predict", files=files).json()
    assert [row.pop("file") for row in rows] == list(images), "each name goes back to who sent it"
    answers["rows"] = json.dumps(rows).encode()
    wrong = [
        client.get(f"/v1/worklist/{hidden('path')}"),
        client.get(f"/{hidden('path')}/{hidden('path')}"),
        client.post("/v1/predict", params={"window": hidden("window")}, content=b"x"),
        client.get("/v1/worklist", params={"state": hidden("state"), "limit": hidden("limit")}),
        client.request(hidden("method").replace("0", "O"), "/v1/worklist"),
        client.post("/login", json={"token": hidden("token"), hidden("key"): hidden("value")}),
        client.post("/v1/worklist", files=[(hidden("field"), (hidden("file"), b"x", hidden("type")))]),
        client.post("/v1/worklist", content=b"x", headers={"Content-Encoding": hidden("encoding")}),
        client.post("/v1/worklist", content=b"x", headers={"Origin": f"http://{hidden('origin')}.example"}),
        client.get("/v1/worklist", headers={"Host": f"{hidden('host')}.example"}),
        client.get("/v1/worklist", headers={"If-None-Match": hidden("tag"), "Authorization": f"Bearer {hidden('b')}"}),
    ]
    answers |= {f"refusal {number}": answer.content for number, answer in enumerate(wrong)}
    answers["malformed"] = malformed(client, hidden("request"), hidden("request"))
    return secrets, answers, ids


def malformed(client: httpx.Client, *secrets: str) -> bytes:
    """What the server says to a request that is not HTTP."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as connection:
        connection.sendall(f"GET /{secrets[0]}\r\n{secrets[1]}\r\n\r\n".encode())
        return connection.recv(4096)


def test_nothing_planted_stays_anywhere(tiny_tflite: Path, tmp_path: Path) -> None:
    images, state, folder = planted_images(), tmp_path / "state", tmp_path / "folder"
    folder.mkdir()
    watched = planted_images()
    for name, image in watched.items():
        (folder / name).write_bytes(image.data + b" ")
    with serving(tiny_tflite, state, "--readers", "2", "--watch", folder, "--requests-per-second", "0") as server:
        with server.client() as client:
            secrets, places, ids = send(client, images)
            secrets += secrets_of(images) + secrets_of(watched)
            assert len(set(secrets)) > 600
            all_done(client)
            wait_until(lambda: not [path for path in folder.iterdir() if path.is_file()], 30)
            places |= seen(client, ids)
        wait_until(lambda: not list((state / "incoming").iterdir()))
        places |= {"printed": server.output.encode(), **contents(state)}
        places |= {"papers": b"".join(path.read_bytes() for path in papers(folder))}
        assert leaks(secrets, places) == []
        # nor what tells whether an image that somebody has was here
        digests = [hashlib.sha256(image.data).digest() for image in images.values()]
        assert not [place for place, content in places.items() if any(digest in content for digest in digests)]
        assert len(papers(folder)) >= len(watched)
        server.end()
    assert leaks(secrets, {"printed": server.output.encode(), **contents(state)}) == []
    states = json.loads(places["/v1/worklist"])["counts"]
    assert states["answered"] >= 10 and states["unreadable"] >= 5


def seen(client: httpx.Client, ids: list[str]) -> dict[str, bytes]:
    """Everything that the server tells of its images."""
    paths = [*OPEN, *(f"/v1/worklist/{id_}{view}" for id_ in ids for view in VIEWS)]
    return {path: client.get(path).content for path in paths}


def papers(folder: Path) -> list[Path]:
    """What was laid beside the images of a watched folder."""
    return [
        path
        for where in ("answered", "unreadable")
        for path in (folder / where).iterdir()
        for ending in (".edgefrac.json", ".edgefrac.png", ".txt")
        if path.name.endswith(ending) and path.with_name(path.name.removesuffix(ending)).exists()
    ]


def test_nothing_of_an_image_stays_where_readers_crash(tiny_tflite: Path, tmp_path: Path) -> None:
    image, state = planted_images().popitem()[1], tmp_path / "state"
    with serving(tiny_tflite, state, "--readers", "1") as server, server.client() as client:
        (reader,) = server.readers()
        os.kill(reader, signal.SIGSTOP)
        client.post("/v1/worklist", content=image.data).raise_for_status()
        os.kill(reader, signal.SIGKILL)
        wait_until(lambda: "edgefrac_readers_replaced_total 1.0" in client.get("/metrics").text)
        all_done(client)
        places = {"list": client.get("/v1/worklist").content, "printed": server.output.encode(), **contents(state)}
        assert leaks(image.secrets, places) == []
