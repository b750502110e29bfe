"""Annotations held against the header of the image that they belong to."""

from __future__ import annotations

from pathlib import PurePosixPath

from edgefrac.datasets.annotation import Annotation, fit, upright_size
from edgefrac.datasets.findings import Findings
from edgefrac.datasets.store import Store


def checked(store: Store, file: str, drawn: list[Annotation], findings: Findings) -> Annotation:
    """The first of the annotations ``drawn`` of one image, without the boxes that do not lie in its upright raster.

    Each contradiction with the header, of any of them, is a finding under the image's name.
    """
    name = PurePosixPath(file).name
    try:
        with store.open(file) as stream:
            size, sideways = upright_size(stream)
    except OSError:
        findings.add("image header unreadable, annotation not checked", name)
        return drawn[0]
    for annotation in drawn:
        if annotation.size == size and sideways:
            findings.add("annotated size is the stored one swapped: the EXIF rotation explains it", name)
            break
        if annotation.size != size:
            swapped = "swapped " if annotation.size == size[::-1] else ""
            findings.add(f"annotated for an image of another {swapped}size, boxes kept where they fit", name)
            break
    fitted = fit(drawn[0], size)
    if len(fitted.boxes) < len(drawn[0].boxes):
        findings.add("box outside the image or empty, left out", name)
    return fitted
