"""A watched folder, for sites without DICOM: images that appear in it are read, and their answers laid beside them.

    DIR/NAME                         an image, as it comes
    DIR/answered/NAME                the image, once ``NAME.edgefrac.json`` and ``NAME.edgefrac.png`` are beside it
    DIR/unreadable/NAME              an image that gets no answer, once ``NAME.txt`` says why

An image leaves DIR last, by one rename, so that a ``kill -9`` at any moment leaves it either to be answered or
answered. After a restart it comes to the work list as the same image, whose answer is the one that was given: what is
written again is the same under the same name. Names are patients' at many sites: they stay in the folder.
"""

from __future__ import annotations

import errno
import filecmp
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from edgefrac import durable
from edgefrac.errors import BusyError, EdgeFracError, OutputError, UsageError
from edgefrac.serve import numbers, pictures
from edgefrac.serve.documents import item_document
from edgefrac.serve.service import ReadingRoom
from edgefrac.serve.state import remove, store
from edgefrac.serve.worklist import Item

log = logging.getLogger("edgefrac.serve")

ANSWERED, UNREADABLE = "answered", "unreadable"
_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", ".swp", "~")
_AT_ONCE = 64
_EMPTY_SECONDS = 60.0  # an empty file may be one whose copy has yet to begin
_BETWEEN_COMPLAINTS = 600.0


@dataclass(frozen=True)
class Patience:
    """How often the folder is looked at, and how long a file must have stood still to be whole."""

    between_looks: float = 1.0
    still: float = 2.0


@dataclass(frozen=True)
class _Stamp:
    """What changes when a file does."""

    inode: int
    bytes: int
    changed: int


@dataclass(frozen=True)
class _AtWork:
    id: str
    stamp: _Stamp


