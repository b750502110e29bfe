"""Answers on their way: to archives that are there, down, full, particular, or killed with us in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ComprehensiveSRStorage, SecondaryCaptureImageStorage

from edgefrac.serve.dicom.destinations import CREDENTIALS, parse_destination
from edgefrac.serve.dicom.senders import DicomSender
from edgefrac.serve.worklist import Worklist
from tests.serve.dcmtk import complaints, free_port, inconsistencies, needs, run, storescp
from tests.serve.dicom.conftest import OpenRoom
from tests.serve.dicom.peers import archive, web_server
from tests.serve.dicom.room import DicomRoom
from tests.serve.dicom.sources import changed, renamed
from tests.serve.dicom.test_envelope import NAMES, raw, with_raw

Phantoms = dict[str, list[Path]]
KILLS = 5
BOTH = (SecondaryCaptureImageStorage, ComprehensiveSRStorage)


def to(port: int) -> str:
    return f"dicom://ARCHIVE@127.0.0.1:{port}"


def receive(room: DicomRoom, *paths: Path) -> None:
    """As the node does it."""
    for path in paths:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        room.room.receive(path.read_bytes(), "dicom", header.SOPInstanceUID.encode())


@needs("storescu", "storescp", "dcmdump")
def test_from_storescu_to_storescp(phantoms: Phantoms, open_room: OpenRoom, tmp_path: Path) -> None:
    with storescp(tmp_path / "archive") as there:
        room = open_room(to(there.port))
        assert run("storescu", "127.0.0.1", str(room.port), *phantoms["xray"]).returncode == 0
        room.delivered(2)
        kinds = Counter(pydicom.dcmread(path).Modality for path in there.files())
        assert kinds == {"OT": 2, "SR": 2}
        assert all(run("dcmdump", path).returncode == 0 for path in there.files())
        assert [line for line in complaints(*there.files()) if "Error" in line] == []
        assert inconsistencies(*phantoms["xray"], *there.files()) == []
        room.forgotten()
        assert not list(room.room.state.incoming.iterdir())


@needs("storescp")
def test_an_archive_that_is_down_gets_it_later(phantoms: Phantoms, open_room: OpenRoom, tmp_path: Path) -> None:
    port = free_port()
    with storescp(tmp_path / "other") as up:
        room = open_room(to(port), to(up.port))
        receive(room, *phantoms["xray"])
        room.delivered(2)  # the one that is up waits for no other
        room.tried_in_vain("cannot be reached", 2)
        assert room.room.worklist.delivery_counts() == {"pending": 2, "delivered": 2, "failed": 0}
        assert len(list(room.room.state.envelopes.iterdir())) == 2
        with storescp(tmp_path / "archive", port=port) as there:
            room.delivered(4)
            assert len(there.files()) == 4
        room.forgotten()


@pytest.mark.parametrize(
    ("statuses", "outcome", "attempts"),
    [
        ((0x0000,), "delivered", 1),
        ((0xB000,), "delivered", 1),  # stored, with coercion
        ((0x0111,), "delivered", 1),  # there already
        ((0xA700, 0xA701, 0x0110, 0x0000), "delivered", 4),
        ((0xC000,), "failed", 1),
        ((0xA900,), "failed", 1),
        ((0x0122,), "failed", 1),
    ],
)
def test_what_an_archive_answers_decides(
    statuses: tuple[int, ...], outcome: str, attempts: int, phantoms: Phantoms, open_room: OpenRoom
) -> None:
    with archive(*statuses, classes=BOTH) as (port, _):
        room = open_room(to(port))
        receive(room, phantoms["xray"][0])
        {"delivered": room.delivered, "failed": room.failed}[outcome](1)
        (delivery,) = room.room.worklist.deliveries(room.done(1)[0].id)
        assert (delivery.state, delivery.attempts) == (outcome, attempts)
        assert delivery.error == (f"refused with status 0x{statuses[-1]:04X}" if outcome == "failed" else None)


def test_an_answer_is_for_the_thread_that_waits_for_it() -> None:
    with archive(0, classes=BOTH) as (port, _):
        sender = DicomSender(parse_destination(to(port)), "EDGEFRAC")  # type: ignore[arg-type]
        association = sender.associate()
        association.dimse.msg_queue.put((1, None))
        time.sleep(0.1)  # in which pynetdicom's thread looks for messages some fifty times
        assert association.dimse.get_msg(block=True) == (1, None)
        association.release()


def test_a_delivery_given_up_can_be_asked_for_again(phantoms: Phantoms, open_room: OpenRoom) -> None:
    with archive(0xC000, 0x0000, classes=BOTH) as (port, received):
        room = open_room(to(port))
        receive(room, phantoms["xray"][0])
        room.failed(1)
        assert room.room.worklist.retry(room.done(1)[0].id, time.time()) == 1
        room.outbox.wake()
        room.delivered(1)
        assert len(received) == 3
        assert received[0] == received[1]  # the overlay, again
        room.forgotten()


def test_an_archive_without_structured_reports(phantoms: Phantoms, open_room: OpenRoom) -> None:
    with archive(0, classes=(SecondaryCaptureImageStorage,)) as (port, received):
        room = open_room(to(port))
        receive(room, phantoms["xray"][0])
        room.failed(1)
        (delivery,) = room.room.worklist.deliveries(room.done(1)[0].id)
        assert delivery.error == "takes no Structured Reports"
        assert len(received) == 1  # the overlay is there


def test_an_archive_that_no_longer_is_one(phantoms: Phantoms, open_room: OpenRoom) -> None:
    gone = to(free_port())
    room = open_room(gone)
    receive(room, phantoms["xray"][0])
    room.done(1)
    room.close()
    with archive(0, classes=BOTH) as (port, _):
        again = open_room(to(port))
        (delivery,) = again.room.worklist.deliveries(again.done(1)[0].id)
        assert (delivery.state, delivery.error) == ("failed", "no longer a destination")


def test_of_an_unreadable_image_the_report_says_so(phantoms: Phantoms, open_room: OpenRoom, tmp_path: Path) -> None:
    def cut(dataset: pydicom.Dataset) -> None:
        dataset.PixelData = dataset.PixelData[:100]

    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(changed(phantoms["xray"][0].read_bytes(), cut))
    with archive(0, classes=BOTH) as (port, received):
        room = open_room(to(port))
        receive(room, damaged)
        room.delivered(1)
        assert room.done(1)[0].state == "unreadable"
        assert len(received) == 1
        assert b"it could not be read" in received[0]


@needs("storescp")
@pytest.mark.parametrize("name", ["Japanese", "Korean", "undeclared", "declared wrongly"])
def test_names_arrive_unharmed(name: str, open_room: OpenRoom, tmp_path: Path) -> None:
    charset, patient = NAMES[name]
    source = tmp_path / "source.dcm"
    source.write_bytes(with_raw({"SpecificCharacterSet": charset, "PatientName": patient}))
    with storescp(tmp_path / "archive", "+xe") as there:
        room = open_room(to(there.port))
        receive(room, source)
        room.delivered(1)
        for path in there.files():
            assert raw(path.read_bytes(), "PatientName") == raw(source.read_bytes(), "PatientName")


def _failed(reason: int) -> bytes:
    failed = {"00081150": {"vr": "UI", "Value": ["1.2"]}, "00081155": {"vr": "UI", "Value": ["1.2.3"]}}
    item = {**failed, "00081197": {"vr": "US", "Value": [reason]}}
    return json.dumps({"00081198": {"vr": "SQ", "Value": [item]}}).encode()


@pytest.mark.parametrize(
    ("answers", "outcome", "error"),
    [
        ([(200, b"{}")], "delivered", None),
        ([(503, b""), (429, b"busy"), (401, b""), (200, b"{}")], "delivered", None),
        ([(202, _failed(0xA700)), (200, b"{}")], "delivered", None),
        ([(409, _failed(0x0111))], "failed", "refused with HTTP 409"),
        ([(409, _failed(0xC000))], "failed", "refused with status 0xC000"),
        ([(202, _failed(0xA900))], "failed", "refused with status 0xA900"),
        ([(415, b"")], "failed", "refused with HTTP 415"),
    ],
)
def test_what_a_web_server_answers_decides(
    answers: list[tuple[int, bytes]], outcome: str, error: str | None, phantoms: Phantoms, open_room: OpenRoom
) -> None:
    with web_server(lambda n: answers[min(n, len(answers)) - 1]) as (url, requests):
        room = open_room(f"{url}/dicom-web")
        receive(room, phantoms["xray"][0])
        {"delivered": room.delivered, "failed": room.failed}[outcome](1)
        (delivery,) = room.room.worklist.deliveries(room.done(1)[0].id)
        assert (delivery.state, delivery.error, len(requests)) == (outcome, error, len(answers))
        assert {one["path"] for one in requests} == {"/dicom-web/studies"}
        assert len({one["body"] for one in requests}) == 1  # the same each time
        assert 'type="application/dicom"' in requests[0]["Content-Type"]


@pytest.mark.parametrize(
    ("known", "header"),
    [
        ({"bearer": "ZQTOKEN"}, "Bearer ZQTOKEN"),
        ({"user": "edge", "password": "frac"}, "Basic ZWRnZTpmcmFj"),
    ],
)
def test_credentials_reach_the_server_they_are_for(
    known: dict[str, str], header: str, phantoms: Phantoms, open_room: OpenRoom, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "credentials.json"
    file.touch(0o600)
    monkeypatch.setenv(CREDENTIALS, str(file))
    with web_server(lambda _: (200, b"{}")) as (url, requests), web_server(lambda _: (200, b"{}")) as (other, strange):
        file.write_text(json.dumps({url.removeprefix("http://"): known}))
        room = open_room(f"{url}/dicom-web", f"{other}/dicom-web")
        receive(room, phantoms["xray"][0])
        room.delivered(2)
        assert requests[0]["Authorization"] == header
        assert "Authorization" not in strange[0]


@needs("storescp", "storescu")
def test_killed_again_and_again_everything_arrives_once(phantoms: Phantoms, tiny_tflite: Path, tmp_path: Path) -> None:
    """Images are sent until acknowledged, the server is killed after each two, at any moment of what follows."""
    files = []
    for number in range(2 * KILLS):
        files.append(tmp_path / f"{number}.dcm")
        files[-1].write_bytes(changed(phantoms["xray"][0].read_bytes(), renamed(number)))
    with storescp(tmp_path / "archive") as there:
        left = list(files)
        for kill in range(KILLS):
            with _server(tmp_path / "state", tiny_tflite, to(there.port)) as port:
                left = [file for file in left if file not in left[:2] or not _stored(port, file)]
                time.sleep(0.02 * kill)
        with _server(tmp_path / "state", tiny_tflite, to(there.port)) as port:
            assert all(_stored(port, file) for file in left)
            _wait_until_delivered(tmp_path / "state", len(files))
        found = [pydicom.dcmread(path) for path in there.files()]
        assert Counter(one.Modality for one in found) == {"OT": len(files), "SR": len(files)}
        sources = Counter(one.SourceImageSequence[0].ReferencedSOPInstanceUID for one in found if one.Modality == "OT")
        assert sources == {f"1.2.3.{number + 1}": 1 for number in range(len(files))}


def _stored(port: int, file: Path) -> bool:
    return run("storescu", "127.0.0.1", str(port), file).returncode == 0


@contextmanager
def _server(state: Path, model: Path, destination: str) -> Iterator[int]:
    """A server of its own on a free port, which it ends without warning."""
    port = free_port()
    command = [sys.executable, "-m", "tests.serve.dicom.server", str(state), str(model), str(port), destination]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
    )
    try:
        assert child.stdout
        assert child.stdout.readline() == b"listening\n"
        yield port
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _wait_until_delivered(state: Path, count: int) -> None:
    """Seen through the database that the server has open."""
    end = time.monotonic() + 30
    while True:
        worklist = Worklist(state / "worklist.sqlite")
        counts = worklist.delivery_counts()
        worklist.close()
        if counts["delivered"] == count:
            return
        assert time.monotonic() < end, counts
        time.sleep(0.05)
