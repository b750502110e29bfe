"""In what condition a bundle is: intact or damaged, signed by whom, still valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from edgefrac.bundle.documents import MANIFEST, SIGNATURE
from edgefrac.bundle.files import read_plain
from edgefrac.bundle.keys import PublicKey
from edgefrac.bundle.opening import Bundle
from edgefrac.bundle.signature import LARGEST_BYTES, Signature, read_signature
from edgefrac.errors import BundleError


class State(StrEnum):
    """The conditions, worst last but for ``expired``, which says nothing of the files."""

    SIGNED = "signed"
    UNCHECKED = "signature-unchecked"
    UNSIGNED = "unsigned"
    EXPIRED = "expired"
    CORRUPT = "corrupt"
    OTHER_KEY = "other-key"
    TAMPERED = "tampered"


_NEXT = {
    State.SIGNED: "nothing: use it",
    State.UNCHECKED: "edgefrac verify BUNDLE --public-key public.pem, with the key of its maker",
    State.UNSIGNED: "use it if you know where it is from; its maker signs it with 'edgefrac sign BUNDLE --key KEY'",
    State.EXPIRED: "get a newer version from its maker, or have it signed again with a later --valid-until",
    State.CORRUPT: "get or export the bundle again",
    State.OTHER_KEY: "ask its maker, not by the way the bundle came, whose key that is",
    State.TAMPERED: "do not use it: get it again from its maker, and tell them",
}


@dataclass(frozen=True)
class Condition:
    """``detail`` in one line; ``problems`` are the files that are not as listed; ``signed_by`` a fingerprint, checked.

    ``sound``: whether nothing speaks against its use, given that a signature was asked for or not.
    """

    state: State
    detail: str
    sound: bool
    problems: tuple[str, ...] = ()
    signed_by: str | None = None
    valid_until: date | None = None

    @property
    def next_step(self) -> str:
        """What to do now."""
        return _NEXT[self.state]

    def to_dict(self) -> dict[str, Any]:
        """As ``edgefrac verify --json`` has it."""
        until = self.valid_until.isoformat() if self.valid_until else None
        words = {"state": self.state.value, "detail": self.detail, "next_step": self.next_step}
        return {**words, "problems": list(self.problems), "signed_by": self.signed_by, "valid_until": until}


def condition_of(bundle: Bundle, key: PublicKey | None = None, today: date | None = None) -> Condition:
    """Judge a bundle, whose signature must be that of ``key`` where one is given; ``today`` is by UTC.

    Damage and forgery are told apart by the manifest: where the files do not fit it, but it is the one that was signed,
    something broke; where it was changed, somebody made it fit.
    """
    problems = tuple(bundle.problems())
    try:
        signature = _signature(bundle)
    except BundleError as error:
        return _bad(State.CORRUPT, error.message, problems)
    if signature is None:
        if problems:
            return _bad(State.CORRUPT, _first(problems), problems)
        found = Condition(State.UNSIGNED, "the checksums hold, and nobody vouches for them", sound=key is None)
    else:
        found = _signed(bundle, signature, key, problems)
    found = replace(found, valid_until=bundle.manifest.valid_until)
    past = expired(bundle, today) if found.sound else None
    if past is None:
        return found
    return replace(found, state=State.EXPIRED, sound=False, detail=f"it was valid until {past}; {found.detail}")


def expired(bundle: Bundle, today: date | None = None) -> date | None:
    """The last day on which a bundle was valid, where that has passed by UTC; None where it has not, or none is set.

    A clock that is behind makes a bundle last longer, and no more: nothing is said of days before it was made.
    """
    until = bundle.manifest.valid_until
    return until if until is not None and (today or datetime.now(UTC).date()) > until else None


def _signed(bundle: Bundle, signature: Signature, key: PublicKey | None, problems: tuple[str, ...]) -> Condition:
    if key and signature.claims and signature.claims != key.fingerprint:
        whose = f"signed by the key {signature.claims}, not {key.fingerprint}"
        return _bad(State.OTHER_KEY, whose, problems)
    if key and not signature.holds(key):
        return _bad(State.TAMPERED, "the signature does not hold: it or its list of files was changed", problems)
    listed = digests(bundle)
    if problems:
        if signature.signed.get(MANIFEST) == listed[MANIFEST]:
            return _bad(State.CORRUPT, f"{_first(problems)}; {MANIFEST} is as signed", problems)
        return _bad(State.TAMPERED, f"{MANIFEST} is not the one that was signed, and {_first(problems)}", problems)
    if other := _differences(signature.signed, listed):
        return _bad(State.TAMPERED, f"the checksums hold, but are not those that were signed: {other[0]}", problems)
    if key is None:
        return Condition(State.UNCHECKED, f"signed, it says, by {signature.claims or 'a key without name'}", sound=True)
    return Condition(State.SIGNED, f"intact and signed by {key.fingerprint}", sound=True, signed_by=key.fingerprint)


def digests(bundle: Bundle) -> dict[str, str]:
    """What a signature is to cover: SHA-256 of every file but itself, by the manifest."""
    return {MANIFEST: bundle.manifest_sha256, **{entry.path: entry.sha256 for entry in bundle.manifest.files}}


def _signature(bundle: Bundle) -> Signature | None:
    try:
        content = read_plain(bundle.root, SIGNATURE, LARGEST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundleError(f"{SIGNATURE}: cannot be read ({error.strerror or 'not a file'})") from None
    return read_signature(content)


def _bad(state: State, detail: str, problems: tuple[str, ...]) -> Condition:
    return Condition(state, detail, sound=False, problems=problems)


def _first(problems: tuple[str, ...]) -> str:
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return problems[0] + more


def _differences(signed: Mapping[str, str], listed: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*signed, *listed} if signed.get(name) != listed.get(name))
