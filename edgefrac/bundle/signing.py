"""Sign a bundle: until when it is valid goes into its manifest, the signature beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from edgefrac import durable
from edgefrac.bundle.condition import digests
from edgefrac.bundle.documents import MANIFEST, SIGNATURE
from edgefrac.bundle.keys import PrivateKey
from edgefrac.bundle.opening import Bundle, open_bundle
from edgefrac.bundle.signature import make_signature
from edgefrac.errors import BundleError, OutputError, UsageError


def sign_bundle(folder: Path, key: PrivateKey, valid_until: date | None = None) -> Bundle:
    """Sign a bundle folder, in place of a signature that is there. Same bundle, same key, same bytes.

    ``valid_until`` is the last day, by UTC, on which the signer stands by it; without, that of the manifest stays.
    Raises ``UsageError`` for a .zip or a day that has passed, ``BundleError`` for what is not intact, ``OutputError``.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: only a folder can be signed", hint="unpack it, sign the folder, pack it again")
    if valid_until and valid_until < datetime.now(UTC).date():
        raise UsageError(f"{valid_until} has passed, and the bundle would have expired before it is used")
    for name in (MANIFEST, SIGNATURE):
        durable.clear(folder, name)  # what a signing that was killed left there belongs to no bundle
    bundle = open_bundle(folder)
    if problems := bundle.problems():
        raise BundleError(f"{folder}: {problems[0]}", hint="get or export the bundle again")
    if valid_until and valid_until != bundle.manifest.valid_until:
        # first, so that a kill in between leaves an unsigned bundle, not one that looks forged
        _remove(folder / SIGNATURE)
        durable.write(folder / MANIFEST, bundle.manifest.model_copy(update={"valid_until": valid_until}).to_json())
        bundle = open_bundle(folder)
    durable.write(folder / SIGNATURE, make_signature(bundle.manifest.name, digests(bundle), key))
    return bundle


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be replaced ({error.strerror})", hint="is the folder writable?") from None
