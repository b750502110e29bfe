"""Overlay and report: valid objects of the source's study, readable by others, the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from highdicom.sr import srread
from PIL import Image

from edgefrac.contract import NOT_A_MEDICAL_DEVICE
from edgefrac.imaging.burned_in import RECOGNISABLE
from edgefrac.serve.dicom.envelope import Envelope, envelope_of
from edgefrac.serve.dicom.outgoing import outgoing
from edgefrac.serve.numbers import evidence as evidence_of
from edgefrac.serve.numbers import raster
from edgefrac.serve.pictures import overlay
from tests.serve.dcmtk import complaints, inconsistencies, needs, run
from tests.serve.dicom.sources import answer, changed, item, numbers, sent, written

Phantoms = dict[str, list[Path]]


def texts(report: pydicom.Dataset) -> list[str]:
    """All texts of a report's tree."""
    found = [str(item.TextValue) for item in report.get("ContentSequence", []) if "TextValue" in item]
    return found + [text for item in report.get("ContentSequence", []) for text in texts(item)]


@needs("dciodvfy", "dcentvfy")
@pytest.mark.parametrize("kind", ["xray", "ct", "mr"])
def test_objects_are_valid_and_fit_their_study(kind: str, phantoms: Phantoms, tmp_path: Path) -> None:
    sources = [path.read_bytes() for path in phantoms[kind]]
    files = [made for data in sources for made in sent(data, tmp_path / "numbers")]
    # their instances differ by their keys, which are the same here
    one = written(tmp_path / "out", sources[0], *files[:2])
    assert set(complaints(*one[1:])) <= set(complaints(one[0]))
    assert inconsistencies(*one) == []


@needs("dciodvfy")
@pytest.mark.parametrize(
    "changes",
    [
        {"positive": False, "regions": (), "finding": "nothing", "label": "no fracture", "probability": 0.01},
        {"regions": (), "finding": "diffuse"},
        {"foreign": "it is coloured"},
        {"regions": (), "finding": None, "scale": None, "log_odds": None, "peak": None},
        {"task": "a task of one's own ~ with \\ odd letters", "model": "modèle " * 12, "model_version": "0" * 80},
    ],
)
def test_every_kind_of_answer_gives_valid_objects(
    changes: dict[str, object], phantoms: Phantoms, tmp_path: Path
) -> None:
    files = sent(phantoms["xray"][0].read_bytes(), tmp_path / "numbers", **changes)
    assert len(files) == (1 if "scale" in changes else 2)
    assert complaints(*written(tmp_path / "out", *files)) == []


def test_report_says_what_the_answer_says(phantoms: Phantoms, tmp_path: Path) -> None:
    data = phantoms["xray"][0].read_bytes()
    source = pydicom.dcmread(io.BytesIO(data))
    made = sent(data, tmp_path / "numbers")[1]
    report = srread(io.BytesIO(made))
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    (image,) = report.content.get_image_measurement_groups()
    assert {m.name.meaning: (m.value, m.unit.value) for m in image.get_measurements()} == {
        "Probability": (0.75, "1"),
        "Threshold Value": (0.25, "1"),
        "Log-odds of the probability": (1.0986, "1"),
    }
    ((name, value),) = [(one.name, one.value) for one in image.get_qualitative_evaluations()]
    assert (name.scheme_designator, name.value) == ("SCT", "125605004")
    assert (value.value, value.meaning) == ("52101004", "Present")
    (region,) = report.content.get_planar_roi_measurement_groups()
    assert region.roi.value.tolist() == [[10.5, 20], [50.5, 20], [50.5, 50.5], [10.5, 50.5], [10.5, 20]]
    reference = region.roi.ContentSequence[0].ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert [m.value for m in region.get_measurements()] == [62.5, 0.8]
    assert NOT_A_MEDICAL_DEVICE in texts(report)
    assert f"SHA-256 of the model file: {'ab' * 32}" in texts(report)
    assert report.VerificationFlag == "UNVERIFIED"


@pytest.mark.parametrize("given", [None, answer(100, 100, foreign="it is coloured")])
def test_an_answer_that_does_not_count_is_no_finding(given: object, phantoms: Phantoms, tmp_path: Path) -> None:
    envelope = envelope_of(phantoms["xray"][0].read_bytes(), "test")
    *_, file = outgoing(item(given), envelope, numbers(tmp_path / "n", 100, 100))  # type: ignore[arg-type]
    report = srread(io.BytesIO(file))
    (image,) = report.content.get_image_measurement_groups()
    assert image.get_measurements() == []
    assert [one.value.meaning for one in image.get_qualitative_evaluations()] == ["Undetermined"]
    assert report.content.get_planar_roi_measurement_groups() == []
    assert ("it is coloured" if given else "could not be read") in " ".join(texts(report))


