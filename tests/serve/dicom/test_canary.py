"""Hundreds of planted values come by DICOM: into answers only those that a study's objects share, and nowhere else."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

pytest.importorskip("fastapi")

from tests.imaging.dicom.planted import MAKERS, plant
from tests.imaging.files import save
from tests.privacy.canary import secret
from tests.privacy.search import contents, leaks
from tests.serve.dcmtk import needs, run, storescp
from tests.serve.running import all_done, serving, wait_until

# what docs/dicom-node.md says that answers carry of their source
SHARED = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "StudyDescription", "AccessionNumber"),
    *("ReferringPhysicianName", "SpecificCharacterSet", "TimezoneOffsetFromUTC"),
    *("BodyPartExamined", "Laterality", "ImageLaterality", "PatientOrientation"),
    *("BurnedInAnnotation", "RecognizableVisualFeatures"),
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber"),
)
PORT = re.compile(r"DICOM node: .*:(\d+)")


def planted(damaged: bool) -> tuple[bytes, list[str], set[str]]:
    """A DICOM file, all its secrets, and those that its study's objects share."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset, secrets = plant(ExplicitVRLittleEndian)
        for number, keyword in enumerate(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")):
            uid = f"{MAKERS['UI'](900_000 + number)}.{int(damaged)}"
            setattr(dataset, keyword, uid)
            secrets.append(uid)
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        if damaged:
            dataset.PixelData = dataset.PixelData[:20]
        shared = {
            part
            for keyword in SHARED
            if keyword in dataset
            for value in [str(dataset[keyword].value)]
            for part in (value, *value.split("^"))
        }
        return save(dataset), secrets, shared


@needs("storescu", "storescp")
@pytest.mark.parametrize("damaged", [False, True])
def test_nothing_planted_stays_anywhere(damaged: bool, tiny_tflite: Path, tmp_path: Path) -> None:
    data, secrets, shared = planted(damaged)
    assert len(secrets) > 300
    caller, refused = secret("AE")[:16], secret("AE")[:16]
    file = tmp_path / f"{secret('file')}.dcm"
    file.write_bytes(data)
    state = tmp_path / "state"
    with storescp(tmp_path / "archive") as there:
        send = ("--send", f"dicom://ARCHIVE@127.0.0.1:{there.port}")
        options = ("--readers", "1", "--dicom-port", "0", "--allow-ae", caller, *send)
        with serving(tiny_tflite, state, *options) as server, server.client() as client:
            port = server.printed(PORT)
            assert run("echoscu", "-aet", refused, "127.0.0.1", port).returncode != 0
            assert run("storescu", "-aet", caller, "127.0.0.1", port, file).returncode == 0
            all_done(client)
            wait_until(lambda: client.get("/v1/worklist").json()["deliveries"]["delivered"] == 1)
            wait_until(lambda: not list((state / "envelopes").iterdir()))
            paths = ("/v1/worklist", "/metrics", "/ready")
            places = {path: client.get(path).content for path in paths}
            places |= {"printed": server.output.encode(), **contents(state)}
            assert leaks([*secrets, caller, refused, file.stem], places) == []
            assert server.end() == 0
            assert leaks([*secrets, caller, refused, file.stem], {"printed": server.output.encode()}) == []
        answers = {path.name: path.read_bytes() for path in there.files()}
        assert len(answers) == (1 if damaged else 2)
    # what went out belongs to the study, and is nothing else
    hidden = [value for value in secrets if value not in shared]
    assert len(hidden) > 270
    assert leaks([*hidden, caller, file.stem], answers) == []
    header = pydicom.dcmread(file, stop_before_pixels=True)
    for answer in answers.values():
        for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "SOPInstanceUID"):
            assert str(header[keyword].value).encode() in answer
