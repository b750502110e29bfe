"""Whether images can be read here the way a reading room reads them: for ``edgefrac doctor``."""

from __future__ import annotations

import io
import time
from importlib.util import find_spec
from pathlib import Path

from edgefrac.errors import EdgeFracError
from edgefrac.runtimes.devices import Availability

NEEDED = ("fastapi", "prometheus_client", "python_multipart", "uvicorn")
"""Modules without which nothing is served."""
_SIDE = 64


def missing() -> list[str]:
    """Modules that are not installed."""
    return [module for module in NEEDED if find_spec(module) is None]


def serving(model: Path) -> Availability:
    """One reader is started, and reads one blank image."""
    from PIL import Image

    from edgefrac.serve.readers import Readers

    if absent := missing():
        reason = f"not installed: {', '.join(absent)}"
        return Availability("reading room", "unavailable", reason, "pip install 'edgefrac[serve]'")
    blank = io.BytesIO()
    Image.new("L", (_SIDE, _SIDE)).save(blank, "PNG")
    started = time.perf_counter()
    try:
        readers = Readers(model, 1)
        try:
            readers.submit({"do": "answer"}, [blank.getvalue()]).result()
        finally:
            readers.close()
    except (EdgeFracError, OSError) as error:
        return Availability("reading room", "unavailable", str(error))
    seconds = time.perf_counter() - started
    return Availability("reading room", "measured", f"a reader came up and read an image in {seconds:.1f} s")
