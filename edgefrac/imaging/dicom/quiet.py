"""Nothing that pydicom or a decoder says gets out, since their words quote values of the file."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from edgefrac.errors import EdgeFracError, ImageError

T = TypeVar("T")

CONVERT = "convert it to an uncompressed transfer syntax, for instance Explicit VR Little Endian"

_LOCK = threading.RLock()
# nibabel, for NIfTI, gives the last one a handler of its own
_LOGGERS = ("pydicom", "pylibjpeg", "openjpeg", "jpeg_ls", "nibabel", "nibabel.global")


def quietly(name: str, kind: str, work: Callable[[], T], hint: str = CONVERT) -> T:
    """Run ``work``; whatever it raises becomes an ``ImageError`` that names the file and quotes nothing of it.

    ``kind`` is what the file should have been ("DICOM file"). Errors of EdgeFrac's own pass as they are, and
    ``MemoryError``: where memory is short, the file may be sound.
    """
    try:
        with silence():
            return work()
    except (EdgeFracError, MemoryError):
        raise
    except Exception as error:  # readers raise nearly anything on damaged files
        cause = type(error).__name__
    # raised out here so that it carries no reference to an exception whose text may quote patient data
    raise ImageError(f"{name}: damaged {kind}, or compressed in a way that is not supported ({cause})", hint=hint)


@contextmanager
def silence() -> Iterator[None]:
    """Keep warnings and log lines from going anywhere; one thread at a time."""
    # what a package's modules log passes its logger on the way out, so that is where it ends
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = [(logger.propagate, logger.handlers) for logger in loggers]
        for logger in loggers:
            logger.propagate, logger.handlers = False, [logging.NullHandler()]
        try:
            yield
        finally:
            for logger, (propagate, handlers) in zip(loggers, before, strict=True):
                logger.propagate, logger.handlers = propagate, handlers
