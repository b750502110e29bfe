"""The node and its callers: DCMTK's programs, and peers that are slow, huge, wrong or too many."""

from __future__ import annotations

import logging
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless
from pynetdicom.dimse_primitives import C_ECHO

from edgefrac.serve.dicom.node import NodeRules
from tests.disk import full_disk
from tests.serve.dcmtk import needs, run
from tests.serve.dicom.conftest import OpenRoom
from tests.serve.dicom.peers import Requester, split
from tests.serve.dicom.sources import changed, renamed

Phantoms = dict[str, list[Path]]
HERE = "127.0.0.1"


def store(port: int, *arguments: str | Path) -> tuple[int, str]:
    """``storescu``: its exit status and its words."""
    said = run("storescu", "-v", *arguments[:-1], HERE, str(port), arguments[-1])
    return said.returncode, said.stdout + said.stderr


@needs("echoscu")
def test_echo_and_who_may_call(open_room: OpenRoom) -> None:
    anybody, some = open_room(), open_room(state="other", rules=NodeRules(callers=frozenset({"XRAY 1", "CT"})))
    assert run("echoscu", HERE, str(anybody.port)).returncode == 0
    assert run("echoscu", "-aet", "XRAY 1", HERE, str(some.port)).returncode == 0
    refused = run("echoscu", "-aet", "STRANGER", HERE, str(some.port))
    assert refused.returncode != 0
    assert "Calling AE Title Not Recognized" in refused.stderr


def _plain(source: Path, _: Path) -> Path:
    return source


def _through(*command: str) -> Callable[[Path, Path], Path]:
    def convert(source: Path, target: Path) -> Path:
        done = run(command[0], *command[1:], source, target)
        assert done.returncode == 0, done.stderr
        return target

    return convert


def _jpeg_2000(source: Path, target: Path) -> Path:
    dataset = pydicom.dcmread(source)
    dataset.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg")
    dataset.save_as(target)
    return target


# how DCMTK proposes the syntax, how a file gets it, and whether its picture stays as it was
ENCODINGS = {
    "explicit little endian": ("-xe", _plain, True),
    "implicit little endian": ("-xi", _through("dcmconv", "+ti"), True),
    "explicit big endian": ("-xb", _through("dcmconv", "+tb"), True),
    "deflated": ("-xd", _through("dcmconv", "+td"), True),
    "RLE": ("-xr", _through("dcmcrle"), True),
    "JPEG baseline": ("-xy", _through("dcmcjpeg", "+eb"), False),
    "JPEG lossless": ("-xs", _through("dcmcjpeg", "+e1"), True),
    "JPEG-LS": ("-xt", _through("dcmcjpls"), True),
    "JPEG 2000": ("-xv", _jpeg_2000, True),
}


