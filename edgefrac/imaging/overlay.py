"""The evidence map drawn over the radiograph, for screen, for grey printers and for the colour-blind.

The scale is fixed, never stretched to the image: colour and opacity follow the calibrated log-odds that a place adds,
(evidence + bias) / temperature, per 1 % of the network input's area. Those shares add up to the log-odds of the
probability in the caption, however fine the map is, so a radiograph that adds up to "no" stays quiet.
Opacity, contour lines and a marker at the peak say the same thing, so that nothing depends on seeing colour.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefrac import durable
from edgefrac.contract import NOT_A_MEDICAL_DEVICE
from edgefrac.imaging.evidence import evidence_peak
from edgefrac.imaging.heat import CONTOURS, FULL_SCALE, coloured, painted
from edgefrac.imaging.preprocess import Placement
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.regions import Region, density

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

_LONGER_SIDE = 960
_MIN_WIDTH = 700
_STRIP = 118
_CAUTION = 56
_MARGIN = 16


def draw_overlay(
    radiograph: Radiograph,
    evidence: NDArray[np.float32],
    placement: Placement,
    *,
    probability: float,
    threshold: float,
    label: str,
    bias: float,
    temperature: float,
    regions: Sequence[Region] = (),
    caution: str = "",
) -> Image:
    """Draw ``evidence`` [h, w] (log-odds; mean + ``bias`` = logit) over the radiograph, with a caption below: RGB.

    The picture is the whole radiograph at 960 px on its longer side; ``label`` is the verdict's name. ``regions`` are
    framed, each with its share. ``caution`` says above the verdict why it does not count.
    """
    from PIL import Image, ImageDraw

    scale = _LONGER_SIDE / max(radiograph.height, radiograph.width)
    height, width = max(1, round(radiograph.height * scale)), max(1, round(radiograph.width * scale))
    picture = Image.fromarray(radiograph.pixels).resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3)
    heat = painted(np.asarray(picture), evidence, placement, bias=bias, temperature=temperature)

    top = height + (_CAUTION if caution else 0)
    canvas = Image.new("RGB", (max(width, _MIN_WIDTH), top + _STRIP))
    left = (canvas.width - width) // 2
    canvas.paste(Image.fromarray(heat), (left, 0))
    draw = ImageDraw.Draw(canvas)
    for region in regions:
        _frame(draw, region, left, width / placement.width)
    x, y = evidence_peak(evidence, placement)
    if probability >= threshold or density(evidence, bias, temperature).max() >= CONTOURS[0]:
        _mark(draw, left + x * width / placement.width, y * height / placement.height)
    if caution:
        _warn(draw, height, caution, canvas.width)
    _caption(draw, top, label, probability, threshold)
    _legend(canvas, draw, _MARGIN, top + 48)
    return canvas


def beside(pictures: Sequence[Image], titles: Sequence[str]) -> Image:
    """Several overlays on one sheet, side by side, each under its title; a single one as it is."""
    from PIL import Image, ImageDraw

    if len(pictures) == 1:
        return pictures[0]
    top = 40
    widths = [picture.width + _MARGIN for picture in pictures]
    sheet = Image.new("RGB", (sum(widths) - _MARGIN, top + max(picture.height for picture in pictures)))
    draw = ImageDraw.Draw(sheet)
    for number, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        left = sum(widths[:number])
        sheet.paste(picture, (left, top))
        draw.text((left + _MARGIN, 8), title, fill="white", font=_font(20))
    return sheet


def save_overlay(png: bytes, path: Path) -> None:
    """Write a PNG whole or not at all; raises ``OutputError``."""
    durable.write(path, png)


def as_png(image: Image) -> bytes:
    """The picture as the content of a PNG file."""
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def _frame(draw: ImageDraw, region: Region, left: float, scale: float) -> None:
    """A box a little around the region, and its share of the evidence above it, or below where there is no room."""
    x, y, width, height = (scale * value for value in region.box)
    box = (left + x - 6, y - 6, left + x + width + 6, y + height + 6)
    for colour, line in (("black", 5), ("white", 2)):
        draw.rectangle(box, outline=colour, width=line)
    at = (box[0], box[1] - 4, "ld") if box[1] > 26 else (box[0], box[3] + 4, "la")
    draw.text(at[:2], f"{region.share:.0%}", "white", _font(18), at[2], stroke_width=2, stroke_fill="black")


def _mark(draw: ImageDraw, x: float, y: float, radius: float = 13) -> None:
    """A ring with four arms that leaves the spot itself free, white on black."""
    for colour, width in (("black", 7), ("white", 3)):
        grown = (width - 3) / 2
        box = (x - radius - grown, y - radius - grown, x + radius + grown, y + radius + grown)
        draw.ellipse(box, outline=colour, width=width)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            near, far = radius - grown, radius + 9 + grown
            draw.line((x + dx * near, y + dy * near, x + dx * far, y + dy * far), fill=colour, width=width)


def _caption(draw: ImageDraw, top: int, label: str, probability: float, threshold: float) -> None:
    relation = "at or above" if probability >= threshold else "below"
    draw.text((_MARGIN, top + 10), f"{label}: probability {probability:.3f}", fill="white", font=_font(24))
    draw.text((_MARGIN + 380, top + 16), f"{relation} the threshold {threshold:.3f}", fill="white", font=_font(18))
    draw.text((_MARGIN, top + 94), NOT_A_MEDICAL_DEVICE, fill=(200, 200, 200), font=_font(14))


def _warn(draw: ImageDraw, top: int, caution: str, width: int) -> None:
    """In two lines, black on amber: what to do, and why."""
    draw.rectangle((0, top, width, top + _CAUTION - 1), fill=(255, 190, 0))
    draw.text((_MARGIN, top + 4), "Do not rely on this answer:", fill="black", font=_font(20))
    draw.text((_MARGIN, top + 31), caution, fill="black", font=_font(16))


def _legend(canvas: Image, draw: ImageDraw, left: int, top: int) -> None:
    """The scale as it looks over mid-grey, its contour lines, and the marker's meaning."""
    from PIL import Image

    width, height = 240, 16
    canvas.paste(Image.fromarray(_scale(width, height)), (left, top))
    for level in (0, *CONTOURS, FULL_SCALE):
        suffix = "+" if level == FULL_SCALE else ""
        position = left + level / FULL_SCALE * width
        draw.text((position, top + height + 3), f"{level:g}{suffix}", fill="white", font=_font(13), anchor="ma")
    draw.text((left + width + 16, top - 1), "log-odds added per 1 % of the image", fill="white", font=_font(15))
    _mark(draw, left + width + 320, top + 8, radius=7)
    draw.text((left + width + 345, top - 1), "peak", fill="white", font=_font(15))


@cache
def _scale(width: int, height: int) -> NDArray[np.uint8]:
    shares = np.broadcast_to(np.linspace(0, FULL_SCALE, width, dtype=np.float32), (height, width))
    bar = coloured(np.full((height, width), 110, np.uint8), shares)
    for level, dashed in zip(CONTOURS, (True, False), strict=True):
        column = round(level / FULL_SCALE * (width - 1))
        for row in range(height):
            if not dashed or row // 4 % 2 == 0:
                bar[row, column - 2 : column + 3] = 0
                bar[row, column - 1 : column + 2] = 255
    return bar


@cache
def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
