"""The room keeps every image that it took, answers it once, and forgets what is done after its time."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefrac.errors import BusyError, OutputError, UsageError
from edgefrac.imaging.read import decode_radiograph
from edgefrac.serve import numbers, service
from edgefrac.serve.readers import Readers
from edgefrac.serve.service import ReadingRoom, Rules
from edgefrac.serve.state import State
from edgefrac.serve.worklist import Item, Worklist, new_id
from tests.disk import full_disk
from tests.imaging.files import dicom, noise
from tests.serve.dicom import sources
from tests.serve.running import own_readers, radiograph, wait_until

Open = Callable[..., ReadingRoom]
_AT_ONCE = 8
"""More than one reader's room lets be at work."""


@pytest.fixture
def open_room(tiny_tflite: Path, tmp_path: Path) -> Iterator[Open]:
    """Opens rooms, one after the other, in the same state folder."""
    opened: list[ReadingRoom] = []

    def one(count: int = 1, **rules: float) -> ReadingRoom:
        room = ReadingRoom(State(tmp_path / "state"), Readers(tiny_tflite, count), rules=Rules(**rules))  # type: ignore[arg-type]
        opened.append(room)
        room.start()
        return room

    yield one
    for room in opened:
        signal_readers(signal.SIGCONT)
        room.close()


def signal_readers(which: signal.Signals) -> None:
    for child in own_readers():
        os.kill(child, which)


def done(room: ReadingRoom, id_: str) -> Item:
    """The image once it is done."""
    wait_until(lambda: (item := room.worklist.item(id_)) and item.state != "waiting")
    item = room.worklist.item(id_)
    assert item
    return item


def test_an_image_that_costs_one_reader_is_read_again(open_room: Open) -> None:
    room = open_room()
    signal_readers(signal.SIGSTOP)
    receipt = room.receive(radiograph(), "api")
    time.sleep(0.2)
    signal_readers(signal.SIGKILL)
    item = done(room, receipt.id)
    assert (item.state, item.lost_readers, room.readers.replaced) == ("answered", 1, 1)


def test_an_image_that_costs_two_readers_is_refused(open_room: Open) -> None:
    room = open_room()
    receipt = room.receive(dicom(np.zeros((6000, 6000), np.uint16)), "api")  # takes long enough to be killed over
    for replaced in (1, 2):
        wait_until(lambda: room.readers.up == 1 and room.readers.waiting == 0)
        time.sleep(0.2)
        signal_readers(signal.SIGKILL)
        wait_until(lambda replaced=replaced: room.readers.replaced == replaced)  # type: ignore[misc]
    item = done(room, receipt.id)
    assert (item.state, item.error) == ("unreadable", "the image: its decoder crashed")
    assert done(room, room.receive(radiograph(), "api").id).state == "answered"