@needs("storescu", "dcmconv", "dcmcrle", "dcmcjpeg", "dcmcjpls")
def test_every_transfer_syntax_gets_the_same_answer(phantoms: Phantoms, open_room: OpenRoom, tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    room, exact = open_room(), {}
    for number, (name, (propose, convert, is_exact)) in enumerate(ENCODINGS.items()):
        # each an image of its own: the same one would not be answered again
        plain = tmp_path / f"{number}-plain.dcm"
        plain.write_bytes(changed(phantoms["xray"][0].read_bytes(), renamed(number)))
        file = convert(plain, tmp_path / f"{number}.dcm")
        status, said = store(room.port, propose, "-R" if propose in ("-xe", "-xi", "-xb") else "-v", file)
        assert (status, "Received Store Response (Success)" in said) == (0, True), (name, said)
        exact[number] = (name, is_exact)
    items = room.done(len(ENCODINGS))[::-1]
    first = items[0].answer
    assert first
    for item, (name, is_exact) in zip(items, exact.values(), strict=True):
        assert item.answer, (name, item.error)
        assert item.answer.probability == pytest.approx(first.probability, abs=0 if is_exact else 0.01), name


@needs("storescu")
@pytest.mark.parametrize("kind", ["xray", "ct", "mr"])
def test_kinds_of_images(kind: str, phantoms: Phantoms, open_room: OpenRoom) -> None:
    room = open_room()
    for path in phantoms[kind]:
        assert store(room.port, path)[0] == 0
    found = {(item.state, item.answer.picture.modality) for item in room.done(2) if item.answer}
    assert found == {("answered", {"xray": "DX", "ct": "CT", "mr": "MR"}[kind])}


@needs("storescu")
def test_a_full_queue_is_told_apart_from_a_bad_object(phantoms: Phantoms, open_room: OpenRoom) -> None:
    room = open_room(waiting=0)
    status, said = store(room.port, phantoms["xray"][0])
    assert "Refused: OutOfResources" in said
    assert status != 0
    assert room.room.worklist.counts()["waiting"] == 0


@needs("storescu")
def test_a_full_disk_is_told_and_nothing_is_promised(phantoms: Phantoms, open_room: OpenRoom) -> None:
    room = open_room()
    with full_disk():
        assert "Refused: OutOfResources" in store(room.port, phantoms["xray"][0])[1]
    assert not list(room.room.state.incoming.iterdir())
    assert store(room.port, phantoms["xray"][0])[0] == 0  # there is room again
    room.done(1)


def test_an_object_must_be_what_the_request_says(phantoms: Phantoms, open_room: OpenRoom) -> None:
    room = open_room()
    data = phantoms["xray"][0].read_bytes()
    header = pydicom.dcmread(phantoms["xray"][0])
    syntax, encoded = split(data)
    peer = Requester(room.port, header.SOPClassUID, syntax)
    assert peer.store(encoded, "1.2.3.4.5") == 0xA900
    ct = Requester(room.port, "1.2.840.10008.5.1.4.1.1.2", syntax)
    assert ct.store(encoded, header.SOPInstanceUID) == 0xA900
    for garbage in (b"\0" * 100, b"garbage" * 50, encoded[:20]):
        assert peer.store(garbage, header.SOPInstanceUID) == 0xC000, garbage[:20]
    assert room.room.worklist.counts() == {"waiting": 0, "answered": 0, "unreadable": 0}
    assert peer.store(encoded, header.SOPInstanceUID) == 0
    assert peer.store(encoded[:-1000], header.SOPInstanceUID) == 0  # the same image, whatever else it is now
    assert room.done(1)[0].state == "answered"
    peer.close()
    ct.close()


@needs("storescu", "echoscu")
def test_an_object_above_the_limit_is_refused_while_it_arrives(
    phantoms: Phantoms, open_room: OpenRoom, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room = open_room(rules=NodeRules(object_bytes=1 << 20))

    def grow(dataset: pydicom.Dataset) -> None:
        dataset.NumberOfFrames = 64
        dataset.PixelData = dataset.PixelData * 64

    large = tmp_path / "large.dcm"
    large.write_bytes(changed(phantoms["xray"][0].read_bytes(), grow))
    assert large.stat().st_size > 8 << 20
    with caplog.at_level(logging.WARNING):
        assert store(room.port, large)[0] != 0
    assert "an object of more than 1 MiB was refused" in caplog.text
    assert run("echoscu", HERE, str(room.port)).returncode == 0
    assert room.room.worklist.counts()["waiting"] == 0


def test_a_peer_that_announces_four_gigabytes_is_cut_off(open_room: OpenRoom) -> None:
    room = open_room()
    with socket.create_connection((HERE, room.port), timeout=10) as peer:
        peer.sendall(struct.pack(">BBL", 1, 0, 0xFFFFFFFF))
        assert _closed(peer) < 2


def test_a_peer_that_dawdles_is_cut_off(open_room: OpenRoom) -> None:
    room = open_room(rules=NodeRules(seconds=0.6))
    silent, slow = (socket.create_connection((HERE, room.port), timeout=10) for _ in range(2))
    with silent, slow:
        slow.sendall(struct.pack(">BBL", 1, 0, 1000))
        end = time.monotonic() + 5
        try:
            while time.monotonic() < end:
                slow.sendall(b"\0")  # each byte in time, the whole never
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() < end, "it was let dawdle"
        assert _closed(silent) < 3


@needs("echoscu")
def test_too_many_peers_are_turned_away_and_others_served_afterwards(open_room: OpenRoom) -> None:
    room = open_room(rules=NodeRules(associations=2, seconds=5))
    crowd = [socket.create_connection((HERE, room.port), timeout=10) for _ in range(40)]
    time.sleep(0.3)
    assert len(room.node._server.active_associations) <= 4  # type: ignore[union-attr]
    for peer in crowd:
        peer.close()
    end = time.monotonic() + 10
    while run("echoscu", HERE, str(room.port)).returncode:
        assert time.monotonic() < end
    first, second = (Requester(room.port, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2") for _ in range(2))
    assert run("echoscu", HERE, str(room.port)).returncode != 0  # a third one
    first.close()
    second.close()


def test_a_peer_that_does_not_wait_for_answers_is_cut_off(phantoms: Phantoms, open_room: OpenRoom) -> None:
    room = open_room()
    header = pydicom.dcmread(phantoms["xray"][0])
    peer = Requester(room.port, header.SOPClassUID, header.file_meta.TransferSyntaxUID)
    context = peer.association.accepted_contexts[0].context_id
    for number in range(1, 200):
        request = C_ECHO()
        request.MessageID, request.AffectedSOPClassUID = number, "1.2.840.10008.1.1"
        peer.association.dimse.send_msg(request, context)
    end = time.monotonic() + 10
    while peer.association.is_established:
        assert time.monotonic() < end
        time.sleep(0.02)


@needs("storescu", "echoscu")
def test_nothing_of_anybody_is_said(
    phantoms: Phantoms, open_room: OpenRoom, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder,
) -> None:  # fmt: skip
    """At the level of debugging: good and bad objects, callers that are let in and those that are not."""
    caplog.set_level(logging.DEBUG)
    room = open_room(rules=NodeRules(callers=frozenset({"ZQCALLER"})))

    def mark(dataset: pydicom.Dataset) -> None:
        dataset.PatientName, dataset.PatientID, dataset.StudyDescription = "ZQNAME^ZQFIRST", "ZQID", "ZQSTUDY"
        dataset.AccessionNumber = "ZQACCESSION"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.826.99999.1"

    marked = tmp_path / "ZQFILE.dcm"
    marked.write_bytes(changed(phantoms["xray"][0].read_bytes(), mark))
    run("echoscu", "-aet", "ZQSTRANGER", "-aec", "ZQCALLED", HERE, str(room.port))
    assert store(room.port, "-aet", "ZQCALLER", marked)[0] == 0
    syntax, encoded = split(marked.read_bytes())
    peer = Requester(room.port, "1.2.840.10008.5.1.4.1.1.1.1", syntax, "ZQCALLER")
    peer.store(encoded, "1.2.826.99999.7")
    peer.store(encoded.replace(b"ZQNAME", b"\xff\xff\xff\xff\xff\xff")[:3000], "1.2.826.99999.1")
    peer.association.abort()
    room.done(1)
    room.close()
    warned = [str(one.message) for one in recwarn if one.category is not ResourceWarning]
    said = "".join((caplog.text, *capfd.readouterr(), *warned))
    assert "image " in said  # it does speak
    assert {record.name.split(".")[0] for record in caplog.records} == {"edgefrac"}
    for secret in ("ZQ", "99999", HERE):
        assert secret not in said, said[max(0, said.find(secret) - 200) :][:400]


def _closed(peer: socket.socket) -> float:
    """Seconds until the other side has closed; what it says before that is read away."""
    started = time.monotonic()
    try:
        while peer.recv(4096):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - started
