"""Received objects and answers for the tests of what is made of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from edgefrac.imaging.depth import Depth, of_raster
from edgefrac.serve.answer import Answer, Display, Picture, RegionOfEvidence, Scale
from edgefrac.serve.dicom.envelope import Envelope, envelope_of
from edgefrac.serve.dicom.outgoing import outgoing
from edgefrac.serve.numbers import leave
from edgefrac.serve.worklist import Item

CELLS = 8
FINISHED = 1_790_000_000.75


def answer(rows: int, columns: int, **changes: Any) -> Answer:
    """A positive answer with one region, on an image of that size."""
    return Answer(
        probability=0.75,
        threshold=0.25,
        positive=True,
        label="fracture",
        log_odds=1.0986,
        finding="localised",
        peak=(20.0, 30.0),
        regions=(RegionOfEvidence(box=(10.5, 20.0, 40.0, 30.5), log_odds=0.8, share=0.625),),
        scale=Scale(size=32, bias=-0.25, temperature=1.0),
        picture=Picture(width=columns, height=rows, source_format="DICOM", display=Display.of(_depth(rows, columns))),
        model="tiny",
        model_version="1.2",
        model_sha256="ab" * 32,
        precision="int8",
        milliseconds=1.0,
    ).model_copy(update=changes)


def item(given: Answer | None) -> Item:
    """The work list's row with that answer, or none."""
    state = "answered" if given else "unreadable"
    return Item(7, "0" * 32, b"\1" * 32, "dicom", state, FINISHED - 1, FINISHED, 0, given, None)


def numbers(folder: Path, rows: int, columns: int) -> Path:
    """The folder, with the numbers that a reader leaves there."""
    if not folder.exists():
        evidence = np.random.default_rng(5).normal(0, 8, (CELLS, CELLS)).astype(np.float32)
        leave(_depth(rows, columns), evidence, folder)
    return folder


def _depth(rows: int, columns: int) -> Depth:
    return of_raster(np.random.default_rng(4).integers(0, 256, (rows, columns), np.uint8))


def sent(data: bytes, folder: Path, **changes: Any) -> list[bytes]:
    """What goes out for a received file: overlay and report."""
    header = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
    rows, columns = header.Rows, header.Columns
    envelope = Envelope.from_json(envelope_of(data, "test").to_json())
    return outgoing(item(answer(rows, columns, **changes)), envelope, numbers(folder, rows, columns))


def written(folder: Path, *files: bytes) -> list[Path]:
    """The files, on the disk."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.dcm" for number in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    return paths


def changed(data: bytes, edit: Callable[[pydicom.Dataset], None]) -> bytes:
    """A DICOM file after ``edit`` of its data set."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    edit(dataset)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def renamed(number: int) -> Callable[[pydicom.Dataset], None]:
    """The edit that makes an image another one, with SOP Instance UID 1.2.3.``number + 1``."""

    def edit(dataset: pydicom.Dataset) -> None:
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number + 1}"

    return edit
