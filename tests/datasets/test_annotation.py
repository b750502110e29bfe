from __future__ import annotations

import io

import pytest

from edgefrac.datasets.annotation import upright_size
from tests.datasets.conftest import image_bytes


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (60, 40)), (3, (60, 40)), (6, (40, 60)), (8, (40, 60))])
def test_upright_size_heeds_exif(kind: str, orientation: int, size: tuple[int, int]) -> None:
    data = image_bytes(1, kind=kind, orientation=orientation)
    assert upright_size(io.BytesIO(data)) == (size, size == (40, 60))
