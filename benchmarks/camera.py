"""Does the check for foreign images find radiographs that were photographed from a light box or a screen?

    python -m benchmarks.camera [MODEL] [--data DIR] [--images 200]

Photographs are simulated (phantoms, unless --data gives radiographs; those of the model's training are left out):
perspective, what is around a film or a screen, glare, uneven light, moiré, colour cast, blur, noise and JPEG.
Each is written to a file and read as any image is. The last column is the check without its question for colour, as for
a camera that was set to grey. Beside it stands the AUROC: what the answer would have been worth.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from edgefrac.cli.output import track
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.imaging.familiarity import foreign
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.read import decode_radiograph
from edgefrac.pipeline.parity import read_panel
from edgefrac.prediction import load
from edgefrac.progress import silent
from edgefrac.runtimes.session import Session
from edgefrac.verification.statistics import delong_auroc, wilson

_SEED = 88
_SIDE = 900  # pixels of the photograph's longer side
Scene = NDArray[np.float32]  # [H, W, 3], 0 to 1


@dataclass(frozen=True)
class Kind:
    """A way to photograph: how far corners move (share of the side), what is around, and what the light does."""

    name: str
    margin: float
    around: float
    light: Callable[[Scene, np.random.Generator], Scene]


def light_box(scene: Scene, rng: np.random.Generator) -> Scene:
    """Uneven light from behind, and a film's bluish base."""
    height, width = scene.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    middle = rng.uniform(0.3, 0.7, 2)
    fall = 1 - 0.35 * np.hypot(y / height - middle[0], x / width - middle[1])
    return scene * fall[..., None] * np.array([0.92, 0.97, 1.0], np.float32)


def screen(scene: Scene, rng: np.random.Generator) -> Scene:
    """Moiré of the screen's grid, a reflection, and the screen's white."""
    height, width = scene.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(3, 9)
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / pitch)
    middle, spread = rng.uniform(0.1, 0.9, 2), rng.uniform(0.08, 0.2)
    glare = np.exp(-((y / height - middle[0]) ** 2 + (x / width - middle[1]) ** 2) / spread**2)
    white = rng.uniform([0.9, 0.95, 0.95], [1.0, 1.0, 1.05]).astype(np.float32)
    return (scene * (1 + 0.04 * wave[..., None]) + 0.4 * glare[..., None]) * white


KINDS = (
    Kind("film on a light box", margin=0.12, around=0.95, light=light_box),
    Kind("screen in a dark room", margin=0.12, around=0.05, light=screen),
    Kind("screen, nothing around it", margin=0.0, around=0.0, light=screen),
    Kind("light box, nothing around it", margin=0.0, around=0.0, light=light_box),
)


def photographed(pixels: NDArray[np.uint8], kind: Kind, rng: np.random.Generator) -> bytes:
    """A JPEG of a grey raster uint8 [H, W] as a hand-held camera would take it."""
    scale = _SIDE / max(pixels.shape)
    width, height = (max(2, round(side * scale)) for side in (pixels.shape[1], pixels.shape[0]))
    grey = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    edge = max(kind.margin, 0.01)
    off = rng.uniform(-edge, 0, (4, 2)) if kind.margin else rng.uniform(0, edge, (4, 2))
    inward = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]])  # top left, bottom left, bottom right, top right
    corners = np.array([[0, 0], [0, height], [width, height], [width, 0]]) + off * inward * [width, height]
    seen = grey.transform(
        (width, height),
        Image.Transform.QUAD,
        corners.ravel().tolist(),
        Image.Resampling.BICUBIC,
        fillcolor=round(255 * kind.around),
    )
    scene = np.repeat(np.asarray(seen, np.float32)[..., None] / 255, 3, axis=2)
    scene = kind.light(scene, rng) + rng.normal(0, 0.01, scene.shape).astype(np.float32)
    picture = Image.fromarray(np.rint(255 * scene.clip(0, 1)).astype(np.uint8))
    written = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.5))).save(written, "JPEG", quality=85)
    return written.getvalue()


def line(name: str, files: Iterable[bytes], session: Session, labels: Sequence[int]) -> str:
    """One row of the table, for files in the order of ``labels``."""
    contract = session.contract
    found, said = [], []
    for data in files:
        radiograph = decode_radiograph(data, name)
        network_input = preprocess(radiograph.pixels, contract.input.size)
        grey = replace(radiograph, chroma=0.0)
        found.append([foreign(one, network_input, contract.familiar) is not None for one in (radiograph, grey)])
        said.append(float(session.predict(network_input).probability[contract.task().first_channel]))
    cells = [wilson(int(hits), len(found)) for hits in np.sum(found, axis=0)]
    auroc = delong_auroc(labels, said)
    shown = " | ".join(f"{cell.value:.3f} ({cell.low:.3f}–{cell.high:.3f})" for cell in (*cells, auroc))
    return f"| {name} | {len(found)} | {shown} |"


def as_it_is(pixels: NDArray[np.uint8]) -> bytes:
    """The radiograph itself, as PNG."""
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--data")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--show", type=Path, help="write one photograph of each kind there")
    chosen = parser.parse_args()
    session = load(chosen.model)
    data = fracture_task(open_dataset(chosen.data)) if chosen.data else phantom_dataset(chosen.images, _SEED)
    panel = read_panel(data, session, chosen.images, silent)
    labels = [case.label for case in panel.collection.cases]
    print("| photographs | n | foreign | foreign as grey | AUROC of the answers |\n|---|---|---|---|---|")
    plain = (as_it_is(sample.read().pixels) for sample in track(panel.samples, "as they are"))
    print(line("none: the radiographs as they are", plain, session, labels), flush=True)
    for kind in KINDS:
        rng = np.random.default_rng(_SEED)
        taken = (photographed(sample.read().pixels, kind, rng) for sample in track(panel.samples, kind.name))
        print(line(kind.name, taken, session, labels), flush=True)
        if chosen.show:
            chosen.show.mkdir(parents=True, exist_ok=True)
            shown = photographed(panel.samples[0].read().pixels, kind, np.random.default_rng(_SEED))
            (chosen.show / f"{kind.name}.jpg").write_bytes(shown)


if __name__ == "__main__":
    main()
