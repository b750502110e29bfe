"""What training would see: a sheet of augmented radiographs with their fractures outlined. Nothing is trained."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from edgefrac import durable
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.datasets.sample import Dataset
from edgefrac.pipeline.material import packed_side
from edgefrac.progress import Track
from edgefrac.training.augmentation import augment_batch
from edgefrac.training.cache import pack
from edgefrac.training.recipe import Recipe
from edgefrac.training.task import Batch, step_generator

_FRACTURED, _OTHERS, _DRAWS = 6, 2, 6
_TILE, _GAP, _FOOT = 176, 4, 18
_OUTLINE = (251, 180, 26)

_Tile = tuple[NDArray[np.uint8], NDArray[np.float32]]


def write_preview(recipe: Recipe, data: str, out: Path, track: Track) -> list[str]:
    """Write a PNG with a row for each of a few radiographs: as packed, then augmented, the recipe's stages in turn.

    Returns the radiographs' ids. Raises DatasetError, OutputError.
    """
    dataset = _chosen(fracture_task(open_dataset(data)))
    with TemporaryDirectory() as folder:
        packed = pack(dataset, packed_side(recipe), Path(folder), track)
        shown = [dataset.samples[i] for i in packed.kept]
        batch = {
            "image": torch.from_numpy(np.array(packed.images))[:, None],
            "mask": torch.from_numpy(np.array(packed.masks))[:, None],
            "label": torch.tensor([[float(s.label > 0)] for s in shown]),
            "known": torch.tensor([float(s.label == 0 or bool(s.boxes or s.polygons)) for s in shown]),
        }
    columns = [_tiles({**batch, "mask": batch["mask"] / 255})]
    for draw in range(_DRAWS):
        stage = recipe.stages[draw % len(recipe.stages)]
        generator, located = step_generator(recipe, draw), torch.tensor([True])
        columns.append(_tiles(augment_batch(batch, stage, recipe.augmentation, generator, located)))
    caption = f"{recipe.name}: radiographs of {dataset.name} as packed, then as training sees them; fractures outlined"
    durable.write(out, _sheet(columns, caption))
    return [s.id for s in shown]


def _chosen(dataset: Dataset) -> Dataset:
    """A few radiographs from all over the data set, most of them with a fracture that is marked."""
    marked = [s for s in dataset.samples if s.label > 0 and (s.boxes or s.polygons)]
    others = [s for s in dataset.samples if s.label == 0]
    picked = [
        pool[i]
        for pool, count in ((marked, _FRACTURED), (others, _OTHERS))
        for i in np.linspace(0, len(pool) - 1, min(count, len(pool))).astype(int)
    ]
    return replace(dataset, samples=tuple(picked) or dataset.samples[: _FRACTURED + _OTHERS])


def _tiles(batch: Batch) -> list[_Tile]:
    return list(zip(batch["image"][:, 0].numpy(), batch["mask"][:, 0].float().numpy(), strict=True))


def _sheet(columns: list[list[_Tile]], caption: str) -> bytes:
    step = _TILE + _GAP
    sheet = Image.new("RGB", (len(columns) * step, len(columns[0]) * step + _FOOT))
    for column, tiles in enumerate(columns):
        for row, (image, mask) in enumerate(tiles):
            tile = Image.fromarray(image).resize((_TILE, _TILE), Image.Resampling.BOX).convert("RGB")
            tile.paste(_OUTLINE, mask=_outline(mask))
            sheet.paste(tile, (column * step, row * step))
    ImageDraw.Draw(sheet).text((_GAP, sheet.height - _FOOT + 3), caption, fill=(200, 200, 200))
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _outline(mask: NDArray[np.float32]) -> Image.Image:
    """What lies just around the marked pixels of ``mask`` [M, M], at the size of a tile."""
    solid = Image.fromarray(np.where(mask > 0.5, 255, 0).astype(np.uint8)).resize((_TILE, _TILE))
    around = np.asarray(solid.filter(ImageFilter.MaxFilter(5))) > np.asarray(solid)
    return Image.fromarray(np.where(around, 255, 0).astype(np.uint8))
