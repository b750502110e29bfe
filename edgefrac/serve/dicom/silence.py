"""The DICOM libraries say nothing in the server: what they log, warn of and raise quotes values and AE titles."""

from __future__ import annotations

import logging
import threading
import warnings

from pynetdicom import _config

log = logging.getLogger("edgefrac.serve")

_TALKATIVE = ("pydicom", "pynetdicom", "highdicom", "dicomweb_client", "urllib3", "requests")


def hush() -> None:
    """Close their loggers, drop their warnings and name only the kind of what ends a thread of theirs; once for all."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
        logger.setLevel(logging.CRITICAL + 1)  # their modules' loggers ask this one, and then form no text at all
        warnings.filterwarnings("ignore", module=rf"{name}(\.|$)")
    _config.LOG_HANDLER_LEVEL = "none"
    if threading.excepthook is not _name_only:
        threading.excepthook = _name_only


def _name_only(end: threading.ExceptHookArgs) -> None:
    if type(end.thread).__module__.startswith("pynetdicom"):
        log.warning("dicom: a connection failed (%s)", end.exc_type.__name__)
    else:
        threading.__excepthook__(end)
