"""A reading room among DICOM devices, put together as the server does it, on ports of 127.0.0.1 that are free."""

from __future__ import annotations

import time

from edgefrac.serve.delivery import Outbox, Patience
from edgefrac.serve.dicom.destinations import parse_destination
from edgefrac.serve.dicom.node import DicomNode, NodeRules
from edgefrac.serve.dicom.senders import sender_for
from edgefrac.serve.service import ReadingRoom
from edgefrac.serve.worklist import Item

HASTE = Patience(first=0.1, longest=0.5)


class DicomRoom:
    """Node, room and outbox from the beginning to ``close``."""

    def __init__(
        self,
        room: ReadingRoom,
        destinations: tuple[str, ...] = (),
        *,
        rules: NodeRules | None = None,
        patience: Patience = HASTE,
        port: int = 0,
    ) -> None:
        self.room = room
        self.node = DicomNode(lambda data, uid: room.receive(data, "dicom", uid), "127.0.0.1", port, rules)
        senders = {name: sender_for(parse_destination(name), "EDGEFRAC") for name in destinations}
        self.outbox = Outbox(room, senders, patience)
        self._is_open = True
        room.start()
        self.outbox.start()
        self.node.start()

    @property
    def port(self) -> int:
        return self.node.port

    def done(self, count: int, seconds: float = 20) -> list[Item]:
        """The images, newest first, once so many are done."""
        return _until(lambda: self.room.worklist.items(count) if self._finished() >= count else None, seconds)

    def delivered(self, count: int, seconds: float = 20) -> None:
        """Wait until so many answers are delivered."""
        _until(lambda: self.room.worklist.delivery_counts()["delivered"] >= count or None, seconds)

    def failed(self, count: int, seconds: float = 20) -> None:
        """Wait until so many deliveries are given up."""
        _until(lambda: self.room.worklist.delivery_counts()["failed"] >= count or None, seconds)

    def tried_in_vain(self, error: str, count: int, seconds: float = 20) -> None:
        """Wait until so many deliveries have failed for this reason, and are to be tried again."""
        _until(lambda: self._errors().count(error) >= count or None, seconds)

    def forgotten(self, seconds: float = 5) -> None:
        """Wait until no envelope is left."""
        _until(lambda: not list(self.room.state.envelopes.iterdir()) or None, seconds)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self.node.close()
            self.outbox.close()
            self.room.close()

    def _errors(self) -> list[str | None]:
        worklist = self.room.worklist
        return [one.error for item in worklist.items(100) for one in worklist.deliveries(item.id)]

    def _finished(self) -> int:
        counts = self.room.worklist.counts()
        return counts["answered"] + counts["unreadable"]


def _until(look, seconds: float):  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return found
