"""The reading room's side to a PACS: the node that takes images, the outbox of answers, and what is fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from edgefrac.errors import UsageError
from edgefrac.serve.delivery import Outbox
from edgefrac.serve.dicom.destinations import parse_destination, parse_source
from edgefrac.serve.dicom.node import DicomNode, NodeRules
from edgefrac.serve.dicom.pull import Puller
from edgefrac.serve.dicom.senders import sender_for
from edgefrac.serve.service import ReadingRoom


@dataclass(frozen=True)
class PacsWanted:
    """The options of ``edgefrac serve`` that speak of DICOM; ``port`` None: no node, 0: any port that is free."""

    port: int | None = None
    title: str = "EDGEFRAC"
    callers: tuple[str, ...] = ()
    send: tuple[str, ...] = ()
    pull: tuple[str, ...] = ()


class PacsSide:
    """Node, outbox and pullers; raises ``UsageError`` for what cannot be meant, before anything is started."""

    def __init__(self, wanted: PacsWanted, object_bytes: int) -> None:
        self._wanted, self._object_bytes = wanted, object_bytes
        destinations = [parse_destination(text) for text in wanted.send]
        self._senders = {destination.name: sender_for(destination, wanted.title) for destination in destinations}
        self._sources = [parse_source(text) for text in wanted.pull]
        if destinations and wanted.port is None and not self._sources:
            hint = "let images come: --dicom-port 11112, or --pull https://HOST/PREFIX"
            raise UsageError("--send answers to images of a PACS, and none can come", hint=hint)

    @property
    def destinations(self) -> Sequence[str]:
        """Names of where answers go."""
        return tuple(self._senders)

    def start(self, room: ReadingRoom, host: str, say: Callable[[str], None]) -> ExitStack:
        """Begin, in ``room``, which has been started; what is returned ends all of it. Raises ``UsageError``."""
        wanted = self._wanted
        with ExitStack() as if_it_fails:
            outbox = Outbox(room, self._senders)
            outbox.start()
            if_it_fails.callback(outbox.close)
            if wanted.port is not None:
                rules = NodeRules(wanted.title, frozenset(wanted.callers), object_bytes=self._object_bytes)
                node = DicomNode(lambda data, uid: room.receive(data, "dicom", uid), host, wanted.port, rules)
                node.start()
                if_it_fails.callback(node.close)
                say(f"DICOM node: {wanted.title} at {host}:{node.port}")
            for source in self._sources:
                puller = Puller(room, source, object_bytes=self._object_bytes)
                puller.start()
                if_it_fails.callback(puller.close)
            return if_it_fails.pop_all()
