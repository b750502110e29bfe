"""The envelope: what outgoing objects of the same study need of a received one, and nothing else of it.

Only the identifying elements that the standard wants in every object of a study, and what relates a picture to its
source. Values are kept as the bytes that arrived, beside the character set that arrived, and are written out as these
bytes: a name in ISO 2022, in a wrong or undeclared character set, or longer than allowed is neither judged nor altered.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from edgefrac.errors import ImageError
from edgefrac.imaging.dicom.parse import read_elements
from edgefrac.imaging.dicom.quiet import quietly

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PATIENT_AND_STUDY = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
    "StudyDescription",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
)
"""In every object of the study; from the Patient and General Study modules (PS3.3 C.7.1.1 and C.7.2.1)."""
PICTURE = (
    "BodyPartExamined",
    "Laterality",
    "ImageLaterality",
    "PatientOrientation",
    "BurnedInAnnotation",
    "RecognizableVisualFeatures",
)
"""Of the source image's General Series and General Image modules: true of a picture made of it, too."""
_REFERENCE = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber", "NumberOfFrames")
_KIND = "DICOM file"
# None with implicit VR
_TEXT = (
    None,
    "AE",
    "AS",
    "CS",
    "DA",
    "DS",
    "DT",
    "IS",
    "LO",
    "LT",
    "PN",
    "SH",
    "ST",
    "TM",
    "UC",
    "UI",
    "UN",
    "UR",
    "UT",
)
_LONGEST = 65_534  # what the length of a text element can say with explicit VR

Tag = Annotated[str, Field(pattern="^[0-9A-F]{8}$")]
Uid = Annotated[str, Field(pattern=r"^[0-9A-Za-z.]{1,128}$")]


class Element(BaseModel):
    """One element in the manner of DICOM JSON (PS3.18 F.2): its value as base64, so that no character is lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vr: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    # the standard spells it so
    InlineBinary: Base64Bytes


class Envelope(BaseModel):
    """What a received object says of its patient, study and picture; patient data, so keep it no longer than needed."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    schema_id: Literal["edgefrac.envelope/1"] = Field(default="edgefrac.envelope/1", alias="schema")
    sop_class: Uid = Field(repr=False)
    sop_instance: Uid = Field(repr=False)
    study: Uid = Field(repr=False)
    series: Uid = Field(repr=False)
    series_number: int | None = Field(default=None, repr=False)
    instance_number: int | None = Field(default=None, repr=False)
    frames: int = 1
    charset: Base64Bytes | None = Field(default=None, repr=False)
    """Specific Character Set, of all text in ``elements``."""
    elements: dict[Tag, Element] = Field(repr=False)

    def has(self, keyword: str) -> bool:
        """Whether an element arrived, be it empty."""
        return f"{_tag(keyword):08X}" in self.elements

    def write_to(self, dataset: Dataset, keywords: tuple[str, ...]) -> None:
        """Put the elements of ``keywords`` that arrived into ``dataset``, byte for byte."""
        from pydicom.dataelem import RawDataElement
        from pydicom.tag import BaseTag

        for keyword in keywords:
            tag = _tag(keyword)
            if (element := self.elements.get(f"{tag:08X}")) is not None:
                value = element.InlineBinary
                dataset[tag] = RawDataElement(BaseTag(tag), element.vr, len(value), value, 0, False, True)

    def to_json(self) -> str:
        """As a document; ``from_json`` gives it back."""
        return self.model_dump_json(by_alias=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Envelope:
        """Parse and validate; raises ``pydantic.ValidationError``, which quotes nothing."""
        return cls.model_validate_json(text)


def envelope_of(data: bytes, name: str) -> Envelope:
    """The envelope of a received DICOM file (Part 10), read without its pixels; ``name`` is what errors call it.

    Raises ``ImageError`` for what is damaged or lacks the UIDs that an object of the same study must refer to.
    """
    return quietly(name, _KIND, lambda: _envelope_of(data, name))


def _envelope_of(data: bytes, name: str) -> Envelope:
    from pydicom.datadict import dictionary_VR

    tags = {keyword: _tag(keyword) for keyword in (*PATIENT_AND_STUDY, *PICTURE, *_REFERENCE)}
    dataset = read_elements(data, name, list(tags.values()), stop_before_pixels=True)
    stored = {keyword: _stored(dataset, tag) for keyword, tag in tags.items()}
    identities = {
        field: _text(stored[keyword])
        for field, keyword in (
            ("sop_class", "SOPClassUID"),
            ("sop_instance", "SOPInstanceUID"),
            ("study", "StudyInstanceUID"),
            ("series", "SeriesInstanceUID"),
        )
    }
    if not all(identities.values()):
        raise ImageError(f"{name}: DICOM file without the UIDs of its study, series and instance")
    elements = {
        f"{tags[keyword]:08X}": Element(vr=dictionary_VR(tags[keyword]), InlineBinary=b64encode(value))
        for keyword in (*PATIENT_AND_STUDY, *PICTURE)
        if (value := stored[keyword]) is not None
    }
    return Envelope(
        **identities,
        series_number=_number(stored["SeriesNumber"]),
        instance_number=_number(stored["InstanceNumber"]),
        frames=max(1, _number(stored["NumberOfFrames"]) or 1),
        charset=_charset(dataset),
        elements=elements,
    )


def _tag(keyword: str) -> int:
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    assert tag is not None
    return tag


def _charset(dataset: Dataset) -> bytes | None:
    """Specific Character Set, which pydicom has decoded already, letter by byte; as base64."""
    value = dataset.get("SpecificCharacterSet")
    if value is None:
        return None
    terms = [value] if isinstance(value, str) else list(value)
    plain = "\\".join(terms).encode("latin-1", "replace")
    return b64encode(plain + b" " * (len(plain) % 2))


def _stored(dataset: Dataset, tag: int) -> bytes | None:
    """The value of an element as it was stored, of even length; None where it is absent or no plain text at all."""
    element = dataset.get_item(tag) if tag in dataset else None
    if element is None or not element.is_raw or element.VR not in _TEXT:
        return None
    value = element.value
    if not isinstance(value, bytes) or len(value) > _LONGEST:
        return None
    return value if len(value) % 2 == 0 else value + b" "


def _text(value: bytes | None) -> str:
    return (value or b"").decode("ascii", "replace").strip("\0 ")


def _number(value: bytes | None) -> int | None:
    """The first value of an integer string (IS), if it is one."""
    first = _text(value).split("\\")[0].strip()
    try:
        found = int(first)
    except ValueError:
        return None
    return found if abs(found) < 2**31 else None
