"""Write the cases that the web sample's tests compare with: ``python test/cases OUT ASSETS``."""

from __future__ import annotations

import sys
from pathlib import Path

import answers
import files
import maps
import rasters

out, assets = Path(sys.argv[1]), Path(sys.argv[2])
print(f"{rasters.write(out)} rasters, {maps.write(out)} evidence maps, {files.write(out)} files", flush=True)
print(f"{answers.write(out, assets)} answers")
