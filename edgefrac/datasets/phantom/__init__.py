"""Phantoms: synthetic radiographs with exact labels and masks, never clinical."""

from edgefrac.datasets.phantom.folder import write_phantoms
from edgefrac.datasets.phantom.generate import phantom_image
from edgefrac.datasets.phantom.sheet import contact_sheet
from edgefrac.datasets.phantom.source import PhantomReader, phantom_dataset

__all__ = ["PhantomReader", "contact_sheet", "phantom_dataset", "phantom_image", "write_phantoms"]
