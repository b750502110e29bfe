"""Names of classes: which words say fractured, which not fractured, and which a type of fracture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from edgefrac.errors import DatasetError

NO_FRACTURE, FRACTURE = "no fracture", "fracture"
POSITIVE = frozenset(("fracture", "fractures", "fractured", "broken", "positive", "abnormal", "1", "yes", "true"))
NEGATIVE = frozenset(
    ("normal", "healthy", "none", "negative", "unfractured", "nonfractured", "unbroken", "0", "no", "false")
) | {f"{no}_{fracture}" for no in ("no", "not", "non") for fracture in ("fracture", "fractures", "fractured")}
TYPES = frozenset(
    "avulsion buckle comminuted compression displaced greenstick hairline impacted intraarticular longitudinal "
    "nondisplaced oblique pathological segmental spiral stress torus transverse".split()
)
VIEWS_TOO = frozenset(("oblique",))
"""Types whose bare name may also mean how the image was taken."""

_AROUND_TYPE = re.compile(r"^fractures?_|_(fractures?|fractured)$")
_FRACTURE_WORD = re.compile(r"fractur")
_NEGATED = re.compile(r"(^|[^a-z])(no|non|not|un|without)[^a-z]*([a-z]+[^a-z]+)?fractur|(^|[^a-z])(non|un)fractur")


def class_named(word: str) -> str | None:
    """ "no fracture", "fracture" or a type such as "spiral"; None for a word that names no class.

    Case, blanks, hyphens and underscores do not count; "_positive" and "_negative" at the end decide, as in MURA.
    """
    plain = _plain(word)
    if plain in POSITIVE or plain.endswith("_positive"):
        return FRACTURE
    if plain in NEGATIVE or plain.endswith("_negative"):
        return NO_FRACTURE
    if plain == "fracture_dislocation":
        return "dislocation"
    kind = (
        _AROUND_TYPE.sub("", plain)
        .replace("non_displaced", "nondisplaced")
        .replace("intra_articular", "intraarticular")
    )
    return kind if kind in TYPES else None


def may_be_view(word: str) -> bool:
    """Whether a bare word names a type of fracture, but a radiographic view just as well ("oblique")."""
    return _plain(word) in VIEWS_TOO


def is_negative(name: str) -> bool:
    """Whether a class name says that nothing is broken."""
    return class_named(name) == NO_FRACTURE


def mentions_fracture(category: str) -> bool:
    """Whether a category contains the word fracture and does not deny it ("radius fracture", not "no fracture")."""
    lower = category.lower()
    return bool(_FRACTURE_WORD.search(lower)) and not _NEGATED.search(lower)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """The different names: "no fracture" first, then "fracture" of no known type, then the types by alphabet."""
    return tuple(sorted(set(names), key=lambda name: (name != NO_FRACTURE, name != FRACTURE, name)))


def require_classes(title: str, names: Iterable[str], classes: tuple[str, ...], *, hint: str = "") -> None:
    """Raise ``DatasetError`` unless each of ``classes`` has an image; ``names`` holds the class of every image."""
    found = Counter(names)
    for name in classes:
        if not found[name]:
            others = ", ".join(f"'{other}'" for other in classes if found[other]) or "none"
            raise DatasetError(f"{title}: no images of class '{name}', only of {others}", hint=hint)


def _plain(word: str) -> str:
    return re.sub(r"[\s_-]+", "_", word.lower()).strip("_")
