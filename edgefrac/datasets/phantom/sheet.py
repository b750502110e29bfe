"""A contact sheet: many phantoms at a glance, with the notice that nothing on it is clinical."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from edgefrac.datasets.phantom.source import NOTICE
from edgefrac.datasets.sample import Dataset

_TILE = 176  # pixels along a side
_GAP = 4
_FOOT = 18


def contact_sheet(dataset: Dataset, columns: int = 6) -> bytes:
    """PNG bytes of all images of ``dataset`` in rows of ``columns``."""
    rows = -(-len(dataset) // columns)
    sheet = Image.new("L", (columns * (_TILE + _GAP), rows * (_TILE + _GAP) + _FOOT), 0)
    for number, sample in enumerate(dataset.samples):
        tile = ImageOps.contain(Image.fromarray(sample.read().pixels), (_TILE, _TILE), Image.Resampling.BOX)
        row, column = divmod(number, columns)
        places = zip((column, row), tile.size, strict=True)
        left, top = ((_TILE + _GAP) * place + (_TILE - side) // 2 for place, side in places)
        sheet.paste(tile, (left, top))
    ImageDraw.Draw(sheet).text((_GAP, sheet.height - _FOOT + 3), f"{dataset.name}: {NOTICE}", fill=200)
    stream = io.BytesIO()
    grey = np.asarray(sheet) & 0xFC  # 64 grey levels are enough to look at, and a third of the bytes
    Image.fromarray(grey).save(stream, "PNG", optimize=True)
    return stream.getvalue()
