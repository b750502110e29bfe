"""What the Kotlin side is compared with: images, and what Python makes of them.

    python check/material.py ASSETS OUT [--data DIR]

ASSETS is a folder that ``edgefrac bundle --app`` wrote. OUT gets pairs of NAME.json (one row per item) and NAME.bin
(the bytes of all items, one after the other, little-endian): ``preprocess``, ``grey``, ``overlay``, ``images``
(radiographs of DIR, else phantoms, with the model's answers) and ``photographs`` (of film and screens, simulated from
those).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from photographs import photographed

from edgefrac.datasets import Sample, open_dataset
from edgefrac.errors import ImageError
from edgefrac.explanation import located
from edgefrac.imaging.evidence import evidence_peak
from edgefrac.imaging.familiarity import distance, foreign
from edgefrac.imaging.grey import chroma, to_grey
from edgefrac.imaging.heat import painted
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.raster import upright
from edgefrac.imaging.regions import Region, evidence_regions
from edgefrac.runtimes.session import Session, open_session

Row = dict[str, Any]
Item = tuple[Row, list[NDArray[Any]]]

RASTERS, OVERLAYS, IMAGES, PHOTOGRAPHS = 1200, 240, 120, 60
"""How many of each are made."""


def main() -> None:
    """Write all pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", help="a data set of radiographs; phantoms without")
    asked = parser.parse_args()
    folder = asked.assets / "edgefrac"
    session = open_session(folder / json.loads((folder / "app.json").read_text(encoding="utf-8"))["model"])
    asked.out.mkdir(parents=True, exist_ok=True)
    source = asked.data or f"phantom:n={IMAGES},seed=8"
    radiographs = list(_radiographs(source))
    _write(asked.out, "preprocess", _rasters(np.random.default_rng(1), session.contract.input.size))
    _write(asked.out, "grey", _samples(np.random.default_rng(2)))
    _write(asked.out, "overlay", _overlays(np.random.default_rng(3)))
    _write(asked.out, "images", (_image(name, found, session) for name, found in radiographs))
    _write(asked.out, "photographs", _photographs(radiographs, session))
    print(f"material of {len(radiographs)} images of {'the given data' if asked.data else 'phantoms'}")


def _write(folder: Path, name: str, items: Iterator[Item]) -> None:
    rows = []
    with (folder / f"{name}.bin").open("wb") as file:
        for row, arrays in items:
            rows.append(row)
            for array in arrays:
                file.write(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes())
    (folder / f"{name}.json").write_text(json.dumps(rows, allow_nan=False), encoding="utf-8")


