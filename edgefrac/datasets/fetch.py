"""Downloads public data sets: goes on where it was interrupted, and keeps nothing whose checksum is wrong."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError

from edgefrac.datasets.catalogue import PUBLIC_SETS, PublicSet
from edgefrac.datasets.publisher import RemoteFile, list_files
from edgefrac.datasets.web import in_words, open_url, unreachable
from edgefrac.errors import DatasetError, OutputError, UsageError
from edgefrac.progress import Note, Track, silent

ATTEMPTS = 5
_CHUNK = 1 << 20
_WAIT = 1.0  # seconds before the second attempt, doubled before each further one
_PASSING = (408, 416, 429, 500, 502, 503, 504)  # HTTP statuses that another attempt may change


@dataclass(frozen=True)
class Fetched:
    """What was downloaded: the files, and the location that ``open_dataset`` takes."""

    wanted: PublicSet
    files: tuple[tuple[Path, RemoteFile], ...]

    @property
    def location(self) -> Path:
        """The file itself if it is one, else their folder."""
        paths = [path for path, _ in self.files]
        return paths[0] if len(paths) == 1 else paths[0].parent


def find_public_set(name: str) -> PublicSet:
    """The data set of that name; raises ``UsageError`` if none is, or if its terms have to be agreed to first."""
    wanted = PUBLIC_SETS.get(name.lower())
    if wanted is None:
        raise UsageError(f"no data set is named '{name}'", hint=f"known are {', '.join(PUBLIC_SETS)}")
    if not wanted.api:
        raise UsageError(
            f"{name} cannot be downloaded for you: its licence must be accepted first: {wanted.licence}",
            hint=f"accept it at {wanted.page}, download and unpack it, and give the folder as --data",
        )
    return wanted


def fetch(wanted: PublicSet, out: Path, *, note: Note = lambda _: None, track: Track = silent) -> Fetched:
    """Download the files of a data set to ``out``; those that are there and whole are left alone.

    A file is written as ``.NAME.part`` and renamed once its size and MD5 are those that the publisher states; after an
    interruption the next call goes on with it. Raises ``DatasetError`` (unreachable, broken off, wrong checksum) and
    ``OutputError`` (no place, not writable).
    """
    files = list_files(wanted)
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        missing = [file for file in files if not _is_whole(out / file.name, file, track)]
        _require_space(out, missing)
    for file in files:
        if file not in missing:
            note(f"{out / file.name}: already there")
            continue
        _download(file, out / file.name, note, track)
    return Fetched(wanted, tuple((out / file.name, file) for file in files))


def _download(file: RemoteFile, path: Path, note: Note, track: Track) -> None:
    part = path.with_name(f".{path.name}.part")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _go_on(file, part, note, track)
            break
        except (OSError, HTTPException) as error:
            if isinstance(error, HTTPError) and error.code not in _PASSING:
                hint = "the publisher may have moved it: try again later, or download it by hand"
                raise unreachable(file.url, error, hint) from error
            cause = f"broke off after {_mib(_size(part))} of {_mib(file.size)} MiB ({in_words(error)})"
            if attempt == ATTEMPTS:
                hint = "give the same command again: it goes on from there"
                raise DatasetError(f"{file.url}: {cause}", hint=hint) from error
            note(f"{file.name}: {cause}, trying again")
            time.sleep(_WAIT * 2 ** (attempt - 1))
    if not _is_whole(part, file, track):
        with _writing(part):
            part.unlink()
        raise DatasetError(
            f"{file.url}: what came is not what the publisher states (MD5 {file.md5}), so it was deleted",
            hint="give the same command again; if that does not help, tell the publisher",
        )
    with _writing(path):
        part.replace(path)


def _go_on(file: RemoteFile, part: Path, note: Note, track: Track) -> None:
    """Append to the part what it lacks; raises ``OSError`` or ``HTTPException`` where the connection ends early."""
    have = _size(part)
    if have > file.size:
        with _writing(part):
            part.unlink()
        have = 0
    if have == file.size:
        return
    with open_url(file.url, {"Range": f"bytes={have}-"} if have else None) as response:
        if have and not _continues(response, have):
            note(f"{file.name}: the server cannot go on in the middle, starting again")
            have = 0
        with _writing(part):
            stream = part.open("ab" if have else "wb", buffering=0)
        with stream:
            for _ in track(range(have // _CHUNK, -(-file.size // _CHUNK)), f"{file.name} (MiB)"):
                chunk = response.read(_CHUNK)
                rest = memoryview(chunk)
                while rest:
                    with _writing(part):
                        rest = rest[stream.write(rest) :]
                if len(chunk) < _CHUNK:
                    break
    if _size(part) < file.size:
        raise ConnectionError("the connection ended early")


def _continues(response: HTTPResponse, have: int) -> bool:
    """Whether the answer to a request for a range begins where it was asked to."""
    return response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _is_whole(path: Path, file: RemoteFile, track: Track) -> bool:
    """Whether a file is there with the size and checksum that the publisher states."""
    if _size(path) != file.size or not path.is_file():
        return False
    digest = hashlib.md5(
        usedforsecurity=False
    )  # what the publishers state; it guards against damage, not against malice
    with path.open("rb") as stream:
        for _ in track(range(-(-file.size // _CHUNK)), f"checking {file.name} (MiB)"):
            digest.update(stream.read(_CHUNK))
    return digest.hexdigest() == file.md5


def _require_space(out: Path, missing: list[RemoteFile]) -> None:
    needed = sum(file.size - _size(out / f".{file.name}.part") for file in missing)
    free = shutil.disk_usage(out).free
    if needed > free:
        raise OutputError(f"{out}: {_mib(needed)} MiB are needed, {_mib(free)} MiB are free", hint="make room there")


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Tell errors of the disk from those of the network, which are ``OSError`` too."""
    try:
        yield
    except OSError as error:
        hint = "is the folder writable, is the disk full? What came is kept: the same command goes on from there"
        raise OutputError(f"{path}: cannot be written ({error.strerror})", hint=hint) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f}"
