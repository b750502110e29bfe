"""A picture of a page, for the docs: ``python -m tests.reporting.screenshot report.html out.png [width [height]]``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.browser import chromium, page


def main(source: Path, target: Path, width: int = 1280, height: int = 1600) -> None:
    """Write the top of the page as a PNG."""
    with page() as shown:
        shown.size(width, height)
        shown.open(source)
        target.write_bytes(shown.screenshot())


if __name__ == "__main__":
    if not chromium():
        sys.exit("Chromium is not installed: apt-get install chromium-headless-shell")
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:5]))
