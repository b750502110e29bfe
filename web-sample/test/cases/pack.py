"""Arrays and what is known of them, for tests in another language: NAME.json says where in NAME.bin each array lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Pack:
    """Cases of one kind, written to a folder."""

    def __init__(self) -> None:
        self._cases: list[dict[str, Any]] = []
        self._content = bytearray()

    def array(self, values: NDArray[Any]) -> list[int]:
        """Store an array's bytes, little-endian, row by row; returns [first byte, bytes]."""
        content = np.ascontiguousarray(values).tobytes()
        place = [len(self._content), len(content)]
        self._content += content
        self._content += bytes(-len(content) % 8)
        return place

    def add(self, **case: Any) -> None:
        """One case; arrays in it are stored."""
        self._cases.append({k: self.array(v) if isinstance(v, np.ndarray) else v for k, v in case.items()})

    def write(self, folder: Path, name: str) -> int:
        """Write both files; returns how many cases there are."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.bin").write_bytes(self._content)
        (folder / f"{name}.json").write_text(json.dumps(self._cases, allow_nan=False), encoding="utf-8")
        return len(self._cases)
