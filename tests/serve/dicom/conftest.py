"""DICOM phantoms, and a reading room with a DICOM node that runs the tiny model, or the reference where asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgefrac.datasets.phantom import phantom_dataset, write_phantoms
from edgefrac.serve.readers import Limits, Readers
from edgefrac.serve.service import ReadingRoom, Rules
from edgefrac.serve.state import State
from tests.serve.dicom.room import DicomRoom

OpenRoom = Callable[..., DicomRoom]


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Two DICOM phantoms of each kind: DX, CT and MR."""
    folder, found = tmp_path_factory.mktemp("phantoms"), {}
    for kind in ("xray", "ct", "mr"):
        write_phantoms(phantom_dataset(2, 5, modality=kind), folder / kind, "dicom")
        found[kind] = sorted((folder / kind).rglob("*.dcm"))
    return found


@pytest.fixture
def open_room(tmp_path: Path, tiny_tflite: Path) -> Iterator[OpenRoom]:
    """Opens a room with a node; what was opened is closed after the test."""
    opened: list[DicomRoom] = []

    def open_one(*destinations: str, state: str = "state", **options: object) -> DicomRoom:
        readers = Readers(tiny_tflite, 1, limits=Limits(seconds=20, megabytes=1000))
        waiting = int(str(options.pop("waiting", 1000)))
        room = ReadingRoom(State(tmp_path / state), readers, destinations, Rules(waiting=waiting))
        one = DicomRoom(room, destinations, **options)  # type: ignore[arg-type]
        opened.append(one)
        return one

    yield open_one
    for one in opened:
        one.close()
