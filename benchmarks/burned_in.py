"""Does the check for burned-in text find text, and how often does it see some where there is none?

    python -m benchmarks.burned_in --data path/to/FracAtlas [--half test] [--images 1000] [--out FILE.json]

Blocks of ids are dealt into two halves. The threshold was chosen on the half "tuning", with fonts, sizes, contrasts and
places of its own; "test", the default, has others, and other words. Phantoms, of which a third bear a side marker, are
counted apart. One to three lines of made-up names, dates and numbers are drawn on each image once. Intervals are
Wilson's, 95 %; images of one block are taken as independent, so those of the false alarms are a little narrow.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edgefrac.cli.output import track
from edgefrac.datasets import open_dataset
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.datasets.sample import Sample
from edgefrac.errors import ImageError
from edgefrac.imaging.burned_in import STROKES, band_of_text
from edgefrac.verification.statistics import wilson

Pixels = NDArray[np.uint8]
_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_SURNAMES = "Doe Smith Mueller Kowalski Rahman Nguyen Garcia Ivanov Okafor Tanaka".split()
_GIVEN = "Jane John Anna Peter Fatima Li Maria Oleg Ada Kenji".split()
_LEAST = 8  # pixels: smaller letters cannot be read


@dataclass(frozen=True)
class Kind:
    """How text is drawn: fonts, size as a share of the longer side, grey levels from the ground, and where."""

    fonts: tuple[str, ...]
    sizes: tuple[float, ...]
    contrasts: tuple[int, ...]
    places: tuple[str, ...]
    words: Callable[[np.random.Generator], str]


def tuning_words(rng: np.random.Generator) -> str:
    """A name as DICOM has it, or a number."""
    surname, given = rng.choice(_SURNAMES).upper(), rng.choice(_GIVEN).upper()
    return str(rng.choice([f"{surname}^{given}", f"ID {rng.integers(10**6, 10**8)}", f"{surname}, {given.title()}"]))


def test_words(rng: np.random.Generator) -> str:
    """A name as people write it, a date, or both."""
    name = f"{rng.choice(_GIVEN)} {rng.choice(_SURNAMES)}"
    date = f"{rng.integers(1, 29):02}.{rng.integers(1, 13):02}.{rng.integers(1930, 2020)}"
    return str(
        rng.choice([name, f"{name} *{date}", f"{date} {rng.integers(24):02}:{rng.integers(60):02}", name.lower()])
    )


KINDS = {
    "tuning": Kind(
        ("DejaVuSans.ttf", "DejaVuSansMono-Bold.ttf"),
        (0.022, 0.03, 0.04),
        (90, 140, 200),
        ("top left", "top right", "bottom left", "bottom right"),
        tuning_words,
    ),
    # "" is the font that Pillow brings along
    "test": Kind(
        ("", "DejaVuSerif.ttf", "STIXGeneral.ttf", "DejaVuSans-Bold.ttf"),
        (0.018, 0.026, 0.035, 0.05),
        (70, 110, 170, 255),
        ("top", "bottom", "left", "right", "top left", "bottom right"),
        test_words,
    ),
}


def drawn(pixels: Pixels, kind: Kind, rng: np.random.Generator) -> tuple[Pixels, dict[str, Any]]:
    """``pixels`` with text on it, and how that was drawn."""
    image = Image.fromarray(pixels.copy())
    share, contrast, place = rng.choice(kind.sizes), int(rng.choice(kind.contrasts)), str(rng.choice(kind.places))
    size, name = max(_LEAST, round(share * max(pixels.shape))), str(rng.choice(kind.fonts))
    font = ImageFont.truetype(str(_FONTS / name), size) if name else ImageFont.load_default(size)
    text = "\n".join(kind.words(rng) for _ in range(rng.integers(1, 4)))
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = (round(side) for side in draw.multiline_textbbox((0, 0), text, font=font))
    margin = round(0.015 * max(pixels.shape))
    x = _start(place, ("left", "right"), image.width - (right - left), margin)
    y = _start(place, ("top", "bottom"), image.height - (bottom - top), margin)
    ground = float(np.median(pixels[y : y + bottom - top, x : x + right - left]))
    grey = ground + contrast if ground < 128 else ground - contrast
    draw.multiline_text((x - left, y - top), text, font=font, fill=int(np.clip(grey, 0, 255)))
    return np.asarray(image), {"size": f"{share:.1%}", "contrast": contrast, "place": place, "font": name or "Pillow's"}


def _start(place: str, ends: tuple[str, str], room: int, margin: int) -> int:
    wanted = margin if ends[0] in place else room - margin if ends[1] in place else room // 2
    return max(0, wanted)


def rate(found: Sequence[bool]) -> dict[str, Any]:
    """A share with its interval."""
    estimate = wilson(sum(found), len(found))
    return {"found": sum(found), "of": len(found), "share": estimate.value, "ci": [estimate.low, estimate.high]}


def measured(samples: Sequence[Sample], kind: Kind, name: str) -> dict[str, Any]:
    """False alarms, sensitivity in all and by how text was drawn, and milliseconds an image."""
    rng, rows, without, spent, unreadable = np.random.default_rng(61), [], [], [], 0
    for sample in track(samples, name):
        try:
            pixels = sample.read().pixels
        except ImageError:
            unreadable += 1
            continue
        started = time.perf_counter()
        without.append(bool(band_of_text(pixels)[0] >= STROKES))
        spent.append(time.perf_counter() - started)
        marked, how = drawn(pixels, kind, rng)
        rows.append({**how, "found": bool(band_of_text(marked)[0] >= STROKES)})
    return {
        "images": name,
        "unreadable": unreadable,
        "false_alarms": rate(without),
        "sensitivity": rate([row["found"] for row in rows]),
        "by": {
            facet: {
                str(value): rate([row["found"] for row in rows if row[facet] == value])
                for value in sorted({row[facet] for row in rows})
            }
            for facet in ("size", "contrast", "place", "font")
        },
        "median_ms": 1000 * float(np.median(spent)),
    }


def half_of(sample: Sample) -> str:
    """Which half a sample's block belongs to."""
    return ("tuning", "test")[hashlib.sha256(sample.group.encode()).digest()[0] % 2]


