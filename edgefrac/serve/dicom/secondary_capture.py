"""The picture that goes back to the archive: the overlay as a Secondary Capture image (PS3.3 A.8.1).

The plain Secondary Capture, RGB, uncompressed: the one that every viewer shows. It has no pixel spacing, since nobody
should measure on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import NOT_A_MEDICAL_DEVICE
from edgefrac.imaging.burned_in import RECOGNISABLE
from edgefrac.serve.dicom.derived import (
    PRIVATE_SCHEME,
    coded,
    contributing_equipment,
    encode,
    local_time,
    name_private_scheme,
    new_object,
    referenced_image,
)
from edgefrac.serve.dicom.envelope import PICTURE, Envelope
from edgefrac.serve.dicom.origin import Origin

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SERIES = 8000


def secondary_capture(envelope: Envelope, picture: NDArray[np.uint8], origin: Origin, identifying: str | None) -> bytes:
    """``picture``, the overlay as uint8 [H, W, 3] with its caption burned in, as a DICOM file of the envelope's study.

    EdgeFrac's caption names nobody, but a source's own annotation is still in the picture. Of that it says what the
    source says of itself, and YES where ``identifying`` (as in ``answer.Answer``) has found text.
    """
    from pydicom.uid import SecondaryCaptureImageStorage

    dataset = new_object(envelope, origin, SecondaryCaptureImageStorage, "overlay", _SERIES)
    dataset.PatientOrientation = None
    if not envelope.has("ImageLaterality"):
        dataset.Laterality = None  # empty where unknown
    envelope.write_to(dataset, PICTURE)
    local = local_time(envelope, origin.at)
    dataset.Modality = "OT"
    dataset.ConversionType = "SYN"
    dataset.SeriesDescription = "EdgeFrac evidence overlay, not for diagnosis"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ContentDate = dataset.DateOfSecondaryCapture = local.strftime("%Y%m%d")
    dataset.ContentTime = dataset.TimeOfSecondaryCapture = local.strftime("%H%M%S")
    dataset.ImageComments = NOT_A_MEDICAL_DEVICE
    if identifying:
        dataset.ImageComments += f" Look before you pass the picture on: {identifying}"
        if identifying != RECOGNISABLE:
            dataset.BurnedInAnnotation = "YES"
    dataset.ContributingEquipmentSequence = [contributing_equipment(origin)]
    _derivation(dataset, envelope, origin)
    _pixels(dataset, picture)
    return encode(dataset, envelope)


def _derivation(dataset: Dataset, envelope: Envelope, origin: Origin) -> None:
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    source = referenced_image(envelope)
    source.SpatialLocationsPreserved = "NO"
    source.PurposeOfReferenceCodeSequence = [coded(codes.DCM.SourceImageForImageProcessingOperation)]
    dataset.SourceImageSequence = [source]
    dataset.DerivationDescription = f"Resized; evidence map in colour, and a caption: {origin.in_words}"
    overlay = Code("evidence-overlay", PRIVATE_SCHEME, "Evidence map drawn over the image")
    dataset.DerivationCodeSequence = [coded(codes.DCM.SpatialResampling), coded(overlay)]
    name_private_scheme(dataset)


def _pixels(dataset: Dataset, picture: NDArray[np.uint8]) -> None:
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "RGB"
    dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = picture.shape[:2]
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    dataset.LossyImageCompression = "00"
    samples = picture.tobytes()
    dataset.PixelData = samples + b"\0" if len(samples) % 2 else samples
    dataset["PixelData"].VR = "OB"
