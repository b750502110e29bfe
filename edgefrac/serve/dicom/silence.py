"""The DICOM libraries say nothing in the server: their log lines and warnings quote values, addresses and AE titles."""

from __future__ import annotations

import logging
import warnings

_TALKATIVE = ("pydicom", "pynetdicom", "highdicom", "dicomweb_client", "urllib3", "requests")


def hush() -> None:
    """Close their loggers and drop their warnings, in the whole process."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
        logger.setLevel(logging.CRITICAL + 1)  # their modules' loggers ask this one, and then form no text at all
        warnings.filterwarnings("ignore", module=rf"{name}(\.|$)")
    try:
        from pynetdicom import _config
    except ImportError:
        return
    _config.LOG_HANDLER_LEVEL = "none"