def in_words(found: dict[str, Any]) -> str:
    """The document's rows as text."""
    lines = [f"{found['images']}: {found['unreadable']} unreadable, {found['median_ms']:.2f} ms an image"]
    lines += [_line(name.replace("_", " "), found[name]) for name in ("false_alarms", "sensitivity")]
    for facet, values in found["by"].items():
        lines += [_line(f"sensitivity, {facet} {value}", rated) for value, rated in values.items()]
    return "\n".join(lines)


def _line(name: str, rated: dict[str, Any]) -> str:
    low, high = rated["ci"]
    return f"  {name}: {rated['share']:.1%} [{low:.1%}, {high:.1%}], {rated['found']} of {rated['of']}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="radiographs; without, phantoms alone")
    parser.add_argument("--half", choices=sorted(KINDS), default="test")
    parser.add_argument("--images", type=int, default=1000, help="of each source at most")
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    options = parser.parse_args()
    kind, found = KINDS[options.half], []
    if options.data:
        samples = [sample for sample in open_dataset(options.data).samples if half_of(sample) == options.half]
        order = np.random.default_rng(0).permutation(len(samples))[: options.images]
        found.append(measured([samples[i] for i in sorted(order)], kind, f"radiographs, half {options.half}"))
    count, seed = min(options.images, 300), 7 if options.half == "test" else 8
    found.append(measured(phantom_dataset(count, seed).samples, kind, f"phantoms, seed {seed}"))
    print("\n".join(map(in_words, found)))
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
