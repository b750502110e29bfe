"""Patient data in DICOM files reaches nothing that ``edgefrac predict`` prints or writes, sound or damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from tests.imaging.dicom.planted import plant
from tests.imaging.files import save

READABLE = ["good", "no-preamble"]
REPOSITORY = Path(__file__).parents[3]


def broken(data: bytes) -> dict[str, bytes]:
    """A good file and its ruins, by name."""
    pixels = data.index(b"\xe0\x7f\x10\0OW")
    return {
        "good": data,
        "cut-in-header": data[: pixels // 2],
        "cut-in-pixels": data[: pixels + 200],
        "no-pixels": data[:pixels],
        "unknown-syntax": data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0"),
        "says-jpeg": data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.4.57", 1),
        "wrong-length": data.replace(b"\x28\0\x10\0US\2\0", b"\x28\0\x10\0US\xff\x7f"),
        "name-for-rows": data.replace(b"\x28\0\x10\0US", b"\x28\0\x10\0PN"),
        "no-preamble": data[132:],
    }


@pytest.mark.parametrize("options", [["--json"], ["--debug"]], ids=["json", "debug"])
def test_300_planted_values_never_come_out(options: list[str], tmp_path: Path, tiny_tflite: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds, secrets = plant(ExplicitVRLittleEndian)
    data = save(ds)
    assert len(set(secrets)) > 300 and all(secret.encode() in data for secret in secrets)
    files = []
    for name, content in broken(data).items():
        files.append(tmp_path / f"{name}.dcm")
        files[-1].write_bytes(content)
    overlays = tmp_path / "overlays"
    command = [sys.executable, "-W", "always", "-m", "edgefrac", "predict", *map(str, files)]
    command += ["--model", str(tiny_tflite), "--overlay", str(overlays), *options]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 2, done.stderr.decode()
    written = [path for path in overlays.iterdir() if Image.open(path).size[0] >= 24]
    assert sorted(path.name for path in written) == [f"{name}.overlay.png" for name in READABLE]
    if "--json" in options:
        rows = json.loads(done.stdout)
        assert ["error" in row for row in rows] == [
            not name.startswith(("good", "no-preamble")) for name in broken(data)
        ]
    everything = b"\n".join([done.stdout, done.stderr, *(path.read_bytes() for path in overlays.iterdir())])
    everything += repr([(path.name, Image.open(path).info) for path in overlays.iterdir()]).encode()
    assert not [secret for secret in secrets if secret.encode() in everything]
    assert len(done.stderr.splitlines()) == len(files) - len(written)
