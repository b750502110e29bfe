"""Converters log their progress at length and fail in many ways: keep the errors, in one line, and drop the rest."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

from edgefrac.errors import ConversionError


@contextlib.contextmanager
def quiet_converter() -> Iterator[None]:
    """Silence a converter's warnings, log lines below errors, and prints to standard output."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)


def cannot_convert(title: str, error: Exception) -> ConversionError:
    """The ConversionError that says in one line why a converter gave up."""
    cause = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    return ConversionError(f"{title}: the network cannot be converted ({cause})")
