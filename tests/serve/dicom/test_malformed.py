"""Malformed objects and protocol data: refused, or in the work list as unreadable; the node lives on."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from tests.serve.dcmtk import needs, run
from tests.serve.dicom.conftest import OpenRoom
from tests.serve.dicom.peers import Requester, split

Phantoms = dict[str, list[Path]]
HERE = "127.0.0.1"


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """The data set with some damage: bits flipped, cut short, a piece gone, doubled, or filled; lengths made huge."""
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 6))):
        # more often in the header than its share of the bytes
        at = int(random.integers(0, min(len(changed), 2500) if random.random() < 0.7 else len(changed)))
        size = int(random.integers(1, 64))
        kind = int(random.integers(0, 6))
        if kind == 0:
            changed[at] ^= 1 << int(random.integers(0, 8))
        elif kind == 1 and random.random() < 0.3:
            del changed[max(at, 16) :]
        elif kind == 2:
            del changed[at : at + size]
        elif kind == 3:
            changed[at:at] = changed[at : at + size]
        elif kind == 4:
            changed[at : at + size] = random.bytes(size)
        else:
            changed[at : at + 4] = b"\xff\xff\xff\x7f"
        if len(changed) < 32:
            break
    return bytes(changed)


def sources(phantoms: Phantoms) -> list[tuple[str, str, str, bytes]]:
    """SOP class, SOP instance, transfer syntax and data set of images in several encodings."""
    found = []
    for kind, syntax in (("xray", None), ("ct", None), ("mr", RLELossless), ("xray", JPEGLSLossless),
                         ("ct", JPEG2000Lossless)):  # fmt: skip
        dataset = pydicom.dcmread(phantoms[kind][0])
        if syntax:
            dataset.compress(syntax)
        written = pydicom.filebase.DicomBytesIO()
        dataset.save_as(written)
        found.append((dataset.SOPClassUID, dataset.SOPInstanceUID, *split(written.getvalue())))
    return found  # type: ignore[return-value]


@needs("echoscu")
@pytest.mark.parametrize("count", [80, pytest.param(1000, marks=pytest.mark.slow)])
def test_malformed_objects(count: int, phantoms: Phantoms, open_room: OpenRoom) -> None:
    pytest.importorskip("openjpeg")
    pytest.importorskip("jpeg_ls")
    room, random = open_room(), np.random.default_rng(1)
    originals = sources(phantoms)
    peers: dict[str, Requester] = {}
    statuses: Counter[str] = Counter()
    for number in range(count):
        sop_class, instance, syntax, data = originals[number % len(originals)]
        # an instance of its own, of the same length, so that each is a new image
        name = f"{instance[:-6]}{number + 100000}"
        damaged = mutated(data.replace(instance.encode(), name.encode()), random)
        peer = peers.get(sop_class + syntax)
        if peer is None or not peer.association.is_established:
            peer = peers[sop_class + syntax] = Requester(room.port, sop_class, syntax)
            assert peer.association.is_established, f"no association after {number} objects"
        status = peer.store(damaged, name)
        statuses["cut off" if status is None else f"{status:04X}"] += 1
    for peer in peers.values():
        peer.close()
    assert set(statuses) <= {"0000", "A900", "C000"}, statuses
    assert statuses["0000"] > count // 3, statuses
    assert statuses["C000"] > 0, statuses
    items = room.done(statuses["0000"], seconds=count)
    assert Counter(item.state for item in items)["unreadable"] > count // 20
    assert room.room.worklist.counts()["waiting"] == 0
    assert not list(room.room.state.incoming.iterdir())
    assert run("echoscu", HERE, str(room.port)).returncode == 0


@needs("echoscu")
@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_malformed_protocol(count: int, phantoms: Phantoms, open_room: OpenRoom) -> None:
    """Damaged association requests, and damaged messages after good ones."""
    room, random = open_room(), np.random.default_rng(2)
    request, message = _recorded(phantoms["xray"][0])
    for number in range(count):
        with socket.create_connection((HERE, room.port), timeout=10) as peer:
            try:
                if number % 2:
                    peer.sendall(_damaged(request, random))
                else:
                    peer.sendall(request)
                    peer.recv(65536)
                    peer.sendall(_damaged(message, random))
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass
            except OSError:
                pass  # cut off
    assert run("echoscu", HERE, str(room.port)).returncode == 0
    end = time.monotonic() + 10
    while room.node._server.active_associations:  # type: ignore[union-attr]
        assert time.monotonic() < end, "connections are left behind"
        time.sleep(0.05)
    assert len([thread for thread in threading.enumerate() if "run_reactor" in thread.name]) < 4
    assert {item.state for item in room.room.worklist.items(count)} <= {"answered", "unreadable", "waiting"}


def _damaged(data: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 4))):
        at = int(random.integers(0, min(len(changed), 400)))
        if random.random() < 0.3:
            del changed[at : at + int(random.integers(1, 8))]
        else:
            changed[at] = int(random.integers(0, 256))
    return bytes(changed)


def _recorded(path: Path) -> tuple[bytes, bytes]:
    """The bytes of an association request, and of the C-STORE request that follows, as pynetdicom sends them."""
    sent: list[bytes] = []
    listener = socket.create_server((HERE, 0))
    port = listener.getsockname()[1]

    def pass_on() -> None:
        node, _ = listener.accept()
        with node:
            sent.append(node.recv(1 << 20))

    # the request needs no answer to be recorded; the message is laid out by hand below
    thread = threading.Thread(target=pass_on)
    thread.start()
    header = pydicom.dcmread(path)
    syntax, encoded = split(path.read_bytes())
    Requester(port, header.SOPClassUID, syntax)
    thread.join()
    listener.close()
    return sent[0], _message(header, encoded)


def _message(header: pydicom.Dataset, encoded: bytes) -> bytes:
    """C-STORE-RQ on presentation context 1: command set and data set, a PDU each (PS3.7 9.3.1, PS3.8 9.3.5)."""
    elements = [
        (0x0002, header.SOPClassUID.encode() + b"\0" * (len(header.SOPClassUID) % 2)),
        (0x0100, struct.pack("<H", 1)),
        (0x0110, struct.pack("<H", 1)),
        (0x0700, struct.pack("<H", 2)),
        (0x0800, struct.pack("<H", 1)),
        (0x1000, header.SOPInstanceUID.encode() + b"\0" * (len(header.SOPInstanceUID) % 2)),
    ]
    body = b"".join(struct.pack("<HHL", 0, element, len(value)) + value for element, value in elements)
    command = struct.pack("<HHLL", 0, 0, 4, len(body)) + body
    pdus = b""
    for control, data in ((3, command), (2, encoded[:60000])):
        value = struct.pack(">LBB", len(data) + 2, 1, control) + data
        pdus += struct.pack(">BBL", 4, 0, len(value)) + value
    return pdus
