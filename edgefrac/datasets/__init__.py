"""Sources of radiographs, splits and duplicates. Importing a source registers it; the most specific is asked first."""

from edgefrac.datasets import phantom, table, medmnist, grazpedwri, fracatlas, mura, coco, folder  # isort: skip  # noqa: F401
from edgefrac.datasets.duplicates import Duplicates, find_duplicates, load_duplicates
from edgefrac.datasets.registry import open_dataset, source
from edgefrac.datasets.sample import Box, Dataset, Sample
from edgefrac.datasets.splits import Folds, check_disjoint, load_folds, make_folds
from edgefrac.datasets.task import fracture_task

__all__ = [
    "Box",
    "Dataset",
    "Duplicates",
    "Folds",
    "Sample",
    "check_disjoint",
    "find_duplicates",
    "fracture_task",
    "load_duplicates",
    "load_folds",
    "make_folds",
    "open_dataset",
    "source",
]
