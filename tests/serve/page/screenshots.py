"""Pictures of the page for the docs, of phantoms: ``python -m tests.serve.page.screenshots [FOLDER [MODEL]]``."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.prediction import reference_model
from tests import browser
from tests.serve.running import serving

_DESKTOP, _PHONE = (1440, 900), (390, 844)
_SHOWN = 2  # the phantom that is looked at


def pictures(folder: Path, model: Path) -> None:
    """``serve-desktop.png`` and ``serve-phone.png``, of one phantom of several in the list."""
    with tempfile.TemporaryDirectory() as place:
        files = []
        for number, sample in enumerate(phantom_dataset(8, 12, longer_side=1100).samples):
            files.append(Path(place) / f"phantom-{number}.png")
            Image.fromarray(sample.read().pixels).save(files[-1])
        with serving(model, Path(place) / "state", "--readers", "1") as server, browser.page() as page:
            page.size(*_DESKTOP, "dark")
            page.open(server.address)
            page.wait_for("document.getElementById('model-line').textContent")
            page.choose_files("#files", files)
            page.wait_for(f"document.querySelectorAll('#list li:not(.waiting)').length === {len(files)}", 60)
            page.wait_for("!document.getElementById('uploads').textContent")
            for name, size in (("desktop", _DESKTOP), ("phone", _PHONE)):
                page.size(*size, "dark")
                page.evaluate(
                    "[...document.querySelectorAll('#list li')]"
                    f".find((row) => row.innerText.includes('phantom-{_SHOWN}')).click()"
                )
                page.wait_for("document.getElementById('viewer').getAttribute('aria-busy') === 'false'")
                page.evaluate("new Promise((done) => setTimeout(done, 300))")
                _save(page.screenshot(), folder / f"serve-{name}.png")


def _save(png: bytes, path: Path) -> None:
    """As small as a PNG gets that keeps its colours."""
    Image.open(io.BytesIO(png)).convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    here = Path(__file__).parents[3] / "docs" / "images"
    pictures(
        Path(sys.argv[1]) if len(sys.argv) > 1 else here, Path(sys.argv[2]) if len(sys.argv) > 2 else reference_model()
    )
