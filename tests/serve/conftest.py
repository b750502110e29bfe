"""Reading rooms that several tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("fastapi")

from tests.serve.running import Server, serving


@pytest.fixture(scope="session")
def room(tiny_tflite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One without token, two readers, the tiny model."""
    state = tmp_path_factory.mktemp("room") / "state"
    with serving(tiny_tflite, state, "--readers", "2", "--requests-per-second", "0") as server:
        yield server


@pytest.fixture(scope="session")
def client(room: Server) -> Iterator[httpx.Client]:
    """A client of ``room``."""
    with room.client() as made:
        yield made


@pytest.fixture(scope="session")
def guarded(tiny_tflite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with token, and bodies of 1 MiB at most."""
    state = tmp_path_factory.mktemp("guarded") / "state"
    options = ("--readers", "1", "--token", "--max-megabytes", "1", "--requests-per-second", "0")
    with serving(tiny_tflite, state, *options) as server:
        yield server