def test_the_same_image_from_many_sides_is_one(open_room: Open) -> None:
    room, image = open_room(), radiograph()
    receipts = []
    threads = [threading.Thread(target=lambda: receipts.append(room.receive(image, "api"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({receipt.id for receipt in receipts}) == 1 and sum(receipt.new for receipt in receipts) == 1
    done(room, receipts[0].id)
    assert not room.receive(image, "folder").new
    assert sum(room.worklist.counts().values()) == 1
    wait_until(lambda: not list(room.state.incoming.iterdir()))


def test_an_identity_makes_the_image(open_room: Open) -> None:
    room = open_room()
    first = room.receive(radiograph(), "dicom", b"1.2.3")
    assert room.receive(radiograph(), "dicom", b"1.2.3").id == first.id
    assert room.receive(radiograph(), "dicom", b"1.2.4").new
    item = room.worklist.item(first.id)
    assert item and b"1.2.3" not in item.key and len(item.key) == 32


def test_a_room_that_is_full_refuses_and_then_takes_again(open_room: Open) -> None:
    room = open_room(waiting=3)
    signal_readers(signal.SIGSTOP)
    receipts = []
    with pytest.raises(BusyError, match="3 images wait already"):
        for _ in range(20):
            receipts.append(room.receive(radiograph(), "api"))
            time.sleep(0.02)
    assert room.full and 3 <= len(receipts) <= 8
    signal_readers(signal.SIGCONT)
    assert all(done(room, receipt.id).state == "answered" for receipt in receipts)
    assert room.receive(radiograph(), "api").new


def test_what_was_not_read_is_read_by_the_next_room(open_room: Open) -> None:
    room = open_room()
    signal_readers(signal.SIGSTOP)
    receipts = [room.receive(radiograph(), "api") for _ in range(12)]
    closing = threading.Thread(target=room.close)
    closing.start()
    time.sleep(0.1)
    signal_readers(signal.SIGCONT)
    closing.join(20)
    again = open_room()
    assert all(done(again, receipt.id).state == "answered" for receipt in receipts)


def test_numbers_of_an_answered_image_are_kept_and_the_image_is_not(open_room: Open) -> None:
    room = open_room()
    pixels = noise(40, 30)
    receipt = room.receive(dicom(pixels, Modality="DX", PatientName="A^B"), "dicom")
    item = done(room, receipt.id)
    wait_until(lambda: not list(room.state.incoming.iterdir()))
    kept = room.state.images / receipt.id
    assert np.array_equal(numbers.raster(kept), decode_radiograph(dicom(pixels, Modality="DX"), "it").pixels)
    assert numbers.values(kept).shape == (40, 30) and numbers.evidence(kept).shape == (8, 8)
    assert item.answer and item.answer.picture.modality == "DX"
    assert room.remove(receipt.id) and not list(room.state.images.iterdir())


def test_a_full_disk_refuses_new_images(open_room: Open) -> None:
    room, image = open_room(), radiograph(side=200)
    with full_disk(), pytest.raises(OutputError, match="cannot be written"):
        room.receive(image, "api")
    assert not list(room.state.incoming.iterdir()) and not sum(room.worklist.counts().values())
    assert room.receive(image, "api").new


def test_an_image_waits_while_the_disk_is_full(open_room: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_BEFORE_NEXT_TRY", 0.1)
    room = open_room()
    (child,) = own_readers()
    unlimited = resource.prlimit(child, resource.RLIMIT_FSIZE)
    resource.prlimit(child, resource.RLIMIT_FSIZE, (512, unlimited[1]))
    receipt = room.receive(radiograph(), "api")
    time.sleep(0.5)
    item = room.worklist.item(receipt.id)
    assert item and item.state == "waiting"
    resource.prlimit(child, resource.RLIMIT_FSIZE, unlimited)
    assert done(room, receipt.id).state == "answered"
    assert [path.name for path in room.state.images.iterdir()] == [receipt.id]


@pytest.mark.parametrize("where", ["worklist.item", "worklist.answer", "readers.submit"])
def test_an_image_waits_while_memory_is_short(where: str, open_room: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_BEFORE_NEXT_TRY", 0.1)
    room, times = open_room(), iter(range(2 * _AT_ONCE))
    place, _, name = where.partition(".")
    real = getattr(getattr(room, place), name)

    def short(*arguments: Any) -> Any:
        if next(times, None) is not None:
            raise MemoryError
        return real(*arguments)

    monkeypatch.setattr(getattr(room, place), name, short)
    receipts = [room.receive(radiograph(), "api") for _ in range(_AT_ONCE)]
    wait_until(lambda: room.worklist.counts()["answered"] == _AT_ONCE)
    assert {done(room, receipt.id).lost_readers for receipt in receipts} == {0}


def test_files_and_rows_are_brought_together_at_the_start(open_room: Open, tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    worklist = Worklist(state.database)
    kept, lost = new_id(), new_id()
    for id_ in (kept, lost):
        worklist.add(id_, id_.encode(), "api", time.time())
    (state.incoming / kept).write_bytes(radiograph())
    strays = [state.incoming / new_id(), state.incoming / f".{kept}.part", state.envelopes / f"{new_id()}.json"]
    for stray in strays:
        stray.write_bytes(b"A^B")
    (state.images / f".{new_id()}.part").mkdir()
    worklist.close()
    state.close()
    room = open_room()
    assert done(room, kept).state == "answered"
    item = done(room, lost)
    assert (item.state, item.error) == ("unreadable", "the image is no longer on the disk")
    assert not any(stray.exists() for stray in strays)
    assert [path.name for path in room.state.images.iterdir()] == [kept]


def test_what_is_done_is_forgotten_after_its_time(open_room: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_BETWEEN_CLEANINGS", 0.1)
    room = open_room(keep_seconds=0.3)
    receipt = room.receive(radiograph(), "api")
    done(room, receipt.id)
    wait_until(lambda: room.worklist.item(receipt.id) is None, 5)
    wait_until(lambda: not list(room.state.images.iterdir()), 5)


def test_a_folder_has_one_server(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    with pytest.raises(UsageError, match="another server uses this folder"):
        State(tmp_path / "state")
    state.close()
    State(tmp_path / "state").close()


def test_the_state_folder_is_its_owners(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    state = State(tmp_path / "state")
    Worklist(state.database).close()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "secret").stat().st_mode & 0o777 == 0o600
    state.close()


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot keep the work list there"):
        State(tmp_path / "file" / "state")


def test_an_image_is_answered_once(tmp_path: Path) -> None:
    worklist = Worklist(tmp_path / "list.sqlite")
    answer = sources.answer(40, 30)
    worklist.add("a", b"a", "dicom", 1.0)
    with pytest.raises(ValueError, match="already"):
        worklist.add("b", b"a", "dicom", 1.0)
    assert not worklist.remove("a"), "it waits"
    assert worklist.answer("a", answer, ["pacs", "other"], 2.0)
    assert not worklist.answer("a", answer, ["pacs"], 3.0) and not worklist.refuse("a", "why", [], 3.0)
    item = worklist.item("a")
    assert item and (item.state, item.answer, item.finished) == ("answered", answer, 2.0)
    assert all(len(worklist.due(destination, 2.0, 10)) == 1 for destination in ("other", "pacs"))
    worklist.give_up("a", "pacs", "refused")
    worklist.delivered("a", "other")
    assert worklist.delivery_counts() == {"pending": 0, "delivered": 1, "failed": 1}
    assert worklist.retry("a", 5.0) == 1 and worklist.next_due("pacs") == 5.0
    assert worklist.done_before(10.0, 5) == [], "a delivery is pending"
    worklist.delivered("a", "pacs")
    assert worklist.done_before(10.0, 5) == ["a"] and worklist.remove("a")
    assert worklist.deliveries("a") == []
    worklist.close()


def test_a_list_of_another_version_is_refused(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "list.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(OutputError, match="another version"):
        Worklist(tmp_path / "list.sqlite")


def test_a_fault_of_our_own_leaves_no_image_waiting(open_room: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    room = open_room()
    monkeypatch.setattr(service.Answer, "model_validate", lambda _: 1 / 0)
    receipt = room.receive(radiograph(), "api")
    wait_until(lambda: room.worklist.item(receipt.id).state == "unreadable", 10)  # type: ignore[union-attr]
    item = room.worklist.item(receipt.id)
    assert item and item.error and "fault of EdgeFrac's own" in item.error
    wait_until(lambda: not list(room.state.incoming.iterdir()))
