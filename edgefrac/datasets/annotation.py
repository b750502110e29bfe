"""Boxes and polygons from COCO, YOLO and PASCAL VOC files, and whether they fit the raster they belong to."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO, Any
from xml.etree import ElementTree

from PIL import Image

from edgefrac.datasets.sample import Box, Polygon
from edgefrac.errors import DatasetError

_EXIF_ORIENTATION = 274
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_PNG_EXIF = frozenset(("exif", "Raw profile type exif"))
_SLACK = 1.5  # pixels by which annotators' boxes may stick out
_YOLO_SLACK = 1e-3  # by which a share may exceed 1 after rounding

PATIENT_KEYS = ("patient_id", "patient", "subject_id", "subject")
"""Fields of an image's record in which COCO files with patients name them; COCO itself defines none."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Annotation:
    """What was drawn on one image of ``size`` (width, height).

    ``kinds`` are the different categories of what was drawn, ``patient`` whom the file says the image is of, where it
    says so.
    """

    size: Size
    boxes: tuple[Box, ...] = ()
    polygons: tuple[Polygon, ...] = ()
    kinds: tuple[str, ...] = ()
    patient: str = ""


def read_coco(text: str, title: str, wanted: Callable[[str], bool] | None = None) -> dict[str, Annotation]:
    """COCO JSON -> annotation by file name, of the categories whose name is ``wanted`` (all, by default).

    Records of one file name are taken together. Raises ``DatasetError`` naming ``title``.
    """
    try:
        document = json.loads(text)
        names = {category["id"]: str(category["name"]) for category in document.get("categories", ())}
        drawn_on: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        for drawn in document["annotations"]:
            if wanted is None or wanted(names.get(drawn.get("category_id"), "")):
                drawn_on[drawn["image_id"]].append(drawn)
        annotations: dict[str, Annotation] = {}
        for image in document["images"]:
            name = image["file_name"]
            if not isinstance(name, str):
                raise TypeError("file_name is no text")
            annotations[name] = _coco_annotation(image, drawn_on[image["id"]], names, annotations.get(name))
        return annotations
    # RecursionError: nested thousands deep; OverflowError: a number beyond all integers or floats
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise DatasetError(f"{title}: not a COCO annotation file ({error!r})") from error


def _coco_annotation(
    image: dict[str, Any], drawn_on: list[dict[str, Any]], names: dict[int, str], before: Annotation | None
) -> Annotation:
    boxes, polygons, kinds = (before.boxes, before.polygons, before.kinds) if before else ((), (), ())
    for drawn in drawn_on:
        segmentation = drawn.get("segmentation")
        # a mask in run-length form has no corners
        corners = tuple(_corners(flat) for flat in segmentation) if isinstance(segmentation, list) else ()
        if drawn.get("bbox"):
            boxes += (Box(*(float(value) for value in drawn["bbox"])),)
        elif corners:
            boxes += (_around(corners),)
        polygons += corners
        kinds += (names.get(drawn.get("category_id", -1), ""),)
    size = (int(image["width"]), int(image["height"]))
    patient = next((str(image[key]) for key in PATIENT_KEYS if image.get(key) not in (None, "")), "")
    return Annotation(size, boxes, polygons, tuple(sorted(set(kinds))), patient)


def read_yolo(text: str, title: str, category: int, size: Size) -> tuple[Annotation, int]:
    """YOLO lines (category, centre x and y, width and height) -> boxes in pixels, and how many were left out.

    YOLO gives shares of the image. A line with a value above 1 is in other units (pixels, as a rule) and is left out.
    Only the given category is taken. Raises ``DatasetError`` naming ``title`` and the line.
    """
    boxes, foreign = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            kind, x, y, width, height = (float(word) for word in line.split())
        except ValueError as error:
            raise DatasetError(f"{title}, line {number}: not five numbers, as in YOLO label files") from error
        if kind != category:
            continue
        if max(x, y, width, height) > 1 + _YOLO_SLACK:
            foreign += 1
            continue
        left, top = (x - width / 2) * size[0], (y - height / 2) * size[1]
        boxes.append(Box(left, top, width * size[0], height * size[1]))
    return Annotation(size, tuple(boxes)), foreign


def read_voc(text: str, title: str) -> Annotation:
    """PASCAL VOC XML -> annotation; raises ``DatasetError`` naming ``title``."""
    try:
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("it declares entities")  # entity bombs: no annotation tool writes them
        root = ElementTree.fromstring(text)
        boxes = []
        for drawn in root.iterfind("object/bndbox"):
            left, top, right, bottom = (_number(drawn, key) for key in ("xmin", "ymin", "xmax", "ymax"))
            boxes.append(Box(left, top, right - left, bottom - top))
        return Annotation((int(_number(root, "size/width")), int(_number(root, "size/height"))), tuple(boxes))
    except (ValueError, OverflowError, ElementTree.ParseError) as error:  # a size of infinity overflows
        raise DatasetError(f"{title}: not a PASCAL VOC annotation file ({error})") from error


def upright_size(stream: IO[bytes]) -> tuple[Size, bool]:
    """(width, height) after EXIF rotation, from the header alone, and whether EXIF turns the image on its side.

    Raises ``OSError`` where the header is no image's.
    """
    try:
        with Image.open(stream) as image:
            # Pillow decodes a whole PNG in search of EXIF data behind the pixels, where nobody writes it
            told = image.format != "PNG" or not _PNG_EXIF.isdisjoint(image.info)
            sideways = told and image.getexif().get(_EXIF_ORIENTATION) in _SIDEWAYS
            return (image.size[::-1] if sideways else image.size), sideways
    except Exception as error:  # a damaged file, or zip around it, can make a decoder raise nearly anything
        raise OSError(str(error)) from error


def fit(annotation: Annotation, size: Size) -> Annotation:
    """Leave out boxes (and polygons) that do not lie in an upright raster of ``size``."""
    boxes = tuple(box for box in annotation.boxes if _inside(box, size))
    polygons = tuple(p for p in annotation.polygons if all(_inside(Box(x, y, 1e-9, 1e-9), size) for x, y in p))
    return replace(annotation, size=size, boxes=boxes, polygons=polygons)


def in_shares(box: Box) -> bool:
    """Whether a box given in pixels is smaller than one and in the first one: its units are shares of the image."""
    return max(box.x, box.y, box.width, box.height) <= 1


def _inside(box: Box, size: Size) -> bool:
    right, bottom = box.x + box.width, box.y + box.height
    return (
        box.width > 0
        and box.height > 0
        and min(box.x, box.y) >= -_SLACK
        and right <= size[0] + _SLACK
        and bottom <= size[1] + _SLACK
    )


def _around(polygons: tuple[Polygon, ...]) -> Box:
    xs, ys = ([corner[axis] for polygon in polygons for corner in polygon] for axis in (0, 1))
    return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _corners(flat: list[float]) -> Polygon:
    return tuple((float(x), float(y)) for x, y in zip(flat[::2], flat[1::2], strict=True))


def _number(element: ElementTree.Element, path: str) -> float:
    text = element.findtext(path)
    if text is None:
        raise ValueError(f"no <{path}>")
    return float(text)
