"""``kill -9`` at any moment: what was acknowledged is answered, and once."""

from __future__ import annotations

import collections
import random
import re
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.serve.running import Server, all_done, radiograph, serving


class Sender:
    """Sends new images until it is stopped, several at a time; knows which were acknowledged."""

    def __init__(self, server: Server) -> None:
        self.acknowledged: dict[str, bytes] = {}
        self.unsure: list[bytes] = []
        self._server, self._stop = server, threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        with self._server.client() as client:
            while not self._stop.is_set():
                image = radiograph()
                try:
                    answer = client.post("/v1/worklist", content=image)
                except httpx.HTTPError:
                    self.unsure.append(image)
                    return
                if answer.status_code == 202:
                    self.acknowledged[answer.json()[0]["id"]] = image

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_no_acknowledged_image_is_lost_or_answered_twice(kills: int, tiny_tflite: Path, tmp_path: Path) -> None:
    chance, state = random.Random(kills), tmp_path / "state"
    acknowledged: dict[str, bytes] = {}
    unsure: list[bytes] = []
    log = ""
    options = ("--readers", "2", "--requests-per-second", "0", "--waiting", "100000")
    for _ in range(kills):
        with serving(tiny_tflite, state, *options) as server:
            sender = Sender(server)
            time.sleep(chance.uniform(0.05, 0.6))
            server.end(signal.SIGKILL)
            sender.stop()
            log += server.output
        acknowledged |= sender.acknowledged
        unsure += sender.unsure
    assert len(acknowledged) > 3 * kills
    with serving(tiny_tflite, state, *options) as server, server.client() as client:
        all_done(client, 60)
        for id_, image in acknowledged.items():
            assert client.get(f"/v1/worklist/{id_}").json()["state"] == "answered"
            assert client.post("/v1/worklist", content=image).json() == [{"id": id_, "new": False}]
        # an image whose acknowledgement was lost can be sent again, and is one image then, too
        for image in unsure:
            client.post("/v1/worklist", content=image).raise_for_status()
        all_done(client, 60)
        counts = client.get("/v1/worklist").json()["counts"]
        assert counts == {"waiting": 0, "answered": len(acknowledged) + len(unsure), "unreadable": 0}
        server.end()
        log += server.output
    answered = collections.Counter(re.findall(r"image (\w+): answered", log))
    assert set(answered.values()) == {1}
    assert not list((state / "incoming").iterdir())
    assert len(list((state / "images").iterdir())) == len(acknowledged) + len(unsure)
