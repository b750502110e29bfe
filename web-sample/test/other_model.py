"""Assets of a model of another size, precision and number of channels: ``python test/other_model.py DIR``.

The page must take it as it is: 256 px, float32, a 16×16 map, and the fracture task behind another one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edgefrac.cli.main import main
from edgefrac.models.checkpoint import save_checkpoint
from edgefrac.models.network import FRACTURE
from tests.models.networks import REGION, info, talkative

TASKS = (REGION, FRACTURE)

with tempfile.TemporaryDirectory() as folder:
    checkpoint, bundle = Path(folder) / "other.safetensors", Path(folder) / "bundle"
    save_checkpoint(checkpoint, talkative(TASKS), info(TASKS, name="other", input_size=256, metrics={}))
    export = ["export", str(checkpoint), "--target", "tflite", "--precision", "fp32", "--out", str(bundle)]
    sys.exit(main(export) or main(["bundle", str(bundle), "--app", sys.argv[1]]))
