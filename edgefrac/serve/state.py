"""The folder in which a reading room keeps what must survive it.

    lock                  held by the one server that uses the folder
    secret                32 random bytes: image identities are keyed by it
    worklist.sqlite       the work list; no patient data
    incoming/ID           an image as it was received, until it has been read
    envelopes/ID.json     what answers to a DICOM image must repeat of it, until they are delivered
    images/ID             numbers only, see ``numbers``

Patient data is in ``incoming`` and ``envelopes`` alone, and the folder is its owner's only (mode 0700).
"""

from __future__ import annotations

import fcntl
import hmac
import os
import secrets
import shutil
from hashlib import sha256
from pathlib import Path
from typing import IO

from edgefrac import durable
from edgefrac.errors import OutputError, UsageError

_OWNER_ONLY = 0o600


class State:
    """The folder, opened and locked; raises ``UsageError`` where another server holds it, and ``OutputError``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming, self.envelopes, self.images = root / "incoming", root / "envelopes", root / "images"
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            root.chmod(0o700)
            self._lock = _locked(root / "lock")
            for folder in (self.incoming, self.envelopes, self.images):
                folder.mkdir(mode=0o700, exist_ok=True)
            self._secret = _secret(root / "secret")
        except OSError as error:
            raise OutputError(
                f"{root}: cannot keep the work list there ({error.strerror})", hint="name another folder by --state"
            ) from None

    @property
    def database(self) -> Path:
        """The work list."""
        return self.root / "worklist.sqlite"

    def key(self, identity: bytes) -> bytes:
        """The identity of an image, SHA-256 under the folder's secret: equal for equals, and tells nothing else."""
        return hmac.digest(self._secret, identity, sha256)

    def token(self) -> str:
        """The folder's access token: the same as long as the folder exists."""
        return hmac.digest(self._secret, b"access token", sha256).hex()[:40]

    def close(self) -> None:
        """Let another server have the folder."""
        self._lock.close()


def state_folder() -> Path:
    """``edgefrac`` in the XDG state folder, $XDG_STATE_HOME or ~/.local/state; it need not exist."""
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    # by its specification a relative path is to be ignored
    return (named if named.is_absolute() else Path.home() / ".local" / "state") / "edgefrac"


def store(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, and which is whole on the disk when this returns.

    Raises ``OutputError``, which names the folder of both, since the names of files may tell of patients.
    """
    folder = path.parent.parent
    if not path.parent.is_dir():  # never made anew for all to read
        raise OutputError(f"{folder}: cannot be written (a folder in it is gone)", hint="start the server again")
    durable.write(path, data, mode=_OWNER_ONLY, named=folder)


def remove(path: Path) -> None:
    """Remove a file or a folder that may not be there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _locked(path: Path) -> IO[bytes]:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        hint = "stop the other one, or name another folder by --state"
        raise UsageError(f"{path.parent}: another server uses this folder", hint=hint) from None
    return file


def _secret(path: Path) -> bytes:
    if not path.is_file():
        durable.write(path, secrets.token_bytes(32), mode=_OWNER_ONLY)
    return path.read_bytes()
