"""Key files: made for one user, never overwritten, and every wrong one is named without a word of its content."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from edgefrac.bundle.keys import PASSWORD, new_key_pair, read_private_key, read_public_key
from edgefrac.errors import KeyFileError, OutputError
from tests.bundle.material import within


def nobody() -> None:
    """Nobody is there to be asked."""


def test_a_new_pair_fits_and_is_its_owners(tmp_path: Path) -> None:
    made = new_key_pair(tmp_path / "keys", None)
    private, public = tmp_path / "keys" / "private.pem", tmp_path / "keys" / "public.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    key = read_private_key(private, nobody)
    assert not key.shared and key.public.fingerprint == read_public_key(public).fingerprint == made.fingerprint
    assert made.holds(key.sign(b"message"), b"message") and not made.holds(key.sign(b"message"), b"Message")
    private.chmod(0o644)
    assert read_private_key(private, nobody).shared


@pytest.mark.parametrize("there", ["private.pem", "public.pem"])
def test_no_key_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(KeyFileError, match="there already"):
        new_key_pair(tmp_path, None)
    assert [p.name for p in tmp_path.iterdir()] == [there] and (tmp_path / there).read_text() == "mine"


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        new_key_pair(tmp_path / "file" / "keys", None)


def test_a_password_comes_from_the_environment_or_from_whoever_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_key_pair(tmp_path, "correct horse")
    private = tmp_path / "private.pem"
    assert b"ENCRYPTED" in private.read_bytes()
    monkeypatch.delenv(PASSWORD, raising=False)
    with pytest.raises(KeyFileError, match="no password") as caught:
        read_private_key(private, nobody)
    assert PASSWORD in caught.value.hint
    assert read_private_key(private, lambda: "correct horse").public
    monkeypatch.setenv(PASSWORD, "correct horse")
    assert read_private_key(private, lambda: pytest.fail("asked")).public
    monkeypatch.setenv(PASSWORD, "wrong horse")
    with pytest.raises(KeyFileError, match="not of this password") as wrong:
        read_private_key(private, nobody)
    assert "horse" not in wrong.value.message + wrong.value.hint


@pytest.mark.parametrize("curve", [ec.SECP256R1, ec.SECP384R1, ec.SECP521R1])
def test_curves_in_use(tmp_path: Path, curve: type[ec.EllipticCurve]) -> None:
    path = written(tmp_path, ec.generate_private_key(curve()))
    key = read_private_key(path, nobody)
    assert key.public.holds(key.sign(b"m"), b"m")


def written(folder: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> Path:
    path = folder / "key.pem"
    formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(*formats))
    return path


def test_keys_of_another_kind(tmp_path: Path) -> None:
    for key in (
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256K1()),
    ):
        with pytest.raises(KeyFileError, match="not a key of the curves"):
            read_private_key(written(tmp_path, key), nobody)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (tmp_path / "public.pem").write_bytes(public)
        with pytest.raises(KeyFileError, match="not a key of the curves"):
            read_public_key(tmp_path / "public.pem")


@pytest.mark.parametrize(
    "content",
    [b"", b"secret", b"-----BEGIN PUBLIC KEY-----\nsecret\n", b"x" * 100_000],
    ids=["empty", "text", "cut", "large"],
)
def test_what_is_no_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    for read in (read_public_key, lambda path: read_private_key(path, nobody)):
        with pytest.raises(KeyFileError, match=r"key\.pem: not a") as caught:
            read(path)
        assert "secret" not in str(caught.value)


def test_the_halves_are_not_confused(keys: Path) -> None:
    with pytest.raises(KeyFileError, match="private key, where the public one"):
        read_public_key(keys / "private.pem")
    with pytest.raises(KeyFileError, match="not a private key"):
        read_private_key(keys / "public.pem", nobody)


def test_absent_and_special_files(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        read_public_key(tmp_path / "absent.pem")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    for name in ("pipe", "endless"):
        with within(5), pytest.raises(KeyFileError, match="not a file"):
            read_public_key(tmp_path / name)
