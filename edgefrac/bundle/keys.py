"""Key pairs for signing: elliptic curves, in PEM files. A password comes from the environment or a prompt, no option.

Needs the package ``cryptography``, which the extra ``sign`` brings.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edgefrac import durable
from edgefrac.errors import KeyFileError, MissingExtraError
from edgefrac.regular_file import NotRegularFileError, open_regular

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey

PASSWORD = "EDGEFRAC_KEY_PASSWORD"
PRIVATE, PUBLIC = "private.pem", "public.pem"
_CURVES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
_LARGEST = 64 << 10
_Read = TypeVar("_Read")


@dataclass(frozen=True)
class PublicKey:
    """A key to check signatures with. ``fingerprint`` is the hex SHA-256 of its PEM, as ``model-signing`` states it."""

    key: EllipticCurvePublicKey
    fingerprint: str

    def holds(self, signature: bytes, message: bytes) -> bool:
        """Whether this key's other half signed these bytes."""
        from cryptography.exceptions import InvalidSignature

        try:
            self.key.verify(signature, message, _algorithm(self.key.curve.name))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """A key to sign with; ``shared`` says that others on this machine may read its file."""

    key: EllipticCurvePrivateKey
    shared: bool

    @property
    def public(self) -> PublicKey:
        """Its other half."""
        return _public(self.key.public_key())

    def sign(self, message: bytes) -> bytes:
        """The signature in DER: the same bytes for the same message."""
        return self.key.sign(message, _algorithm(self.key.curve.name, deterministic=True))


def new_key_pair(folder: Path, password: str | None) -> PublicKey:
    """Write a P-256 pair: ``private.pem``, for this user alone and encrypted by a password, and ``public.pem``.

    Raises ``KeyFileError`` where one of the files is there already, ``OutputError``, ``MissingExtraError``.
    """
    ec, serialization = _cryptography()
    for name in (PRIVATE, PUBLIC):
        if (folder / name).exists() or (folder / name).is_symlink():
            raise KeyFileError(f"{folder / name}: is there already, and no key is overwritten", hint="another folder")
    key = ec.generate_private_key(ec.SECP256R1())
    how = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
    durable.write(folder / PRIVATE, pem, mode=0o600)
    durable.write(folder / PUBLIC, _pem(key.public_key()))
    return _public(key.public_key())


def read_public_key(path: Path) -> PublicKey:
    """Raises ``KeyFileError`` for what is no public key of a curve in use, and ``MissingExtraError``."""
    ec, serialization = _cryptography()
    pem, _ = _content(path)
    if b"PRIVATE KEY" in pem:
        raise KeyFileError(f"{path}: a private key, where the public one is asked for", hint=f"give its {PUBLIC}")
    key = _parsed(path, "a public key", lambda: serialization.load_pem_public_key(pem))
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise KeyFileError(f"{path}: not a key of the curves P-256, P-384 or P-521", hint="edgefrac sign --new-key DIR")
    return _public(key)


def read_private_key(path: Path, ask: Callable[[], str | None]) -> PrivateKey:
    """Read a private key; ``ask`` is called for the password of an encrypted one, where the environment has none.

    Raises ``KeyFileError`` and ``MissingExtraError``; no message holds any of the key.
    """
    ec, serialization = _cryptography()
    pem, mode = _content(path)
    password = None
    if b"ENCRYPTED" in pem:
        password = os.environ.get(PASSWORD) or ask()
        if not password:
            raise KeyFileError(f"{path}: encrypted, and there is no password", hint=f"set {PASSWORD}")
    encoded = password.encode() if password else None
    what = "a private key, or not of this password"
    key = _parsed(path, what, lambda: serialization.load_pem_private_key(pem, encoded))
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in _CURVES:
        raise KeyFileError(f"{path}: not a key of the curves P-256, P-384 or P-521", hint="edgefrac sign --new-key DIR")
    return PrivateKey(key, shared=os.name == "posix" and bool(mode & 0o077))


def _content(path: Path) -> tuple[bytes, int]:
    """A key file's bytes and mode; a pipe is not waited for."""
    try:
        with open_regular(path) as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST + 1)
    except NotRegularFileError:
        raise KeyFileError(f"{path}: not a file") from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not content or len(content) > _LARGEST:
        raise KeyFileError(f"{path}: not a key file")
    return content, stat.S_IMODE(mode)


def _parsed(path: Path, what: str, read: Callable[[], _Read]) -> _Read:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return read()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(f"{path}: not {what}", hint="a PEM file of 'edgefrac sign --new-key DIR'") from None


def _public(key: EllipticCurvePublicKey) -> PublicKey:
    return PublicKey(key, hashlib.sha256(_pem(key)).hexdigest())


def _pem(key: EllipticCurvePublicKey) -> bytes:
    _, serialization = _cryptography()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _algorithm(curve: str, deterministic: bool = False) -> ECDSA:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    return ECDSA(getattr(hashes, _CURVES[curve])(), deterministic_signing=deterministic)


def _cryptography() -> tuple[Any, Any]:
    """Its modules ``ec`` and ``serialization``."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ModuleNotFoundError:
        raise MissingExtraError("signing, and checking a signature,", "sign") from None
    return ec, serialization
