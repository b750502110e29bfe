"""The answer as a Structured Report: TID 1500 "Measurement Report" (PS3.16) in a Comprehensive SR.

One group of measurements for the image: finding present or absent, with probability, threshold and log-odds, and which
algorithm says so (TID 4019). One region of interest for each evidence region: a closed rectangle in pixels of the
source image, with its share. Where the answer does not count, because the image could not be read or is not of the kind
that the model was trained on, the report says so: the finding is undetermined, and nothing is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgefrac.contract import NOT_A_MEDICAL_DEVICE
from edgefrac.serve.answer import Answer, RegionOfEvidence
from edgefrac.serve.dicom.derived import (
    PRIVATE_SCHEME,
    contributing_equipment,
    encode,
    local_time,
    name_private_scheme,
    new_object,
    referenced_image,
)
from edgefrac.serve.dicom.envelope import Envelope
from edgefrac.serve.dicom.origin import MANUFACTURER, SOFTWARE, Origin, text

if TYPE_CHECKING:
    from highdicom.sr import AlgorithmIdentification, Measurement
    from pydicom.dataset import Dataset
    from pydicom.sr.coding import Code

_SERIES = 9000
_FRACTURE = "fracture"
_NOT_COUNTING = "No answer for this image"
_WHERE = {
    "localised": "The evidence stands out in the regions of this report.",
    "diffuse": "No place stands out, so none explains this answer.",
    "nothing": "No place speaks for the finding.",
}


def structured_report(envelope: Envelope, answer: Answer | str, origin: Origin) -> bytes:
    """``answer``, or why there is none, as a DICOM file of the envelope's study."""
    from pydicom.uid import ComprehensiveSRStorage

    dataset = new_object(envelope, origin, ComprehensiveSRStorage, "report", _SERIES)
    local = local_time(envelope, origin.at)
    dataset.Modality = "SR"
    dataset.SeriesDescription = "EdgeFrac answer, not for diagnosis"
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.ContentDate = local.strftime("%Y%m%d")
    dataset.ContentTime = local.strftime("%H%M%S")
    dataset.CompletionFlag = "COMPLETE"
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.PreliminaryFlag = "PRELIMINARY"
    dataset.PerformedProcedureCodeSequence = []
    dataset.CurrentRequestedProcedureEvidenceSequence = [_evidence(envelope)]
    dataset.ContributingEquipmentSequence = [contributing_equipment(origin)]
    name_private_scheme(dataset)
    for element in _content(envelope, answer, origin):
        dataset[element.tag] = element
    return encode(dataset, envelope)


def _evidence(envelope: Envelope) -> Dataset:
    """The hierarchy of study, series and instance that the report's references point to (PS3.3 C.17.2)."""
    from pydicom.dataset import Dataset

    series, study, image = Dataset(), Dataset(), referenced_image(envelope)
    if "ReferencedFrameNumber" in image:
        del image.ReferencedFrameNumber  # the frame is said in the content
    series.ReferencedSOPSequence, series.SeriesInstanceUID = [image], envelope.series
    study.ReferencedSeriesSequence, study.StudyInstanceUID = [series], envelope.study
    return study


def _content(envelope: Envelope, answer: Answer | str, origin: Origin) -> Dataset:
    from highdicom.sr import CodedConcept, LanguageOfContentItemAndDescendants, MeasurementReport
    from pydicom.sr.codedict import codes

    groups: list[Any] = [_whole_image(envelope, answer, origin)]
    if not isinstance(answer, str) and not answer.foreign:
        regions = answer.regions
        groups += [_region(envelope, region, number, origin) for number, region in enumerate(regions, start=1)]
    report = MeasurementReport(
        observation_context=_observer(origin),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(
            CodedConcept("en", "RFC5646", "English")
        ),
    )
    root: Dataset = report[0]
    return root


def _observer(origin: Origin) -> Any:
    from highdicom.sr import DeviceObserverIdentifyingAttributes, ObservationContext, ObserverContext
    from pydicom.sr.codedict import codes

    device = DeviceObserverIdentifyingAttributes(
        uid=origin.device_uid,
        name=MANUFACTURER,
        manufacturer_name=MANUFACTURER,
        model_name=origin.in_words,
        serial_number=origin.model.sha256 if origin.model else None,
    )
    return ObservationContext(observer_device_context=ObserverContext(codes.DCM.Device, device))


