"""Boxes and polygons from COCO and PASCAL VOC files, and whether they fit the raster they belong to."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import IO
from xml.etree import ElementTree

from PIL import Image

from edgefrac.datasets.sample import Box, Polygon
from edgefrac.errors import DatasetError

_EXIF_ORIENTATION = 274
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_SLACK = 1.5  # pixels by which annotators' boxes may stick out

Size = tuple[int, int]


@dataclass(frozen=True)
class Annotation:
    """What was drawn on one image of ``size`` (width, height)."""

    size: Size
    boxes: tuple[Box, ...] = ()
    polygons: tuple[Polygon, ...] = ()


def read_coco(text: str, title: str) -> dict[str, Annotation]:
    """COCO JSON -> annotation by file name; raises ``DatasetError`` naming ``title``."""
    try:
        document = json.loads(text)
        boxes: defaultdict[int, list[Box]] = defaultdict(list)
        polygons: defaultdict[int, list[Polygon]] = defaultdict(list)
        for drawn in document["annotations"]:
            boxes[drawn["image_id"]].append(Box(*(float(value) for value in drawn["bbox"])))
            if isinstance(drawn.get("segmentation"), list):  # a mask in run-length form has no corners
                polygons[drawn["image_id"]].extend(_corners(flat) for flat in drawn["segmentation"])
        return {
            image["file_name"]: Annotation(
                (int(image["width"]), int(image["height"])), tuple(boxes[image["id"]]), tuple(polygons[image["id"]])
            )
            for image in document["images"]
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DatasetError(f"{title}: not a COCO annotation file ({error!r})") from error


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
    except (ValueError, ElementTree.ParseError) as error:
        raise DatasetError(f"{title}: not a PASCAL VOC annotation file ({error})") from error


def upright_size(stream: IO[bytes]) -> tuple[Size, bool]:
    """(width, height) after EXIF rotation, from the header alone, and whether EXIF turns the image on its side.

    Raises ``OSError`` where the header is no image's.
    """
    with Image.open(stream) as image:
        sideways = image.getexif().get(_EXIF_ORIENTATION) in _SIDEWAYS
        return (image.size[::-1] if sideways else image.size), sideways


def fit(annotation: Annotation, size: Size) -> Annotation:
    """Leave out boxes (and polygons) that do not lie in an upright raster of ``size``."""
    boxes = tuple(box for box in annotation.boxes if _inside(box, size))
    polygons = tuple(p for p in annotation.polygons if all(_inside(Box(x, y, 1e-9, 1e-9), size) for x, y in p))
    return replace(annotation, size=size, boxes=boxes, polygons=polygons)


def _inside(box: Box, size: Size) -> bool:
    right, bottom = box.x + box.width, box.y + box.height
    return (
        box.width > 0
        and box.height > 0
        and min(box.x, box.y) >= -_SLACK
        and right <= size[0] + _SLACK
        and bottom <= size[1] + _SLACK
    )


def _corners(flat: list[float]) -> Polygon:
    return tuple((float(x), float(y)) for x, y in zip(flat[::2], flat[1::2], strict=True))


def _number(element: ElementTree.Element, path: str) -> float:
    text = element.findtext(path)
    if text is None:
        raise ValueError(f"no <{path}>")
    return float(text)
