"""What all outgoing objects share: the study they belong to, the equipment that made them, their encoding.

The objects are written here and not by highdicom's classes for them, which put the present time into each, and refuse
or rewrite patients' names that are not as the standard wants them.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from edgefrac.serve.dicom.envelope import PATIENT_AND_STUDY, Envelope
from edgefrac.serve.dicom.origin import CREATOR_UID, MANUFACTURER, SOFTWARE, Origin, text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.sr.coding import Code

IMPLEMENTATION_NAME = SOFTWARE.upper().replace(" ", "_")[:16]
PRIVATE_SCHEME = "99EDGEFRAC"
"""Of the few concepts that no public coding scheme has."""
# type 2: to be there, but empty where the source does not say
_MUST_BE_THERE = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
)


def new_object(envelope: Envelope, origin: Origin, sop_class: str, kind: str, series_number: int) -> Dataset:
    """An object of the envelope's study, up to what its own kind of object needs.

    ``series_number`` is what is added to the source series' number, so that the two stay apart in lists.
    """
    from pydicom.dataset import Dataset

    dataset = Dataset()
    for keyword in _MUST_BE_THERE:
        setattr(dataset, keyword, None)
    envelope.write_to(dataset, PATIENT_AND_STUDY)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = origin.uid(kind)
    dataset.SeriesInstanceUID = origin.series_uid(envelope.series, kind)
    source_number = envelope.series_number or 0
    dataset.SeriesNumber = series_number + (source_number if 0 <= source_number < 1000 else 0)
    number = envelope.instance_number
    dataset.InstanceNumber = number if number is not None and number >= 0 else 1
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = text(origin.model.name) if origin.model else MANUFACTURER
    dataset.DeviceSerialNumber = origin.model.sha256 if origin.model else "none"
    dataset.SoftwareVersions = origin.software
    local = local_time(envelope, origin.at)
    dataset.InstanceCreationDate = local.strftime("%Y%m%d")
    dataset.InstanceCreationTime = local.strftime("%H%M%S")
    dataset.InstanceCreatorUID = CREATOR_UID
    return dataset


def contributing_equipment(origin: Origin) -> Dataset:
    """The item of Contributing Equipment Sequence that names software and model (PS3.3 C.12.1.1.5)."""
    from highdicom.base_content import ContributingEquipment
    from pydicom.sr.codedict import codes

    return ContributingEquipment(
        MANUFACTURER,
        codes.DCM.ProcessingEquipment,
        manufacturer_model_name=text(origin.model.name) if origin.model else MANUFACTURER,
        software_versions=origin.software,
        device_serial_number=origin.model.sha256 if origin.model else None,
        contribution_description=f"Research software, no medical device: {origin.in_words}",
    )


def referenced_image(envelope: Envelope) -> Dataset:
    """The reference to the source image, or to that frame of it which was looked at: the first."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = envelope.sop_class
    item.ReferencedSOPInstanceUID = envelope.sop_instance
    if envelope.frames > 1:
        item.ReferencedFrameNumber = 1
    return item


def coded(code: Code) -> Dataset:
    """A code sequence's item."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def name_private_scheme(dataset: Dataset) -> None:
    """Say whose the private coding scheme is (PS3.3 C.12.1.1.1)."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE_SCHEME
    item.CodingSchemeName = "Concepts of EdgeFrac"
    item.CodingSchemeResponsibleOrganization = MANUFACTURER
    dataset.CodingSchemeIdentificationSequence = [item]


def local_time(envelope: Envelope, at: datetime) -> datetime:
    """``at`` on the clock that the study's times were read from, or else on that of this machine."""
    element = envelope.elements.get("00080201")  # TimezoneOffsetFromUTC
    said = element.InlineBinary.decode("ascii", "replace").strip("\0 ") if element else ""
    if len(said) == 5 and said[0] in "+-" and said[1:].isdecimal():
        offset = timedelta(hours=int(said[1:3]), minutes=int(said[3:5]))
        if offset < timedelta(hours=15):
            return at.astimezone(timezone(-offset if said[0] == "-" else offset))
    return at.astimezone()


def encode(dataset: Dataset, envelope: Envelope) -> bytes:
    """As a DICOM file (Part 10), Explicit VR Little Endian: the same data set gives the same bytes.

    All text of EdgeFrac's own is ASCII, which every character set has; the envelope's goes in as bytes, and so does the
    name of its character set, which is the first element and need not be one that pydicom knows.
    """
    from pydicom import dcmwrite
    from pydicom.charset import default_encoding
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(CREATOR_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    dataset.file_meta = meta
    # then pydicom writes raw elements as they are, and decodes none
    dataset.set_original_encoding(False, True, default_encoding)
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    file = buffer.getvalue()
    if envelope.charset is None:
        return file
    start = 144 + int.from_bytes(file[140:144], "little")  # the meta group's length ends at 144 and counts from there
    length = len(envelope.charset).to_bytes(2, "little")
    return b"".join((file[:start], b"\x08\0\x05\0CS", length, envelope.charset, file[start:]))
