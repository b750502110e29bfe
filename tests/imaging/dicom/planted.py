"""A DICOM data set with a distinctive value in hundreds of elements: texts, dates, numbers; nested and private."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset

from tests.imaging.files import dataset, noise

STORED = noise(24, 31, high=4096)
GROUPS = (0x0008, 0x0010, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040, 0x4008)
CODES = ("Modality", "ViewPosition", "ImageLaterality", "Laterality")
WRONG_KINDS = {"PatientBirthDate": "DA", "PatientAge": "AS", "PatientSize": "LO"}
# elements that decide whether the file can be read at all, and those that get their value later
SPARED = {"SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "ImageComments", *CODES, *WRONG_KINDS}
PER_VR = 22

# VR -> a value that its kind allows, and that nothing else in the world contains
MAKERS: dict[str, Callable[[int], str]] = {
    "PN": lambda n: f"ZQPN{n:04}^ZQGIVEN{n:04}",
    **{vr: (lambda n, vr=vr: f"ZQ{vr}{n:04}") for vr in ("LO", "SH", "LT", "ST", "UT", "UC", "AE", "CS")},
    "UR": lambda n: f"https://zq.example/{n}",
    "DA": lambda n: f"19{n % 90 + 10}0{n % 9 + 1}{n % 18 + 11}",
    "TM": lambda n: f"112233.{n + 734_000}",
    "DT": lambda n: f"19430211112233.{n + 635_000}",
    "AS": lambda n: f"{n % 800 + 100}D",
    "IS": lambda n: str(873_000_000 + n),
    "DS": lambda n: f"0.{591_000_000 + n}",
    "UI": lambda n: f"1.2.840.99999.{77_000_000 + n}",
}
# too short to be told from other numbers, so they are planted but not searched for
UNSEARCHED = {"AS"}


def plant(syntax: str) -> tuple[Dataset, list[str]]:
    """The data set, and more than 300 values of which none may ever come out."""
    ds, secrets = dataset(STORED, syntax=syntax), []

    def secret(vr: str) -> str:
        text = MAKERS[vr](len(secrets) + 1)
        if vr not in UNSEARCHED:
            secrets.extend(text.split("^"))
        return text

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some values are not of those that the standard enumerates
        for vr in MAKERS:
            for keyword in _elements(vr, ds):
                setattr(ds, keyword, secret(vr))
        _nest(ds, secret)
        # free text in group 0028, and in elements that are read for facts
        for keyword in ("WindowCenterWidthExplanation", "PixelSpacingCalibrationDescription", "RescaleType"):
            setattr(ds, keyword, secret("LO"))
        ds.add_new("ImageComments", "LT", secret("LT"))
        for keyword in CODES:
            ds.add_new(keyword, "CS", secret("CS"))
        # values that their VR forbids, which pydicom likes to quote in a warning
        for keyword, vr in WRONG_KINDS.items():
            ds.add_new(keyword, vr, secret("LO"))
    return ds, secrets


def _elements(vr: str, ds: Dataset) -> list[str]:
    found = [
        keyword
        for tag, entry in DicomDictionary.items()
        if entry[0] == vr and entry[1] == "1" and tag >> 16 in GROUPS and (keyword := keyword_for_tag(tag))
    ]
    return [keyword for keyword in found if keyword not in ds and keyword not in SPARED][:PER_VR]


def _nest(ds: Dataset, secret: Callable[[str], str]) -> None:
    """Sequences in sequences, also where the reader looks for facts, and private elements."""
    for keyword in ("OtherPatientIDsSequence", "ReferencedStudySequence", "RequestAttributesSequence"):
        inner, outer = Dataset(), Dataset()
        for item in (inner, outer):
            item.PatientName, item.PatientID = secret("PN"), secret("LO")
            item.PatientBirthDate = secret("DA")
        outer.OtherPatientIDsSequence = [inner]
        setattr(ds, keyword, [outer])
    anatomy, shared = Dataset(), Dataset()
    anatomy.FrameLaterality, anatomy.PatientName = secret("CS"), secret("PN")
    shared.FrameAnatomySequence, shared.ImageComments = [anatomy], secret("LT")
    ds.SharedFunctionalGroupsSequence = [shared]
    for group in (0x0009, 0x0011, 0x0029):
        block = ds.private_block(group, secret("LO"), create=True)
        item = Dataset()
        item.PatientName = secret("PN")
        for offset, vr in enumerate(("LO", "PN", "UT", "DS")):
            block.add_new(offset + 1, vr, secret(vr))
        block.add_new(0x10, "SQ", [item])
        block.add_new(0x11, "OB", secret("LO").encode())
