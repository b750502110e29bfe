"""What Python answers with the app's own model file: on 100 phantoms, and on radiographs where there are some."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pack import Pack
from PIL import Image

from edgefrac.datasets.phantom import phantom_image
from edgefrac.explanation import heat_of, located
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.read import read_radiograph
from edgefrac.runtimes.session import open_session

COUNT = 100
_SEED = 3
_SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "FracAtlas"


def write(folder: Path, assets: Path) -> int:
    """Images with the answers of the model in ``assets``; real radiographs stay in ``folder``, which git ignores."""
    images = folder / "images"
    shutil.rmtree(images, ignore_errors=True)
    images.mkdir(parents=True)
    session = open_session(assets / json.loads((assets / "app.json").read_text())["model"])
    size = session.contract.input.size
    pack = Pack()
    for path, is_real in (*_phantoms(images), *_radiographs(images)):
        radiograph = read_radiograph(path)
        network_input = preprocess(radiograph.pixels, size)
        answer = session.predict(network_input)
        found = located(session, radiograph, network_input, answer, path)
        more: dict[str, Any] = {} if is_real else {"picture": np.ascontiguousarray(heat_of(found, radiograph))}
        pack.add(
            file=f"images/{path.name}",
            real=is_real,
            input=network_input,
            evidence=found.evidence,
            row={k: v for k, v in found.row.items() if k not in ("file", "model")},
            **more,
        )
    return pack.write(folder, "answers")


def _phantoms(images: Path) -> Iterator[tuple[Path, bool]]:
    for index in range(COUNT):
        path = images / f"phantom-{_SEED}-{index:03}.png"
        Image.fromarray(phantom_image(_SEED, index)[0]).save(path)
        yield path, False


def _radiographs(images: Path) -> Iterator[tuple[Path, bool]]:
    """Evenly out of FracAtlas, fractured and not."""
    source = Path(os.environ.get("EDGEFRAC_FRACATLAS") or _SHARED)
    for kind in ("Fractured", "Non_fractured"):
        files = sorted((source / "images" / kind).glob("*.jpg"))
        for file in files[:: max(1, len(files) * 2 // (COUNT + 20))][: COUNT // 2 + 5]:
            yield Path(shutil.copy(file, images / file.name)), True