class WatchedFolder:
    """One folder and the room that reads it, from ``start`` to ``close``; raises ``UsageError`` where it cannot be."""

    def __init__(self, room: ReadingRoom, folder: Path, max_bytes: int, patience: Patience | None = None) -> None:
        self._room, self._folder, self._max_bytes = room, folder, max_bytes
        self._patience = patience or Patience()
        self._still: dict[str, tuple[_Stamp, float]] = {}
        self._at_work: dict[str, _AtWork] = {}
        self._troubles: dict[str, float] = {}
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="watched-folder", daemon=True)
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder to watch")
        try:
            for name in (ANSWERED, UNREADABLE):
                (folder / name).mkdir(exist_ok=True)
                for unfinished in (folder / name).glob(".*.part"):
                    remove(unfinished)
        except OSError as error:
            raise UsageError(f"{folder}: answers cannot be written there ({error.strerror})") from None

    def start(self) -> None:
        """Begin to look."""
        self._room.on_finished.append(lambda _: self._wake.set())
        self._thread.start()

    def close(self) -> None:
        """Stop; call it while the room is open. What is at work is taken up again at the next start."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _work(self) -> None:
        next_look = 0.0
        while not self._closing.is_set():
            self._wake.clear()
            if time.monotonic() >= next_look:
                self._quietly(self._look)
                next_look = time.monotonic() + self._patience.between_looks
            for name in list(self._at_work):
                self._quietly(lambda name=name: self._finish(name))  # type: ignore[misc]
            self._wake.wait(max(0.0, next_look - time.monotonic()))

    def _quietly(self, do: Callable[[], None]) -> None:
        """Go on whatever happens, and say now and then what did: names of files are nobody's business."""
        try:
            do()
        except (OSError, EdgeFracError) as error:
            cause = error.message if isinstance(error, OutputError) else getattr(error, "strerror", None)
            trouble = f"watched folder: {cause or type(error).__name__}; tried again"
            now = time.monotonic()
            if now >= self._troubles.get(trouble, 0.0):
                self._troubles[trouble] = now + _BETWEEN_COMPLAINTS
                log.warning("%s", trouble)
        except Exception as error:
            log.error("watched folder: internal error: %s", type(error).__name__)

    def _look(self) -> None:
        found = dict(sorted(self._images(), key=lambda image: image[1].changed))
        for gone in self._still.keys() - found.keys():
            del self._still[gone]
        now = time.monotonic()
        for name, stamp in found.items():
            if self._still.get(name, (None, 0.0))[0] != stamp:
                self._still[name] = stamp, now
            patience = self._patience.still if stamp.bytes else max(_EMPTY_SECONDS, self._patience.still)
            if now - self._still[name][1] < patience or name in self._at_work or self._closing.is_set():
                continue
            if len(self._at_work) >= _AT_ONCE:
                return
            try:
                self._take(name, stamp)
            except BusyError:
                return

    def _images(self) -> Iterator[tuple[str, _Stamp]]:
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower().endswith(_UNFINISHED):
                    continue
                with suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    if S_ISREG(found.st_mode):
                        yield entry.name, _stamp(found)

    def _take(self, name: str, stamp: _Stamp) -> None:
        """Put an image in the work list."""
        if stamp.bytes > self._max_bytes:
            reason = f"larger than {self._max_bytes >> 20} MiB, not read\n"
            self._leave(name, UNREADABLE, stamp, {".txt": reason.encode()})
            return
        try:
            data = self._read(name, stamp)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                return
            raise
        if data is not None:
            self._at_work[name] = _AtWork(self._room.receive(data, "folder").id, stamp)

    def _read(self, name: str, stamp: _Stamp) -> bytes | None:
        """The file's bytes; None where they are not those that were seen."""
        handle = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            data = file.read(stamp.bytes + 1)
            return data if _stamp(os.fstat(handle)) == stamp and len(data) == stamp.bytes else None

    def _finish(self, name: str) -> None:
        """Lay the answer beside its image, if there is one by now."""
        work = self._at_work[name]
        item = self._room.worklist.item(work.id)
        if item and item.state == "waiting":
            return
        # what was deleted from the list, or changed in the folder, is looked at anew
        if item and self._stands(name, work.stamp):
            self._answer(name, work.stamp, item)
        del self._at_work[name]

    def _answer(self, name: str, stamp: _Stamp, item: Item) -> None:
        if item.state == "unreadable":
            self._leave(name, UNREADABLE, stamp, {".txt": f"{item.error}\n".encode()}, item.key)
            return
        papers = {".edgefrac.json": (item_document(item).model_dump_json(indent=1) + "\n").encode()}
        if item.answer and item.answer.scale:
            numbers_of = self._room.state.images / item.id
            # where they are gone, the answer stays
            with suppress(FileNotFoundError):
                drawn = pictures.overlay(item.answer, numbers.raster(numbers_of), numbers.evidence(numbers_of))
                papers[".edgefrac.png"] = pictures.png(drawn)
        self._leave(name, ANSWERED, stamp, papers, item.key)

    def _leave(self, name: str, where: str, stamp: _Stamp, papers: dict[str, bytes], key: bytes = b"") -> None:
        """Write the papers, then move the image to them."""
        source, folder = self._folder / name, self._folder / where
        target = folder / name
        if target.exists() and not filecmp.cmp(source, target, shallow=False):
            # another image of that name was here before
            target = folder / f"{source.stem}-{key.hex()[:8] or stamp.changed}{source.suffix}"
        for suffix, content in papers.items():
            store(folder / f"{target.name}{suffix}", content)
        if self._stands(name, stamp):
            source.replace(target)
            durable.settle(folder)
            durable.settle(self._folder)
        self._still.pop(name, None)

    def _stands(self, name: str, stamp: _Stamp) -> bool:
        try:
            return _stamp((self._folder / name).stat(follow_symlinks=False)) == stamp
        except FileNotFoundError:
            return False


def _stamp(found: os.stat_result) -> _Stamp:
    return _Stamp(found.st_ino, found.st_size, found.st_mtime_ns)
