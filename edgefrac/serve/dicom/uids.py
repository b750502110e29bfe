"""UIDs derived from what an object is about, so that making it again gives the same object."""

from __future__ import annotations

import hashlib
from uuid import UUID


def derived_uid(*facts: str) -> str:
    """A UUID-derived UID (PS3.5 B.2) for ``facts``: the same for the same facts in the same order, on any machine."""
    digest = hashlib.sha256()
    for fact in facts:
        encoded = fact.encode("utf-8", "surrogateescape")
        digest.update(len(encoded).to_bytes(8, "big"))  # so that ("ab", "c") is not ("a", "bc")
        digest.update(encoded)
    number = int.from_bytes(digest.digest()[:16], "big")
    # RFC 9562: version 8 is for UUIDs made by a rule of one's own
    number = number & ~(0xF << 76) | 8 << 76
    number = number & ~(0b11 << 62) | 0b10 << 62
    return f"2.25.{UUID(int=number).int}"
