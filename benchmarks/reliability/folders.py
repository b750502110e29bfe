"""What is in a folder: its files' digests, those that are broken under a final name, and those left unfinished."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import yaml
from PIL import Image
from safetensors import safe_open

from edgefrac.digest import file_sha256

LOGS = ("events.out.tfevents.*", "hparams.yaml", "metrics.csv")  # lines are appended as a run goes on
_LOCKS = ("_lock", "*.lock")  # held, never filled
_UNFINISHED = re.compile(r"^\..*\.(part|partial|former)$")


def files(root: Path) -> Iterator[Path]:
    """All files under final names, logs and locks aside, in order."""
    for path in sorted(root.rglob("*")):
        hidden = any(_UNFINISHED.match(part) for part in path.relative_to(root).parts)
        if path.is_file() and not hidden and not any(path.match(other) for other in (*LOGS, *_LOCKS)):
            yield path


def digests(root: Path) -> Mapping[str, str]:
    """SHA-256 by name."""
    return {path.relative_to(root).as_posix(): file_sha256(path) for path in files(root)}


def unfinished(root: Path) -> list[str]:
    """Names of what was being made when a process ended."""
    return sorted(path.name for path in root.rglob(".*") if _UNFINISHED.match(path.name))


def broken(root: Path) -> list[str]:
    """Files under final names that cannot be read to their end, with the reason."""
    found = []
    for path in files(root):
        read = _READERS.get(path.suffix)
        try:
            if read:
                read(path)
            elif not path.stat().st_size:
                raise ValueError("empty")
        except Exception as error:
            found.append(f"{path.relative_to(root)}: {type(error).__name__}: {error}")
    return found


def _tensors(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        for name in file.keys():  # noqa: SIM118 - not a mapping
            file.get_tensor(name)


def _image(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def _page(path: Path) -> None:
    if not path.read_text(encoding="utf-8").rstrip().endswith("</html>"):
        raise ValueError("the page does not end")


def _database(path: Path) -> None:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        (answer,) = database.execute("PRAGMA integrity_check").fetchone()
    if answer != "ok":
        raise ValueError(answer)


def _model(path: Path) -> None:
    from edgefrac.runtimes.session import open_session

    open_session(path)


_READERS: dict[str, Callable[[Path], object]] = {
    ".safetensors": _tensors,
    ".json": lambda path: json.loads(path.read_bytes()),
    ".yaml": lambda path: yaml.safe_load(path.read_bytes()),
    ".png": _image,
    ".html": _page,
    ".db": _database,
    ".tflite": _model,
}
