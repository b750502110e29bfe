"""Phantoms as DICOM files: Digital X-Ray, CT and MR images (PS3.3), each saying in its header that it is a phantom."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset as Header
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from edgefrac.datasets.phantom.slices import HOUNSFIELD_WINDOW

SOP_CLASSES = {
    "xray": "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray Image Storage - For Presentation
    "ct": "1.2.840.10008.5.1.4.1.1.2",
    "mr": "1.2.840.10008.5.1.4.1.1.4",
}
PATIENT_NAME = "phantom^not clinical"
_DATE = "20000101"
_ANATOMY = {  # code, meaning, body part (PS3.16, context groups 4009 and 4031)
    "hand": ("85562004", "Hand", "HAND"),
    "forearm": ("14975008", "Forearm", "FOREARM"),
    "shoulder": ("16982005", "Shoulder region structure", "SHOULDER"),
    "hip": ("12921003", "Pelvis", "PELVIS"),
    "knee": ("72696002", "Knee", "KNEE"),
    "lower leg": ("30021000", "Lower leg", "LEG"),
    "ankle": ("70258002", "Ankle joint", "ANKLE"),
    "foot": ("56459004", "Foot", "FOOT"),
}


@dataclass(frozen=True)
class Acquired:
    """What goes into a file: ``values`` uint8 (CT, MR: uint16 of 12 bits), mm per pixel, names of image and patient."""

    modality: str
    values: NDArray[np.uint8] | NDArray[np.uint16]
    spacing: float
    part: str
    view: str
    id: str
    group: str


def to_dicom(image: Acquired) -> bytes:
    """The file's bytes, the same each time: UIDs follow from names, and no clock is asked."""
    header = _common(image)
    {"xray": _x_ray, "ct": _ct, "mr": _mr}[image.modality](header, image)
    _pixels(header, image)
    stream = io.BytesIO()
    header.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _common(image: Acquired) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(SOP_CLASSES[image.modality])
    meta.MediaStorageSOPInstanceUID = _uid(image.modality, image.id)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = FileDataset(io.BytesIO(), {}, file_meta=meta, preamble=b"\0" * 128)
    header.SpecificCharacterSet = "ISO_IR 100"
    header.SOPClassUID, header.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    header.StudyDate = header.SeriesDate = header.AcquisitionDate = header.ContentDate = _DATE
    header.StudyTime = header.SeriesTime = header.AcquisitionTime = header.ContentTime = "120000"
    header.AccessionNumber, header.ReferringPhysicianName, header.StudyID = "", "", "1"
    header.Manufacturer, header.ManufacturerModelName = "EdgeFrac", PATIENT_NAME.replace("^", ", ")
    header.DeviceSerialNumber, header.SoftwareVersions = "0", "phantom"
    header.PatientName, header.PatientID = PATIENT_NAME, image.group
    header.PatientBirthDate, header.PatientSex = "", ""
    header.StudyDescription = header.ImageComments = "phantom, not clinical"
    header.StudyInstanceUID = _uid("study", image.group)
    header.SeriesInstanceUID = _uid("series", image.modality, image.id)
    header.SeriesNumber, header.InstanceNumber = 1, 1
    header.ImageType = ["DERIVED", "PRIMARY"]
    header.DerivationDescription = "synthetic: phantom, not clinical"
    header.BodyPartExamined = _ANATOMY[image.part][2]
    header.LossyImageCompression = "00"
    header.BurnedInAnnotation = "NO"
    return header


def _x_ray(header: FileDataset, image: Acquired) -> None:
    header.Modality, header.PresentationIntentType = "DX", "FOR PRESENTATION"
    code, meaning, _ = _ANATOMY[image.part]
    header.AnatomicRegionSequence = Sequence([_code(code, "SCT", meaning)])
    header.ImageLaterality, header.PatientOrientation = "U", ["L", "F"]
    header.PixelIntensityRelationship, header.PixelIntensityRelationshipSign = "LOG", 1
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = 0, 1, "US"
    header.PresentationLUTShape = "IDENTITY"
    header.WindowCenter, header.WindowWidth = 128, 256
    header.DetectorType, header.ImagerPixelSpacing = "STORAGE", _pair(image.spacing)
    header.FieldOfViewShape = "RECTANGLE"
    header.AcquisitionContextSequence = Sequence([])
    header.ViewCodeSequence = Sequence([_view_code(image.view)])
    header.PositionerType = ""


def _ct(header: FileDataset, image: Acquired) -> None:
    header.Modality = "CT"
    _slice(header, image)
    header.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = -1024, 1, "HU"
    header.WindowCenter, header.WindowWidth = HOUNSFIELD_WINDOW
    header.KVP, header.AcquisitionNumber = 120, 1


def _mr(header: FileDataset, image: Acquired) -> None:
    header.Modality = "MR"
    _slice(header, image)
    header.ImageType = ["DERIVED", "PRIMARY", "OTHER"]
    header.ScanningSequence, header.SequenceVariant, header.ScanOptions = "SE", "NONE", ""
    header.MRAcquisitionType, header.EchoTrainLength = "2D", 1
    header.RepetitionTime, header.EchoTime, header.MagneticFieldStrength = 550, 12, 1.5
    header.WindowCenter, header.WindowWidth = 2048, 4096


def _slice(header: FileDataset, image: Acquired) -> None:
    axial = image.view == "axial"
    header.Laterality = ""
    header.FrameOfReferenceUID, header.PositionReferenceIndicator = _uid("frame", image.group), ""
    header.PatientPosition, header.PixelSpacing, header.SliceThickness = "HFS", _pair(image.spacing), 1
    header.ImagePositionPatient = [0, 0, 0]
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0] if axial else [1, 0, 0, 0, 0, -1]


def _pixels(header: FileDataset, image: Acquired) -> None:
    values, bits = image.values, 8 if image.modality == "xray" else 12
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.Rows, header.Columns = values.shape
    header.BitsAllocated, header.BitsStored, header.HighBit = (8 if bits == 8 else 16), bits, bits - 1
    header.PixelRepresentation = 0
    data = values.astype("u1" if bits == 8 else "<u2").tobytes()
    header.PixelData = data + b"\0" * (len(data) % 2)
    header["PixelData"].VR = "OB" if bits == 8 else "OW"


def _pair(spacing: float) -> list[str]:
    return [f"{spacing:.6f}"] * 2


def _view_code(view: str) -> Header:
    known = {"frontal": ("399348003", "antero-posterior"), "lateral": ("399067008", "lateral")}
    code, meaning = known.get(view, ("399108005", "oblique"))
    item = _code(code, "SCT", meaning)
    item.ViewModifierCodeSequence = Sequence([])
    return item


def _code(value: str, scheme: str, meaning: str) -> Header:
    item = Header()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _uid(*names: str) -> UID:
    return UID(generate_uid(entropy_srcs=["edgefrac phantom", *names]))
