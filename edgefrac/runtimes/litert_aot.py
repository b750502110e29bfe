"""LiteRT's ahead-of-time compilation for phones' NPUs: the wheel has the vendors' plugins, not their compilers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from edgefrac.errors import DeviceError
from edgefrac.runtimes.backend import Placed
from edgefrac.runtimes.compiled_tflite import placed
from edgefrac.targets.tflite_metadata import read_contract

_SCRIPT = Path(__file__).with_name("litert_aot_script.py")
_CAUSES = (
    re.compile(r"(\S+): cannot open shared object file"),
    re.compile(r"Failed to load (?!plugin)[^:\n]+"),
    re.compile(r"(?:ERROR|Error): (.*)"),
)


def compile_ahead(path: Path, vendor: str, soc: str) -> Placed:
    """Compile a TFLite file for a chip, as ``ai_edge_litert.aot`` names both: where its operators would run.

    Raises ModelFileError for a damaged file, and DeviceError with what the vendor's compiler lacks.
    """
    read_contract(path)
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as folder:
        job = {"file": str(path.resolve()), "folder": folder, "vendor": vendor, "soc": soc}
        command = [sys.executable, "-P", str(_SCRIPT), json.dumps(job)]
        done = subprocess.run(
            command, env={**os.environ, "TMPDIR": folder}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise DeviceError(f"{path}: LiteRT's compiler stopped with status {done.returncode} ({last})")
        answer = json.loads(done.stdout.splitlines()[-1])
        if answer["compiled"] is None:
            raise DeviceError(
                f"LiteRT cannot compile for {soc} here ({cause(answer['log'])}; {sdk(vendor)})",
                hint=f"pip install {distribution(vendor)}, where its vendor's site can be reached",
            )
        return placed(path.read_bytes(), Path(answer["compiled"]).read_bytes(), "DISPATCH_OP")


def cause(log: str) -> str:
    """The most telling line of a vendor's compiler: a library that is missing, else its last error."""
    for pattern in _CAUSES:
        if found := list(pattern.finditer(log)):
            return found[-1][0].strip()
    return (log.strip().splitlines() or ["no message"])[-1].strip()


def sdk(vendor: str) -> str:
    """Whether the vendor's compiler is installed: its package may be empty, for it fetches what it is to hold."""
    name = distribution(vendor)
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is not installed"
    files = metadata.files(name) or []
    filled = any("data" in file.parts for file in files)
    return f"{name} {version} is installed" + ("" if filled else ", without the vendor's files")


def distribution(vendor: str) -> str:
    """The package on PyPI that brings a vendor's compiler."""
    return f"ai-edge-litert-sdk-{vendor.replace('_openvino', '').replace('_', '-')}"
