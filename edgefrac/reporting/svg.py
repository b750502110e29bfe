"""Matplotlib's figures as SVG inside a page: in the page's fonts and colours, the same bytes each time."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from edgefrac.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# drawn in these colours, which then become the page's, so that dark screens get light lines
INK, MUTED, GRID, PAPER = "#010203", "#040506", "#070809", "#0a0b0c"
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--rule", PAPER: "--paper"}
# told apart by shape too; safe for colour-blind readers (Okabe & Ito 2008)
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c7a00", "#56b4e9")

# pixels on the screen for a point of the figure; what is then wider than the screen scrolls, so that it can be read
_SMALLEST, _LARGEST = 0.95, 1.35

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "edgefrac",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "legend.frameon": False,
}


@contextmanager
def figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure, inches wide and high; raises MissingExtraError where Matplotlib is not installed."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("a figure of the report", "sweep") from None
    with matplotlib.rc_context(_SETTINGS):
        yield Figure(figsize=(width, height), layout="constrained")


def markup(drawn: Figure, name: str) -> str:
    """The figure as an ``svg`` element for a page; ``name`` keeps its ids apart from those of other figures."""
    written = io.StringIO()
    drawn.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = written.getvalue()
    text = text[text.index("<svg") :].rstrip()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # a style sheet of the figure would be the whole page's
    text = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    series = {colour: f"--series-{number}" for number, colour in enumerate(SERIES, 1)}
    for colour, variable in (_VARIABLES | series).items():
        text = text.replace(colour, f"var({variable})")
    width = 72 * drawn.get_figwidth()
    style = f"max-width: {_LARGEST * width:.0f}px; min-width: {_SMALLEST * width:.0f}px"
    return re.sub(r"^<svg ", f'<svg aria-hidden="true" style="{style}" ', text)
