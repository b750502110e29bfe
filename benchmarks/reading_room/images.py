"""Images to send: as DICOM radiographs or phantoms of a detector's size, each its own identifiers; as PNG noise."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from edgefrac.datasets import open_dataset
from edgefrac.imaging.radiograph import Radiograph


def radiographs(source: str, count: int) -> list[Radiograph]:
    """The first readable radiographs of a data set."""
    samples = open_dataset(source).samples
    found = []
    for sample in samples:
        if len(found) == count:
            break
        found.append(sample.read())
    return found


def dicoms(rasters: list[Radiograph], longer_side: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Endless: SOP Instance UIDs and files, 12 bits of 16, at that many pixels a side; no two the same."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 16, (longer_side, longer_side), dtype=np.uint16)
    number = 0
    while True:
        raster = rasters[number % len(rasters)]
        scale = longer_side / max(raster.height, raster.width)
        size = (max(16, round(raster.width * scale)), max(16, round(raster.height * scale)))
        large = np.asarray(Image.fromarray(raster.pixels).resize(size, Image.Resampling.BILINEAR)).astype(np.uint16)
        yield _file((large << 4) + np.roll(noise, number)[: size[1], : size[0]], number)
        number += 1


def _file(pixels: NDArray[np.uint16], number: int) -> tuple[str, bytes]:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image = Dataset()
    image.file_meta = meta
    image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.PatientName, image.PatientID = "Benchmark^Nobody", f"B{number}"
    image.PatientBirthDate = image.PatientSex = image.StudyDate = image.StudyTime = ""
    image.AccessionNumber = image.ReferringPhysicianName = image.StudyID = ""
    image.SeriesNumber, image.InstanceNumber, image.Modality = 1, 1, "DX"
    image.PresentationIntentType, image.PixelIntensityRelationship, image.PixelIntensityRelationshipSign = (
        *("FOR PRESENTATION", "LOG"),
        -1,
    )
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.WindowCenter, image.WindowWidth = 2048, 4096
    image.PixelData = pixels.astype("<u2").tobytes()
    written = io.BytesIO()
    dcmwrite(written, image, enforce_file_format=True)
    return str(image.SOPInstanceUID), written.getvalue()


def files(folder: Path, source: str, count: int, longer_side: int) -> list[tuple[str, Path]]:
    """So many such files in a folder: their SOP Instance UIDs and paths."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for (uid, data), number in zip(
        dicoms(radiographs(source, min(count, 100)), longer_side), range(count), strict=False
    ):
        path = folder / f"{number:05d}.dcm"
        path.write_bytes(data)
        found.append((uid, path))
    return found


def pngs(count: int, side: int) -> list[bytes]:
    """So many square PNG images of noise, no two the same."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(count):
        written = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (side, side), dtype=np.uint8)).save(written, "PNG")
        found.append(written.getvalue())
    return found
