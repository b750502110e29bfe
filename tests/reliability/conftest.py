"""A toy trained and exported once, for what kills it, makes it again and takes its memory and disk away."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ready for ``edgefrac`` to run in; tests write to folders of their own in it."""
    if missing := [name for name in ("lightning", "litert_torch", "optuna") if find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    from benchmarks.reliability.preparing import prepare

    folder = tmp_path_factory.mktemp("toy")
    prepare(folder, epochs=1, trials=1)
    return folder
