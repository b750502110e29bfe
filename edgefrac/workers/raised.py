"""An error as a document, and back: how what a child process raised reaches its parent without a pickle."""

from __future__ import annotations

import builtins
import copyreg
import traceback
from typing import Any

from edgefrac import errors
from edgefrac.errors import EdgeFracError

_LONGEST = 20_000  # characters


def described(error: Exception) -> dict[str, str]:
    """The document of an error."""
    facts = {name: getattr(error, name, None) for name in ("hint", "extra", "name")}
    known = {name: value for name, value in facts.items() if isinstance(value, str)}
    if isinstance(error, EdgeFracError):
        return known | {"class": _nearest(error), "message": error.message}
    trace = "".join(traceback.format_exception(error))[-_LONGEST:]
    return known | {"class": type(error).__name__, "message": str(error)[:_LONGEST], "traceback": trace}


def recreated(document: Any) -> Exception:
    """The error of a document: one of EdgeFrac's or Python's own, else a RuntimeError; raises ValueError."""
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        raise ValueError("not an error")
    name, message = document["class"], document["message"][:_LONGEST]
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, EdgeFracError):
        error: Exception = copyreg.__newobj__(kind, message)  # type: ignore[attr-defined]
        facts = {"message": message, "hint": document.get("hint", ""), "extra": document.get("extra")}
        error.__dict__ |= {key: value for key, value in facts.items() if value is not None}
        return error
    error = _builtin(name, message, document.get("name"))
    if trace := document.get("traceback"):
        error.add_note(f"in another process:\n{trace}")
    return error


def _nearest(error: EdgeFracError) -> str:
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)


def _builtin(name: str, message: str, of: str | None) -> Exception:
    kind = getattr(builtins, name, None)
    if kind in (ImportError, ModuleNotFoundError):
        return kind(message, name=of)  # type: ignore[no-any-return]
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(message)
        except TypeError:  # made from other arguments than its message
            pass
    return RuntimeError(f"{name}: {message}")
