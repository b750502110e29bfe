"""DCMTK's ``dcm2pnm`` as a second opinion on DICOM files, and the table of what it says about pydicom's test files.

``python -m tests.imaging.dcmtk`` prints that table, which docs/formats.md shows.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
from numpy.typing import NDArray
from PIL import Image

from edgefrac.errors import ImageError
from edgefrac.imaging.grey import to_grey
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import read_radiograph

# one tool for each family of compressions
TOOLS = ("dcm2pnm", "dcmj2pnm", "dcml2pnm")
SAMPLES = Path(pydicom.data.__file__).parent / "test_files"
# DCMTK's words -> why it cannot judge the file, and what is done about it
EXPLAINED = {
    "SC_rgb_jpeg.dcm": "its JPEG stream lacks the end marker: DCMTK refuses it, Pillow decodes all of it",
}


def is_installed() -> bool:
    """Whether DCMTK's image tools are on the path."""
    return all(shutil.which(tool) for tool in TOOLS)


def samples() -> list[Path]:
    """pydicom's own test files, whatever they are."""
    return sorted(path for path in SAMPLES.rglob("*") if path.is_file())


def grey(path: Path, *options: str) -> NDArray[np.uint8]:
    """DCMTK's rendering of the first frame, overlays left out; its colours made grey by our rule. Or ``ValueError``."""
    said = ""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.pnm"
        for tool in TOOLS:
            done = subprocess.run([tool, "-O", *options, path, out], capture_output=True, text=True, check=False)
            if done.returncode == 0 and out.is_file() and out.stat().st_size:
                return to_grey(np.asarray(Image.open(out)))
            said = " ".join(line for line in done.stderr.splitlines() if line.startswith(("F:", "E:")))
    raise ValueError(said)


def same_window(radiograph: Radiograph) -> tuple[str, ...]:
    """The options that make DCMTK use the window that we used."""
    note = " ".join(radiograph.notes)
    if "window of the file" in note:
        return "+Wi", "1"
    if "VOI LUT" in note:
        return "+Wl", "1"
    if "CT bone window" in note:
        return "+Ww", "400", "1800"
    return ("+Wm",) if "smallest to largest" in note else ()


def difference(path: Path, radiograph: Radiograph, *options: str) -> int:
    """Largest difference in grey levels; JPEG 2000, which DCMTK lacks, is uncompressed for it first."""
    dataset = pydicom.dcmread(path, force=True)
    if "JPEG 2000" not in dataset.file_meta.get("TransferSyntaxUID", pydicom.uid.UID("")).name:
        found = grey(path, *options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "plain.dcm"
            dataset.decompress(generate_instance_uid=False)
            dataset.save_as(plain)
            found = grey(plain, *options)
    if found.shape != radiograph.pixels.shape:
        raise ValueError(f"shapes {found.shape} and {radiograph.pixels.shape}")
    return int(np.abs(found.astype(int) - radiograph.pixels).max())


def table() -> str:
    """How every sample was judged, in Markdown."""
    agreed: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    refused: dict[str, list[str]] = defaultdict(list)
    apart: list[tuple[str, str]] = []
    for path in samples():
        try:
            radiograph = read_radiograph(path)
        except ImageError as error:
            refused[error.message.removeprefix(f"{path}: ")].append(path.name)
            continue
        header = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        syntax = header.file_meta.TransferSyntaxUID.name
        try:
            found = difference(path, radiograph, *same_window(radiograph))
        except ValueError as error:
            apart.append((path.name, EXPLAINED.get(path.name, str(error))))
            continue
        agreed[syntax, header.PhotometricInterpretation, header.BitsStored].append(found)
    lines = [
        "| transfer syntax | photometric interpretation | bits | files | largest difference |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {' | '.join(map(str, kind))} | {len(found)} | {max(found)} |" for kind, found in sorted(agreed.items())
    ]
    lines += ["", "| not judged by DCMTK | why |", "|---|---|"]
    lines += [f"| `{name}` | {why} |" for name, why in apart]
    lines += ["", "| refused | files | for example |", "|---|---|---|"]
    lines += [f"| {cause} | {len(names)} | `{names[0]}` |" for cause, names in sorted(refused.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