@needs("dcm2pnm")
def test_overlay_is_the_picture_that_others_show(phantoms: Phantoms, tmp_path: Path) -> None:
    data = phantoms["xray"][0].read_bytes()
    (path, _) = written(tmp_path / "out", *sent(data, tmp_path / "numbers"))
    header = pydicom.dcmread(path)
    values, evidence = (read(tmp_path / "numbers") for read in (raster, evidence_of))
    expected = np.asarray(overlay(answer(*values.shape), values, evidence))
    assert np.array_equal(header.pixel_array, expected)
    assert run("dcm2pnm", path, tmp_path / "shown.pnm").returncode == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "shown.pnm")), expected)
    assert header.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert header.SourceImageSequence[0].ReferencedSOPInstanceUID == pydicom.dcmread(phantoms["xray"][0]).SOPInstanceUID
    assert header.ContributingEquipmentSequence[0].DeviceSerialNumber == "ab" * 32
    assert "PixelSpacing" not in header  # nobody should measure on it


@needs("dsrdump")
def test_report_can_be_read_by_dcmtk(phantoms: Phantoms, tmp_path: Path) -> None:
    (path,) = written(tmp_path / "out", sent(phantoms["xray"][0].read_bytes(), tmp_path / "numbers")[1])
    said = run("dsrdump", "+Pl", path)
    assert (said.returncode, said.stderr) == (0, "")
    assert '<contains NUM:(,,"Probability")="0.75" (1,UCUM,"no units")>' in said.stdout
    assert "<contains SCOORD:" in said.stdout


@pytest.mark.parametrize("says", ["YES", "NO", None])
def test_annotation_is_said_only_where_the_source_says_it(says: str | None, phantoms: Phantoms, tmp_path: Path) -> None:
    def edit(dataset: pydicom.Dataset) -> None:
        del dataset.BurnedInAnnotation
        if says:
            dataset.BurnedInAnnotation = dataset.RecognizableVisualFeatures = says

    file = sent(changed(phantoms["xray"][0].read_bytes(), edit), tmp_path / "numbers")[0]
    made = pydicom.dcmread(io.BytesIO(file))
    assert made.get("BurnedInAnnotation") == says
    assert made.get("RecognizableVisualFeatures") == says


@needs("dciodvfy")
@pytest.mark.parametrize(
    ("found", "says"), [("there may be burned-in text (top left)", "YES"), (RECOGNISABLE, "NO"), (None, "NO")]
)
def test_text_that_was_found_in_the_picture_is_said(
    found: str | None, says: str, phantoms: Phantoms, tmp_path: Path
) -> None:
    source = phantoms["xray"][0].read_bytes()
    file = sent(source, tmp_path / "numbers", identifying=found)[0]
    made = pydicom.dcmread(io.BytesIO(file))
    assert made.BurnedInAnnotation == says
    caution = f" Look before you pass the picture on: {found}"
    assert made.ImageComments.endswith(caution if found else "treatment decisions.")
    one = written(tmp_path / "out", source, file)
    assert set(complaints(one[1])) <= set(complaints(one[0]))


def test_of_a_multi_frame_image_the_first_frame_is_meant(phantoms: Phantoms, tmp_path: Path) -> None:
    def edit(dataset: pydicom.Dataset) -> None:
        dataset.NumberOfFrames = 3

    picture, report = sent(changed(phantoms["xray"][0].read_bytes(), edit), tmp_path / "numbers")
    assert pydicom.dcmread(io.BytesIO(picture)).SourceImageSequence[0].ReferencedFrameNumber == 1
    (region,) = srread(io.BytesIO(report)).content.get_planar_roi_measurement_groups()
    assert region.roi.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber == 1


def test_another_process_at_another_time_makes_the_same_bytes(phantoms: Phantoms, tmp_path: Path) -> None:
    data = phantoms["xray"][0].read_bytes()
    (tmp_path / "source.dcm").write_bytes(data)
    here = [hashlib.sha256(file).hexdigest() for file in sent(data, tmp_path / "numbers")]
    program = (
        "import hashlib, pathlib, sys\n"
        "from tests.serve.dicom.sources import sent\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "for file in sent((folder / 'source.dcm').read_bytes(), folder / 'numbers'):\n"
        "    print(hashlib.sha256(file).hexdigest())\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, str(tmp_path)]
    there = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()
    assert there == here


def test_times_follow_the_study_s_clock(phantoms: Phantoms, tmp_path: Path) -> None:
    def edit(dataset: pydicom.Dataset) -> None:
        dataset.TimezoneOffsetFromUTC = "+0930"

    for file in sent(changed(phantoms["xray"][0].read_bytes(), edit), tmp_path / "numbers"):
        made = pydicom.dcmread(io.BytesIO(file))
        # 1790000000 is 2026-09-21 14:13:20 UTC
        assert (made.ContentDate, made.ContentTime, made.TimezoneOffsetFromUTC) == ("20260921", "234320", "+0930")


def test_both_are_made_within_50_milliseconds(phantoms: Phantoms, tmp_path: Path) -> None:
    envelope = envelope_of(phantoms["xray"][0].read_bytes(), "test")
    folder, row = numbers(tmp_path / "n", 2000, 1600), item(answer(2000, 1600))

    def once() -> float:
        started = time.process_time()  # others may be at work on the machine
        outgoing(row, Envelope.from_json(envelope.to_json()), folder)
        return time.process_time() - started

    assert min(once() for _ in range(8)) < 0.05
