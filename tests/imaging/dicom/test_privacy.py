"""Patient data planted all over a DICOM file reaches nothing that leaves the reader."""

from __future__ import annotations

import logging
import traceback
import warnings

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from edgefrac.errors import ImageError
from edgefrac.imaging.dicom import parse as reader
from edgefrac.imaging.dicom.decode import DicomFile
from edgefrac.imaging.read import decode_radiograph
from edgefrac.serve.dicom.identity import identity_of, identity_of_file
from tests.imaging.dicom.planted import STORED, plant
from tests.imaging.files import dataset, dicom, encapsulated, save


@pytest.fixture(params=[ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
def planted(request: pytest.FixtureRequest) -> tuple[Dataset, list[str]]:
    """A data set with patient data everywhere, and the values to look for."""
    return plant(request.param)


class Outlets:
    """Everything that a reading lets out: log records and warnings, and what a test hands over with ``add``."""

    def __init__(self, caplog: pytest.LogCaptureFixture, warned: pytest.WarningsRecorder) -> None:
        self._caplog, self._warned, self._texts = caplog, warned, [""]
        caplog.set_level(logging.DEBUG)
        caplog.set_level(logging.DEBUG, "pydicom")

    def open(self) -> None:
        """Forget what was said while the file was made."""
        warnings.simplefilter("always")
        self._caplog.clear()
        self._warned.clear()

    def add(self, *texts: str) -> None:
        self._texts.extend(texts)

    def leaked(self, secrets: list[str]) -> list[str]:
        warned = [str(warning.message) for warning in self._warned]
        everything = "\n".join([*self._texts, self._caplog.text, *warned])
        return [secret for secret in secrets if secret in everything]


@pytest.fixture
def outlets(caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> Outlets:
    return Outlets(caplog, recwarn)


def test_a_good_file(planted: tuple[Dataset, list[str]], outlets: Outlets) -> None:
    ds, secrets = planted
    data = save(ds)
    assert len(set(secrets)) > 300
    assert not [secret for secret in secrets if secret.encode() not in data]
    outlets.open()
    radiograph = decode_radiograph(data, "a.dcm")
    assert radiograph.pixels.shape == STORED.shape
    assert (radiograph.modality, radiograph.view, radiograph.side) == (None, None, None)
    outlets.add(repr(radiograph), repr(vars(radiograph)))
    assert not outlets.leaked(secrets)


def test_patient_elements_are_not_even_read(planted: tuple[Dataset, list[str]]) -> None:
    elements = list(reader.parse(save(planted[0]), "a.dcm"))
    outside = {element.keyword for element in elements if element.tag.group != 0x0028}
    codes = {"Modality", "ViewPosition", "ImageLaterality", "Laterality"}
    place = {"SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "InstanceNumber"}
    assert outside <= codes | place | {"SharedFunctionalGroupsSequence", "SpecificCharacterSet", "PixelData"}
    assert len(elements) > 10


# what is broken -> the file is an error, and pydicom's own words would quote a value
BREAKS = {
    "window": lambda ds: ds.add_new("WindowCenter", "LO", str(ds.PatientName)),
    "rows": lambda ds: ds.add_new("Rows", "LO", str(ds.PatientName)),
    "bits": lambda ds: ds.add_new("BitsAllocated", "LO", str(ds.PatientName)),
    "photometric": lambda ds: ds.add_new("PhotometricInterpretation", "LO", str(ds.PatientName)),
    "frames": lambda ds: ds.add_new("NumberOfFrames", "LO", str(ds.PatientName)),
    "samples": lambda ds: ds.add_new("SamplesPerPixel", "LO", str(ds.PatientName)),
    "no pixels": lambda ds: ds.__delitem__("PixelData"),
    "short": lambda ds: setattr(ds, "PixelData", ds.PixelData[:100]),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_file(name: str, planted: tuple[Dataset, list[str]], outlets: Outlets) -> None:
    ds, secrets = planted
    BREAKS[name](ds)
    data = save(ds)
    outlets.open()
    try:
        outlets.add(repr(decode_radiograph(data, "a.dcm")))
    except ImageError as error:
        # the whole chain, as --debug prints it
        outlets.add(error.message, error.hint, "".join(traceback.format_exception(error)))
        assert error.__cause__ is None
        assert error.__context__ is None
    assert not outlets.leaked(secrets)


def test_its_identity_is_looked_for_in_silence(planted: tuple[Dataset, list[str]], outlets: Outlets) -> None:
    ds, secrets = planted
    ds.SpecificCharacterSet = str(ds.PatientName)  # unknown: pydicom says so, and which
    data = save(ds)
    outlets.open()
    assert identity_of_file(data)
    assert identity_of(data[144 + int.from_bytes(data[140:144], "little") :], ds.file_meta.TransferSyntaxUID)
    assert not outlets.leaked(secrets)


def test_cut_anywhere(planted: tuple[Dataset, list[str]], outlets: Outlets) -> None:
    ds, secrets = planted
    data = save(ds)
    outlets.open()
    for end in np.linspace(140, len(data) - 2, 60, dtype=int):
        with pytest.raises(ImageError) as raised:
            decode_radiograph(data[:end], "a.dcm")
        outlets.add("".join(traceback.format_exception(raised.value)))
    assert not outlets.leaked(secrets)


def test_a_decoder_s_complaint_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ds = encapsulated(dataset(STORED), RLELossless, [b"nothing that was ever encoded"])
    with pytest.raises(ImageError):
        decode_radiograph(save(ds), "a.dcm")
    assert not caplog.records


def test_a_series_is_told_apart_without_being_named(planted: tuple[Dataset, list[str]]) -> None:
    ds, _secrets = planted
    ds.SeriesInstanceUID = "1.2.840.99999.1234567"
    place = DicomFile(save(ds), "a.dcm").place()
    assert place.series == ds.SeriesInstanceUID
    assert ds.SeriesInstanceUID not in repr(place)


def test_pydicom_may_speak_again_afterwards(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    pydicom = logging.getLogger("pydicom")  # which a server in this process has hushed for good
    monkeypatch.setattr(pydicom, "propagate", True)
    caplog.set_level(logging.WARNING, "pydicom")
    decode_radiograph(dicom(STORED), "a.dcm")
    logging.getLogger("pydicom.pixels").warning("heard")
    assert "heard" in caplog.text
