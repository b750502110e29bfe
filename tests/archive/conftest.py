"""A small archive, and how its results are read by others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Twelve images in two folders, a damaged one, and a text that is none of them."""
    root = tmp_path / "archive"
    rng = np.random.default_rng(5)
    for number in range(12):
        path = root / ("new" if number % 2 else "old") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 60), np.uint8)).save(path)
    (root / "old" / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (root / "readme.txt").write_text("not an image")
    return root


def table(folder: Path) -> list[dict[str, Any]]:
    """The rows of a results folder, read by pyarrow as one data set, in order of their files."""
    dataset = pytest.importorskip("pyarrow.dataset")
    rows = dataset.dataset(folder, format="parquet").to_table().to_pylist()
    return sorted(rows, key=lambda row: row["file"])


def timeless(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without how long they took."""
    return [{key: value for key, value in row.items() if key != "milliseconds"} for row in rows]