def _grain(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Noise, flat areas and extremes by turns: what rounding could get wrong."""
    kind = int(rng.integers(4))
    if kind == 0:
        return np.full((height, width), rng.integers(256), np.uint8)
    if kind == 1:
        return rng.choice(np.array([0, 255], np.uint8), (height, width))
    if kind == 2:
        return (np.add.outer(np.arange(height), np.arange(width)) * int(rng.integers(1, 9)) % 256).astype(np.uint8)
    return rng.integers(0, 256, (height, width), dtype=np.uint8)


def _rasters(rng: np.random.Generator, size: int) -> Iterator[Item]:
    """Rasters of odd sizes, one pixel wide ones among them, for small inputs and every twentieth for the model's."""
    for number in range(RASTERS):
        height, width = (int(side) for side in rng.integers(1, 260, 2) | 1)
        if number % 17 == 0:
            height, width = ((1, width), (height, 1))[number % 2]
        to = size if number % 20 == 0 else int(rng.integers(1, 97)) | 1
        if number % 23 == 0:
            to = max(height, width)  # neither shrinks nor grows
        pixels = _grain(rng, height, width)
        yield {"height": height, "width": width, "size": to}, [pixels, preprocess(pixels, to)]


def _samples(rng: np.random.Generator) -> Iterator[Item]:
    """Colour samples with and without alpha, and every way that EXIF turns them."""
    for number in range(160):
        height, width = (int(side) for side in rng.integers(1, 60, 2) | 1)
        samples = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
        if number % 2:
            samples[..., 3] = 255
        if number % 5 == 0:
            samples[..., 1:3] = samples[..., :1]
        orientation = number % 9
        turned = upright(to_grey(samples), orientation)
        row = {"height": height, "width": width, "orientation": orientation, "chroma": chroma(samples)}
        yield row | {"turned": list(turned.shape)}, [samples, turned]


def _overlays(rng: np.random.Generator) -> Iterator[Item]:
    """Evidence of any kind over pictures of any size: pixels, peak and regions."""
    for number in range(OVERLAYS):
        height, width = (int(side) for side in rng.integers(9, 330, 2) | 1)
        size, (rows, columns) = int(rng.integers(32, 400)), (int(n) for n in rng.integers(1, 24, 2))
        if number % 40 == 0:
            height, width = 3, 700  # longer than the samples of the regions, and so flat that no cell's centre is on it
        evidence = (rng.normal(0, rng.choice([2, 10, 40]), (rows, columns))).astype(np.float32)
        bias, temperature = float(rng.normal(0, 2)), float(rng.uniform(0.6, 2))
        placement = Placement(height, width, size)
        grey = _grain(rng, height, width)
        regions = evidence_regions(evidence, placement, bias, temperature)
        yield (
            {
                "height": height,
                "width": width,
                "size": size,
                "rows": rows,
                "columns": columns,
                "bias": bias,
                "temperature": temperature,
                "peak": list(evidence_peak(evidence, placement)),
                "regions": [_region(region) for region in regions],
            },
            [evidence, grey, painted(grey, evidence, placement, bias=bias, temperature=temperature)],
        )


def _region(region: Region) -> Row:
    return {"box": list(region.box), "log_odds": region.log_odds, "share": region.share}


def _radiographs(source: str) -> Iterator[tuple[str, Radiograph]]:
    """As many as are wanted, spread evenly over the data set; fractured ones as often as others."""
    dataset = open_dataset(source)
    by_label: dict[int, list[Sample]] = {}
    for sample in dataset.samples:
        by_label.setdefault(sample.label, []).append(sample)
    for samples in by_label.values():
        share = IMAGES // len(by_label)
        for place in np.linspace(0, len(samples) - 1, min(share, len(samples))).astype(int):
            try:
                yield samples[place].id, samples[place].read()
            except ImageError:  # the data set has damaged files, which are not the question here
                continue


def _image(name: str, radiograph: Radiograph, session: Session) -> Item:
    """A radiograph, the network input, what the model answers, and what is shown of that."""
    network_input = preprocess(radiograph.pixels, session.contract.input.size)
    answer = session.predict(network_input)
    found = located(session, radiograph, network_input, answer, Path(name))
    assert answer.evidence is not None
    row = _known(name, radiograph, network_input, session) | {
        "label": found.row["label"],
        "finding": found.row["finding"],
        "regions": len(found.regions),
    }
    return row, [radiograph.pixels, network_input, answer.probability, answer.evidence]


def _photographs(radiographs: list[tuple[str, Radiograph]], session: Session) -> Iterator[Item]:
    """Photographs of the first radiographs, half of them in colour, as a camera takes them of film and screens."""
    for number, (name, radiograph) in enumerate(radiographs[:: max(1, len(radiographs) // PHOTOGRAPHS)]):
        samples = photographed(radiograph.pixels, np.random.default_rng(number), grey=number % 2 == 1)
        photograph = Radiograph(to_grey(samples), "PNG", chroma=chroma(samples))
        network_input = preprocess(photograph.pixels, session.contract.input.size)
        row = _known(name, photograph, network_input, session)
        yield row | {"grey": number % 2 == 1}, [photograph.pixels, network_input]


def _known(name: str, radiograph: Radiograph, network_input: NDArray[np.uint8], session: Session) -> Row:
    familiar = session.contract.familiar
    return {
        "name": name,
        "height": radiograph.height,
        "width": radiograph.width,
        "chroma": radiograph.chroma,
        "distance": None if familiar is None else distance(network_input, familiar),
        "foreign": foreign(radiograph, network_input, familiar) is not None,
    }


if __name__ == "__main__":
    main()
