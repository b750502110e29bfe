"""Orthanc as the PACS: with its DICOMweb plugin, storage of its own, on ports of 127.0.0.1 that are free."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.serve.dcmtk import free_port

PROGRAM = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
needs_orthanc = pytest.mark.skipif(
    not (Path(PROGRAM).is_file() and PLUGIN.exists()), reason="not installed: orthanc, orthanc-dicomweb (apt)"
)


class Orthanc:
    """A running Orthanc: ``title`` is its AE title."""

    title = "ORTHANC"

    def __init__(self, dicom_port: int, http_port: int) -> None:
        self.dicom_port, self.http_port = dicom_port, http_port
        self.url = f"http://127.0.0.1:{http_port}"

    @property
    def as_dicom(self) -> str:
        """As a destination for C-STORE."""
        return f"dicom://{self.title}@127.0.0.1:{self.dicom_port}"

    @property
    def as_web(self) -> str:
        """As a destination for STOW-RS and a source for QIDO-RS."""
        return f"{self.url}/dicom-web"

    def introduce(self, port: int) -> None:
        """Tell it of an EdgeFrac that listens on ``port``, as "edgefrac"."""
        known = json.dumps({"AET": "EDGEFRAC", "Host": "127.0.0.1", "Port": port}).encode()
        request = urllib.request.Request(f"{self.url}/modalities/edgefrac", known, method="PUT")
        urllib.request.urlopen(request, timeout=20).close()

    def ask(self, path: str, body: Any = None) -> Any:
        """Its REST interface: GET, or POST of ``body``; bytes go as they are."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=20) as response:
            return json.loads(response.read())

    def fetch(self, instance: str) -> bytes:
        """The DICOM file of an instance, by Orthanc's id."""
        with urllib.request.urlopen(f"{self.url}/instances/{instance}/file", timeout=20) as response:
            return bytes(response.read())

    def modalities(self) -> dict[str, int]:
        """How many instances of each modality it holds, and in how many studies in all."""
        counts: dict[str, int] = {"studies": len(self.ask("/studies"))}
        for series in self.ask("/series?expand"):
            kind = series["MainDicomTags"]["Modality"]
            counts[kind] = counts.get(kind, 0) + len(series["Instances"])
        return counts

    def wait_for(self, **counts: int) -> dict[str, int]:
        """Until it holds so many instances of each modality."""
        end = time.monotonic() + 20
        while any((found := self.modalities()).get(kind) != count for kind, count in counts.items()):
            assert time.monotonic() < end, f"{found}, not {counts}"
            time.sleep(0.05)
        return found


@contextmanager
def orthanc(folder: Path, **settings: Any) -> Iterator[Orthanc]:
    """An Orthanc until the end of the block."""
    folder.mkdir()
    one = Orthanc(free_port(), free_port())
    configuration = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "DicomPort": one.dicom_port,
        "HttpPort": one.http_port,
        "DicomAet": one.title,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        **settings,
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen([PROGRAM, folder / "orthanc.json"], stdout=log, stderr=log)
    try:
        _wait(one, child)
        yield one
    finally:
        child.kill()  # what it holds goes with its folder
        child.wait()


def _wait(one: Orthanc, child: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            one.ask("/system")
            return
        except (urllib.error.URLError, ConnectionError):
            assert child.poll() is None and time.monotonic() < end, "Orthanc does not start"
            time.sleep(0.05)