def _algorithm(origin: Origin) -> AlgorithmIdentification | None:
    from highdicom.sr import AlgorithmIdentification

    # without the family, which readers of such reports take for a finding
    if not (model := origin.model):
        return None
    return AlgorithmIdentification(
        name=f"EdgeFrac {text(model.name)}",
        version=f"{text(model.version)} {model.precision}, {SOFTWARE}",
        parameters=[f"SHA-256 of the model file: {model.sha256}"],
    )


def _whole_image(envelope: Envelope, answer: Answer | str, origin: Origin) -> Any:
    """TID 1501: what holds for the image as a whole."""
    from highdicom.sr import MeasurementsAndQualitativeEvaluations, QualitativeEvaluation, TrackingIdentifier
    from pydicom.sr.codedict import codes

    measurements: list[Measurement] = []
    comments = [NOT_A_MEDICAL_DEVICE]
    if isinstance(answer, str):
        presence = codes.SCT.Undetermined
        comments.append(f"{_NOT_COUNTING}: {answer}")
    elif answer.foreign:
        presence = codes.SCT.Undetermined
        comments.append(f"{_NOT_COUNTING}: {answer.foreign}")
    else:
        presence = codes.SCT.Present if answer.positive else codes.SCT.Absent
        measurements = _figures(answer)
        comments += [_WHERE[answer.finding]] if answer.finding else []
    task = _FRACTURE if isinstance(answer, str) else answer.task
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(origin.uid("tracking of the image"), f"{text(task)} in the image"),
        algorithm_id=_algorithm(origin),
        measurements=measurements,
        qualitative_evaluations=[QualitativeEvaluation(_asked_for(task), presence)],
        source_images=[_source_for_group(envelope)],
    )
    group[0].ContentSequence.extend(_comments(comments))
    return group


def _asked_for(task: str) -> Code:
    """What a task's answer says is there or not; a task of a model of one's own has no public code."""
    from pydicom.sr.coding import Code

    if task == _FRACTURE:
        return Code("125605004", "SCT", "Fracture of bone")
    return Code(text(task, 16), PRIVATE_SCHEME, f"What the task {text(task, 40)} looks for")


def _figures(answer: Answer) -> list[Measurement]:
    from highdicom.sr import Measurement
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    figures = [
        Measurement(codes.DCM.Probability, round(answer.probability, 6), _no_units()),
        Measurement(codes.DCM.ThresholdValue, round(answer.threshold, 6), _no_units()),
    ]
    if answer.log_odds is not None:
        log_odds = Code("log-odds", PRIVATE_SCHEME, "Log-odds of the probability")
        figures.append(Measurement(log_odds, round(answer.log_odds, 4), _no_units()))
    return figures


def _no_units() -> Code:
    from pydicom.sr.coding import Code

    return Code("1", "UCUM", "no units")


def _region(envelope: Envelope, region: RegionOfEvidence, number: int, origin: Origin) -> Any:
    """TID 1410: one evidence region, its edges in pixels of the source image (0\\0 is the first pixel's corner)."""
    from highdicom.sr import (
        ImageRegion,
        Measurement,
        PlanarROIMeasurementsAndQualitativeEvaluations,
        SourceImageForRegion,
        TrackingIdentifier,
    )
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    x, y, width, height = region.box
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)], np.float32)
    share = Code("evidence-share", PRIVATE_SCHEME, "Share of all evidence for the finding")
    log_odds = Code("log-odds-added", PRIVATE_SCHEME, "Log-odds added by the region")
    frames = [1] if envelope.frames > 1 else None
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(origin.uid(f"tracking of region {number}"), f"Region {number}"),
        referenced_region=ImageRegion(
            "POLYLINE", corners, SourceImageForRegion(envelope.sop_class, envelope.sop_instance, frames)
        ),
        finding_type=Code("evidence-region", PRIVATE_SCHEME, "Region of evidence for the finding"),
        algorithm_id=_algorithm(origin),
        measurements=[
            Measurement(share, round(100 * region.share, 2), codes.UCUM.Percent),
            Measurement(log_odds, region.log_odds, _no_units()),
        ],
    )


def _source_for_group(envelope: Envelope) -> Any:
    from highdicom.sr import SourceImageForMeasurementGroup

    frames = [1] if envelope.frames > 1 else None
    return SourceImageForMeasurementGroup(envelope.sop_class, envelope.sop_instance, frames)


def _comments(lines: Sequence[str]) -> list[Any]:
    from highdicom.sr import TextContentItem
    from highdicom.sr.coding import CodedConcept
    from pydicom.sr.codedict import codes

    name = CodedConcept.from_code(codes.DCM.Comment)
    return [TextContentItem(name, text(line, 1024), "CONTAINS") for line in lines]
