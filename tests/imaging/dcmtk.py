"""DCMTK's ``dcm2pnm`` as a second opinion on DICOM files, and the table of what it says about pydicom's test files.

``python -m tests.imaging.dcmtk`` prints that table, which docs/formats.md shows; a folder may be named behind it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
from numpy.typing import NDArray
from PIL import Image

from edgefrac.errors import ImageError
from edgefrac.imaging.dicom.parse import parse
from edgefrac.imaging.grey import to_grey
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import read_radiograph

# one tool for each family of compressions
TOOLS = ("dcm2pnm", "dcmj2pnm", "dcml2pnm")
SAMPLES = Path(pydicom.data.__file__).parent / "test_files"
# files that DCMTK can only judge once they are written anew, and why; JPEG 2000 it does not decode at all
REWRITTEN = {"SC_rgb_jpeg.dcm": "has implicit VR where its transfer syntax says explicit, at which DCMTK stops"}
# 32-bit samples written as 16-bit words: DCMTK swaps the bytes of each word, where writers swap those of each sample
OTHER_ORDER = ("rtdose_expb.dcm", "rtdose_expb_1frame.dcm")


def is_installed() -> bool:
    """Whether DCMTK's image tools are on the path."""
    return all(shutil.which(tool) for tool in TOOLS)


def samples(folder: Path = SAMPLES) -> list[Path]:
    """All files of a folder, whatever they are."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


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


def syntax_of(dataset: pydicom.Dataset) -> str:
    """The name of a file's transfer syntax, if it says one."""
    return pydicom.uid.UID(dataset.file_meta.get("TransferSyntaxUID", "")).name or "not said"


def difference(path: Path, radiograph: Radiograph, *options: str) -> int:
    """Largest difference in grey levels. Raises ``ValueError`` with DCMTK's words if it cannot read the file."""
    dataset = pydicom.dcmread(path, force=True)
    if "JPEG 2000" not in syntax_of(dataset) and path.name not in REWRITTEN:
        found = grey(path, *options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "plain.dcm"
            picture = parse(path.read_bytes(), str(path))
            picture.SOPClassUID, picture.SOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
            list(picture)  # reads every element, which gives each its VR
            picture.decompress(generate_instance_uid=False)
            picture.save_as(plain)
            found = grey(plain, *options)
    if found.shape != radiograph.pixels.shape:
        raise ValueError(f"shapes {found.shape} and {radiograph.pixels.shape}")
    return int(np.abs(found.astype(int) - radiograph.pixels).max())


def table(folder: Path = SAMPLES) -> str:
    """How every sample was judged, in Markdown."""
    agreed: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    refused: dict[str, list[str]] = defaultdict(list)
    unjudged: dict[str, list[str]] = defaultdict(list)
    for path in samples(folder):
        try:
            radiograph = read_radiograph(path)
        except ImageError as error:
            refused[error.message.removeprefix(f"{path}: ")].append(path.name)
            continue
        header = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        syntax = syntax_of(header)
        try:
            found = difference(path, radiograph, *same_window(radiograph))
        except ValueError as error:
            unjudged[str(error)].append(path.name)
            continue
        agreed[syntax, header.PhotometricInterpretation, header.BitsStored].append(found)
    lines = [
        "| transfer syntax | photometric interpretation | bits | files | largest difference |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {' | '.join(map(str, kind))} | {len(found)} | {max(found)} |" for kind, found in sorted(agreed.items())
    ]
    lines += ["", "| written anew for DCMTK | why |", "|---|---|"]
    lines += [f"| `{name}` | {why} |" for name, why in REWRITTEN.items()]
    lines += ["", "| DCMTK cannot, in its words | files | for example |", "|---|---|---|"] if unjudged else []
    lines += [f"| {cause} | {len(names)} | `{names[0]}` |" for cause, names in sorted(unjudged.items())]
    lines += ["", "| refused | files | for example |", "|---|---|---|"]
    lines += [f"| {cause} | {len(names)} | `{names[0]}` |" for cause, names in sorted(refused.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(*map(Path, sys.argv[1:2])))
