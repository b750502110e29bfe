"""``edgefrac sign``: sign a bundle, or make a pair of keys to sign with."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from edgefrac.cli.options import AsJson
from edgefrac.cli.output import note, results
from edgefrac.errors import UsageError


def sign(
    source: Annotated[
        Path | None, typer.Argument(metavar="[BUNDLE]", help="Bundle folder of 'edgefrac export'.")
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="PEM", help="The private key to sign with.")] = None,
    valid_until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The last day on which you stand by the bundle."),
    ] = None,
    new_key: Annotated[Path | None, typer.Option(metavar="DIR", help="Make a pair of keys there instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign a bundle with a private key; others check it with the public one, offline.

    The password of an encrypted key is that of EDGEFRAC_KEY_PASSWORD, else it is asked for. A new key is encrypted
    where that variable is set.
    """
    with results(as_json) as emit:
        if new_key is not None and source is None and key is None and valid_until is None:
            emit(_made(new_key, as_json))
        elif source is not None and key is not None and new_key is None:
            emit(_signed(source, key, valid_until, as_json))
        else:
            raise UsageError(
                "a bundle is signed with a key",
                hint="edgefrac sign BUNDLE --key private.pem, or edgefrac sign --new-key DIR",
            )


def _made(folder: Path, as_json: bool) -> dict[str, Any] | str:
    from edgefrac.bundle.keys import PASSWORD, PRIVATE, PUBLIC, new_key_pair

    password = os.environ.get(PASSWORD)
    public = new_key_pair(folder, password)
    if not password:
        note(f"{folder / PRIVATE}: not encrypted; set {PASSWORD} to have it encrypted")
    files = {"private_key": str(folder / PRIVATE), "public_key": str(folder / PUBLIC)}
    if as_json:
        return {**files, "fingerprint": public.fingerprint}
    return f"{files['private_key']}: keep it to yourself\n{files['public_key']}: give it away; {public.fingerprint}"


def _signed(source: Path, key: Path, valid_until: datetime | None, as_json: bool) -> dict[str, Any] | str:
    from edgefrac.bundle import SIGNATURE
    from edgefrac.bundle.keys import read_private_key
    from edgefrac.bundle.signing import sign_bundle

    private = read_private_key(key, _ask)
    if private.shared:
        note(f"{key}: others on this machine can read it: chmod 600 {key}")
    until = sign_bundle(source, private, valid_until.date() if valid_until else None).manifest.valid_until
    fingerprint = private.public.fingerprint
    if as_json:
        said = until.isoformat() if until else None
        return {"bundle": str(source), "signature": SIGNATURE, "signed_by": fingerprint, "valid_until": said}
    return f"{source / SIGNATURE}: signed by {fingerprint}" + (f", valid until {until}" if until else "")


def _ask() -> str | None:
    """The password from whoever sits at the terminal; None where nobody does."""
    if not sys.stdin.isatty():
        return None
    return str(typer.prompt("Password of the key", hide_input=True, err=True))
