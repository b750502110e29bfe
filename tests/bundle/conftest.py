"""The small bundle, wherever a test wants it, and a pair of keys."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.bundle import material
from tests.bundle.material import FP32, INT8, Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    models = tmp_path / "models"
    models.mkdir()
    (models / INT8).write_bytes(b"int8 model" * 100)
    (models / FP32).write_bytes(b"fp32 model" * 400)
    return partial(material.write, models)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``private.pem`` and ``public.pem``."""
    pytest.importorskip("cryptography")
    from edgefrac.bundle.keys import new_key_pair

    folder = tmp_path_factory.mktemp("keys")
    new_key_pair(folder, None)
    return folder
