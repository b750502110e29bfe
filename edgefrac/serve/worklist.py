"""The work list: which images came, what was said of them, and where the answers have yet to go. On SQLite.

An image is ``waiting`` from the moment it is acknowledged, and then ``answered`` or ``unreadable``, once. Its answer
and the deliveries that follow from it are one transaction. No column holds patient data.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgefrac.errors import OutputError
from edgefrac.serve.answer import Answer

Origin = Literal["page", "api", "dicom", "dicomweb", "folder"]
ImageState = Literal["waiting", "answered", "unreadable"]
DeliveryState = Literal["pending", "delivered", "failed"]

_VERSION = 1
_SCHEMA = """
CREATE TABLE images (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    key BLOB NOT NULL UNIQUE,
    origin TEXT NOT NULL,
    state TEXT NOT NULL,
    received REAL NOT NULL,
    finished REAL,
    lost_readers INTEGER NOT NULL DEFAULT 0,
    answer TEXT,
    error TEXT
) STRICT;
CREATE INDEX images_by_state ON images (state, number);
CREATE TABLE deliveries (
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    destination TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL,
    error TEXT,
    PRIMARY KEY (image, destination)
) STRICT;
CREATE INDEX deliveries_by_due ON deliveries (destination, state, due);
"""


@dataclass(frozen=True)
class Item:
    """One image of the work list; times in seconds since 1970. ``number`` counts the images as they came."""

    number: int
    id: str
    key: bytes
    origin: Origin
    state: ImageState
    received: float
    finished: float | None
    lost_readers: int
    answer: Answer | None
    error: str | None


@dataclass(frozen=True)
class Delivery:
    """One answer's way to one destination, by the destination's name; ``due`` is when it is tried next."""

    image: str
    destination: str
    state: DeliveryState
    attempts: int
    due: float
    error: str | None


class Worklist:
    """The list in one file; safe for several threads. Every method raises ``OutputError`` where the disk fails it."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._path = path
        self._opened = secrets.token_hex(4)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            # an acknowledged image is on the disk, not only in the kernel's hands
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        except sqlite3.Error as error:
            raise OutputError(f"{path}: no work list can be kept there ({error})") from None
        if version not in (0, _VERSION):
            hint = "name another folder by --state, or use the EdgeFrac that wrote it"
            raise OutputError(f"{path}: a work list of another version of EdgeFrac ({version})", hint=hint)

    def version(self) -> str:
        """Another one after every change: only this object changes the file."""
        with self._lock:
            return f"{self._opened}-{self._db.total_changes}"

    def close(self) -> None:
        """End; nothing is lost either way."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise OutputError(f"{self._path}: the work list cannot be written ({error})") from None
                raise

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise OutputError(f"{self._path}: the work list cannot be read ({error})") from None

    # images

    def known(self, key: bytes) -> Item | None:
        """The image of that identity, if it is here."""
        return _first(self._rows(f"SELECT {_COLUMNS} FROM images WHERE key = ?", key))

    def add(self, id_: str, key: bytes, origin: Origin, now: float) -> None:
        """A new image, waiting; from here on it is not lost. Raises ``ValueError`` where its identity is known."""
        with self._transaction() as db:
            if db.execute("SELECT 1 FROM images WHERE key = ?", (key,)).fetchone():
                raise ValueError("the image is in the work list already")
            db.execute(
                "INSERT INTO images (id, key, origin, state, received) VALUES (?, ?, ?, 'waiting', ?)",
                (id_, key, origin, now),
            )

    def waiting(self, limit: int = -1) -> list[str]:
        """Ids of images without answer, first come first."""
        rows = self._rows("SELECT id FROM images WHERE state = 'waiting' ORDER BY number LIMIT ?", limit)
        return [row[0] for row in rows]

    def answer(self, id_: str, answer: Answer, destinations: Sequence[str], now: float) -> bool:
        """The answer, and that it is to go to ``destinations``; False where the image had one, or is gone."""
        text = answer.model_dump_json(exclude_defaults=True)
        return self._finish(id_, "answered", text, None, destinations, now)

    def refuse(self, id_: str, error: str, destinations: Sequence[str], now: float) -> bool:
        """Why an image gets no answer, and that ``destinations`` are to hear of it; False as for ``answer``."""
        return self._finish(id_, "unreadable", None, error, destinations, now)

    def _finish(
        self,
        id_: str,
        state: ImageState,
        answer: str | None,
        error: str | None,
        destinations: Sequence[str],
        now: float,
    ) -> bool:
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE images SET state = ?, answer = ?, error = ?, finished = ? WHERE id = ? AND state = 'waiting'",
                (state, answer, error, now, id_),
            ).rowcount
            if changed:
                db.executemany(
                    "INSERT INTO deliveries (image, destination, due) VALUES (?, ?, ?)",
                    [(id_, destination, now) for destination in destinations],
                )
        return changed == 1

    def lost_reader(self, id_: str) -> int:
        """Count that a reader was lost over an image; how many were in all."""
        with self._transaction() as db:
            db.execute("UPDATE images SET lost_readers = lost_readers + 1 WHERE id = ?", (id_,))
            found = db.execute("SELECT lost_readers FROM images WHERE id = ?", (id_,)).fetchone()
        return int(found[0]) if found else 0

    def item(self, id_: str) -> Item | None:
        """One image."""
        return _first(self._rows(f"SELECT {_COLUMNS} FROM images WHERE id = ?", id_))

    def items(self, limit: int, before: int | None = None, state: ImageState | None = None) -> list[Item]:
        """The last images to come, newest first; ``before`` a number, to page on."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM images WHERE number < ? AND (? IS NULL OR state = ?) ORDER BY number DESC LIMIT ?",
            *(before if before is not None else 1 << 62, state, state, limit),
        )
        return list(map(_item, rows))

    def counts(self) -> dict[ImageState, int]:
        """How many images are in each state."""
        found: dict[ImageState, int] = {"waiting": 0, "answered": 0, "unreadable": 0}
        return found | dict(self._rows("SELECT state, count(*) FROM images GROUP BY state"))

    def remove(self, id_: str) -> bool:
        """Forget an image that is done, and its deliveries; False where it is waiting or not here."""
        with self._transaction() as db:
            return db.execute("DELETE FROM images WHERE id = ? AND state <> 'waiting'", (id_,)).rowcount == 1

    def done_before(self, time: float, limit: int) -> list[str]:
        """Ids of images done before then that no delivery holds back, oldest first."""
        rows = self._rows(
            "SELECT id FROM images WHERE state <> 'waiting' AND finished < ? AND NOT EXISTS "
            "(SELECT 1 FROM deliveries WHERE image = id AND deliveries.state = 'pending') ORDER BY number LIMIT ?",
            *(time, limit),
        )
        return [row[0] for row in rows]

    # deliveries

    def due(self, destination: str, now: float, limit: int) -> list[Delivery]:
        """Deliveries to a destination that are to be tried now, longest due first."""
        rows = self._rows(
            f"SELECT {_DELIVERY} FROM deliveries WHERE destination = ? AND state = 'pending' AND due <= ? "
            "ORDER BY due LIMIT ?",
            *(destination, now, limit),
        )
        return [Delivery(*row) for row in rows]

    def next_due(self, destination: str) -> float | None:
        """When the next delivery to a destination is to be tried."""
        query = "SELECT min(due) FROM deliveries WHERE destination = ? AND state = 'pending'"
        value: float | None = self._rows(query, destination)[0][0]
        return value

    def give_up_others(self, destinations: Sequence[str], error: str) -> int:
        """Give up what is pending to any but these destinations; how many deliveries those were."""
        marks = ", ".join("?" * len(destinations))
        with self._transaction() as db:
            return db.execute(
                f"UPDATE deliveries SET state = 'failed', error = ? WHERE state = 'pending' "
                f"AND destination NOT IN ({marks})",
                (error, *destinations),
            ).rowcount

    def deliveries(self, image: str) -> list[Delivery]:
        """All deliveries of one image."""
        query = f"SELECT {_DELIVERY} FROM deliveries WHERE image = ? ORDER BY destination"
        return [Delivery(*row) for row in self._rows(query, image)]

    def delivered(self, image: str, destination: str) -> None:
        """An answer has arrived."""
        self._deliver(image, destination, "delivered", None, None)

    def put_off(self, image: str, destination: str, error: str, due: float) -> None:
        """An answer has not arrived, and is tried again then."""
        self._deliver(image, destination, "pending", error, due)

    def give_up(self, image: str, destination: str, error: str) -> None:
        """An answer will not arrive unless somebody asks for it with ``retry``."""
        self._deliver(image, destination, "failed", error, None)

    def _deliver(
        self, image: str, destination: str, state: DeliveryState, error: str | None, due: float | None
    ) -> None:
        with self._transaction() as db:
            db.execute(
                "UPDATE deliveries SET state = ?, error = ?, due = coalesce(?, due), attempts = attempts + 1 "
                "WHERE image = ? AND destination = ?",
                (state, error, due, image, destination),
            )

    def retry(self, image: str, now: float) -> int:
        """Try the failed deliveries of an image again; how many there were."""
        with self._transaction() as db:
            return db.execute(
                "UPDATE deliveries SET state = 'pending', attempts = 0, due = ? WHERE image = ? AND state = 'failed'",
                (now, image),
            ).rowcount

    def delivery_counts(self) -> dict[DeliveryState, int]:
        """How many deliveries are in each state."""
        found: dict[DeliveryState, int] = {"pending": 0, "delivered": 0, "failed": 0}
        return found | dict(self._rows("SELECT state, count(*) FROM deliveries GROUP BY state"))


_COLUMNS = "number, id, key, origin, state, received, finished, lost_readers, answer, error"
_DELIVERY = "image, destination, state, attempts, due, error"


def new_id() -> str:
    """A random id, 32 hex digits."""
    return secrets.token_hex(16)


def _item(row: tuple[Any, ...]) -> Item:
    *known, answer, error = row
    return Item(*(*known, Answer.model_validate_json(answer) if answer else None, error))


def _first(rows: list[tuple[Any, ...]]) -> Item | None:
    return _item(rows[0]) if rows else None
