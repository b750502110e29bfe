"""Every way EdgeFrac fails.

    EdgeFracError                 exit status 2 unless said otherwise
    ├── UsageError                a wrong option or combination of options
    ├── ImageError                an image that cannot be read as a radiograph
    ├── DatasetError              a data folder, zip or label file that cannot be used
    ├── RecipeError               a recipe with a wrong key or an impossible value
    ├── CheckpointError           weights that are corrupt, a pickle, or for another architecture
    ├── ModelFileError            an exported file that is cut short, foreign or without contract
    ├── BundleError               a bundle with a missing, changed or unexpected file
    ├── KeyFileError              a key for signing that is damaged, of another kind, or needs its password
    ├── OutputError               a folder that cannot be written, a full disk
    ├── TrainingError             a training that cannot go on: a loss that is no number
    ├── ConversionError           a network that a target cannot express
    ├── BusyError                 a queue that is full; the same again later may pass
    ├── DeviceError               a device that cannot be set up, or a file that does not run on it
    ├── WorkersError              processes, here or on a Ray cluster, that cannot be had or do not start
    ├── MissingWeightsError       exit status 3: pretrained weights that are not here and cannot be fetched
    ├── GateError                 exit status 1: an artefact failed its gate, or was left undecided
    └── MissingExtraError         exit status 3: an optional dependency is not installed
        ├── MissingDecoderError   an image that cannot be read without one; an ImageError too
        └── MissingDriverError    a database that cannot be reached without one

A message names the file and the cause in one line; ``hint`` holds the next step.
"""

from __future__ import annotations

import copyreg
from typing import Any


class EdgeFracError(Exception):
    """Base of all errors raised on purpose; ``hint`` is the next thing to try."""

    exit_status = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors come back from other processes; subclasses are made from other arguments than their message."""
        return copyreg.__newobj__, (type(self), self.message), self.__dict__  # type: ignore[attr-defined]


class UsageError(EdgeFracError):
    """A wrong option or combination of options."""


class ImageError(EdgeFracError):
    """An image that cannot be read as a radiograph."""


class DatasetError(EdgeFracError):
    """A data folder, zip or label file that cannot be used."""


class RecipeError(EdgeFracError):
    """A recipe with a wrong key or an impossible value."""


class CheckpointError(EdgeFracError):
    """Weights that are corrupt, a pickle, or for another architecture."""


class ModelFileError(EdgeFracError):
    """An exported file that is cut short, foreign or without contract."""


class BundleError(EdgeFracError):
    """A bundle with a missing, changed or unexpected file."""


class KeyFileError(EdgeFracError):
    """A key for signing, or for checking a signature, that is damaged, of another kind, or needs its password."""


class OutputError(EdgeFracError):
    """A folder that cannot be written, or a full disk."""


class TrainingError(EdgeFracError):
    """A training that cannot go on."""


class ConversionError(EdgeFracError):
    """A network that a target cannot express."""


class BusyError(EdgeFracError):
    """A queue that is full; the same again later may pass."""


class DeviceError(EdgeFracError):
    """A device that cannot be set up or driven."""


class WorkersError(EdgeFracError):
    """Processes, here or on a Ray cluster, that cannot be had or do not start."""


class MissingWeightsError(EdgeFracError):
    """Pretrained weights that are not on this machine and cannot be fetched."""

    exit_status = 3


class GateError(EdgeFracError):
    """An artefact that failed its gate, or about which too little is known."""

    exit_status = 1


class MissingExtraError(EdgeFracError):
    """An optional dependency that is not installed."""

    exit_status = 3

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs an optional part of EdgeFrac that is not installed",
            hint=f"pip install 'edgefrac[{extra}]'",
        )
        self.extra = extra


class MissingDecoderError(ImageError, MissingExtraError):
    """An image whose compression or format needs an optional dependency that is not installed."""

    exit_status = 3

    def __init__(self, name: str, what: str, extra: str) -> None:
        install = f"pip install 'edgefrac[{extra}]'"
        # in the message too, for lists of unreadable files print no hints
        EdgeFracError.__init__(self, f"{name}: no decoder is installed for {what}: {install}", hint=install)
        self.extra = extra


class MissingDriverError(MissingExtraError):
    """A database whose Python driver, which is no part of any extra, is not installed."""

    def __init__(self, url: str, driver: str) -> None:
        distribution = "psycopg[binary]" if driver == "psycopg" else driver
        EdgeFracError.__init__(
            self, f"{url}: its driver {driver} is not installed", hint=f"pip install '{distribution}'"
        )
