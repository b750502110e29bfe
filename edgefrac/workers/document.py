"""Whether what a guarded process said has the form that was asked for: nothing of it is taken on trust."""

from __future__ import annotations

from collections.abc import Collection, Mapping

NUMBER = (int, float)
Kind = type | tuple[type, ...]


def fits(document: object, kinds: Mapping[str, Kind], wanted: Collection[str]) -> bool:
    """Whether it is an object with no other keys than those of ``kinds``, their values of these, ``wanted`` among them.

    By hand, for what starts once for each image may not wait for a library of schemas.
    """
    if not isinstance(document, dict) or not document.keys() >= set(wanted):
        return False
    return all(key in kinds and isinstance(value, kinds[key]) for key, value in document.items())


def numbers(values: object, length: int) -> bool:
    """Whether ``values`` is a list of so many numbers."""
    return isinstance(values, list) and len(values) == length and all(isinstance(value, NUMBER) for value in values)
