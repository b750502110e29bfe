"""Orthanc -> EdgeFrac -> Orthanc: the study in the PACS then has the overlay and the report as further series."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest

from edgefrac.serve.dicom.destinations import parse_source
from edgefrac.serve.dicom.pull import Puller
from tests.serve.dicom.conftest import OpenRoom
from tests.serve.orthanc import Orthanc, needs_orthanc, orthanc

pytestmark = needs_orthanc


@pytest.mark.parametrize("way", ["C-STORE", "STOW-RS"])
def test_the_study_gets_overlay_and_report(
    way: str, tmp_path: Path, phantoms: dict[str, list[Path]], open_room: OpenRoom
) -> None:
    with orthanc(tmp_path / "pacs") as pacs:
        room = open_room(pacs.as_dicom if way == "C-STORE" else pacs.as_web)
        ids = [pacs.ask("/instances", path.read_bytes())["ID"] for path in phantoms["xray"]]
        pacs.introduce(room.port)
        pacs.ask("/modalities/edgefrac/store", ids)
        room.delivered(2)
        held = pacs.wait_for(DX=2, OT=2, SR=2)
        assert held["studies"] == 1
        _check(pacs)
        # sent once more, by a PACS that lost the acknowledgement: one answer, and one copy of it
        pacs.ask("/modalities/edgefrac/store", ids)
        assert room.room.worklist.counts()["answered"] == 2
        room.forgotten()


def test_what_comes_back_is_not_answered(tmp_path: Path, phantoms: dict[str, list[Path]], open_room: OpenRoom) -> None:
    with orthanc(tmp_path / "pacs") as pacs:
        room = open_room(pacs.as_dicom)
        pacs.introduce(room.port)
        pacs.ask("/modalities/edgefrac/store", pacs.ask("/instances", phantoms["xray"][0].read_bytes())["ID"])
        pacs.wait_for(DX=1, OT=1, SR=1)
        pictures = [
            one
            for series in pacs.ask("/series?expand")
            if series["MainDicomTags"]["Modality"] == "OT"
            for one in series["Instances"]
        ]
        pacs.ask("/modalities/edgefrac/store", pictures)
        assert room.room.worklist.counts() == {"waiting": 0, "answered": 1, "unreadable": 0}


def test_pulling_takes_each_image_once(
    tmp_path: Path, phantoms: dict[str, list[Path]], open_room: OpenRoom, caplog: pytest.LogCaptureFixture
) -> None:
    with orthanc(tmp_path / "pacs") as pacs:
        room = open_room(pacs.as_web)
        for path in (*phantoms["xray"], *phantoms["ct"]):
            pacs.ask("/instances", path.read_bytes())
        source = parse_source(f"{pacs.as_web}?Modality=DX&StudyDate=19000101-")
        puller = Puller(room.room, source)
        assert puller.fetch() == 2
        room.delivered(2)
        pacs.wait_for(DX=2, CT=2, OT=2, SR=2)
        assert puller.fetch() == 0
        # what it has is not even retrieved: this one could not
        assert Puller(room.room, source, object_bytes=1).fetch() == 0
        assert "refused" not in caplog.text
        everything = Puller(room.room, parse_source(f"{pacs.as_web}?StudyDate=19000101-"))
        assert everything.fetch() == 2  # the CT images; neither its own pictures nor what it has already
        assert Puller(room.room, parse_source(pacs.as_web)).fetch() == 0  # the phantoms are of the year 2000
        room.delivered(4)


def _check(pacs: Orthanc) -> None:
    """Each answer refers to an image of its study, and both kinds are series of their own."""
    objects = [pydicom.dcmread(io.BytesIO(pacs.fetch(one))) for one in pacs.ask("/instances")]
    images = {one.SOPInstanceUID: one for one in objects if one.Modality == "DX"}
    pictures = [one for one in objects if one.Modality == "OT"]
    reports = [one for one in objects if one.Modality == "SR"]
    assert len({one.SeriesInstanceUID for one in (*pictures, *reports)}.intersection(images)) == 0
    for picture in pictures:
        source = images[picture.SourceImageSequence[0].ReferencedSOPInstanceUID]
        assert picture.StudyInstanceUID == source.StudyInstanceUID
        assert picture.PatientID == source.PatientID
    for report in reports:
        evidence = report.CurrentRequestedProcedureEvidenceSequence[0]
        assert evidence.StudyInstanceUID == report.StudyInstanceUID
        assert evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID in images
