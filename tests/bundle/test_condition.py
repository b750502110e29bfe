"""What is wrong with a bundle is told apart: damage, forgery, another's signature, none, and age."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from edgefrac.bundle import Condition, State, condition_of, expired, open_bundle
from edgefrac.bundle.keys import new_key_pair, read_private_key, read_public_key
from edgefrac.bundle.signing import sign_bundle
from edgefrac.digest import file_sha256
from edgefrac.errors import BundleError, UsageError
from tests.bundle.material import INT8, Write, content, zipped

TOMORROW = datetime.now(UTC).date() + timedelta(days=1)


@pytest.fixture
def signed(write: Write, keys: Path, tmp_path: Path) -> Path:
    """A bundle, signed and valid until tomorrow."""
    root = write(tmp_path / "bundle").root
    sign_bundle(root, read_private_key(keys / "private.pem", lambda: None), TOMORROW)
    return root


def judged(root: Path, keys: Path | None = None, today: date | None = None) -> Condition:
    return condition_of(open_bundle(root), read_public_key(keys / "public.pem") if keys else None, today)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def fit_manifest(root: Path, **fields: object) -> None:
    """Make the checksums fit the files, as a forger would."""
    manifest = json.loads((root / "bundle.json").read_bytes())
    for entry in manifest["files"]:
        path = root / entry["path"]
        entry.update(bytes=path.stat().st_size, sha256=file_sha256(path))
    (root / "bundle.json").write_text(json.dumps({**manifest, **fields}))


def test_signed(signed: Path, keys: Path) -> None:
    found = judged(signed, keys)
    fingerprint = read_public_key(keys / "public.pem").fingerprint
    assert (found.state, found.sound, found.signed_by) == (State.SIGNED, True, fingerprint)
    assert found.detail == f"intact and signed by {fingerprint}" and found.valid_until == TOMORROW
    without = judged(signed)
    assert (without.state, without.sound, without.signed_by) == (State.UNCHECKED, True, None)


def test_a_signed_bundle_may_be_packed_moved_and_renamed(signed: Path, keys: Path, tmp_path: Path) -> None:
    assert judged(zipped(signed, tmp_path / "b.zip", "other-name/"), keys).state is State.SIGNED
    shutil.copytree(signed, tmp_path / "elsewhere")
    assert judged(tmp_path / "elsewhere", keys).state is State.SIGNED


def test_unsigned(write: Write, keys: Path, tmp_path: Path) -> None:
    root = write(tmp_path / "bundle").root
    assert (judged(root).state, judged(root).sound) == (State.UNSIGNED, True)
    assert (judged(root, keys).state, judged(root, keys).sound) == (State.UNSIGNED, False)


@pytest.mark.parametrize("file", [INT8, "golden/vectors.json", "contract.json"])
def test_one_byte_is_corrupt_and_tampered_once_the_checksums_fit(signed: Path, keys: Path, file: str) -> None:
    flip(signed / file)
    for found in (judged(signed, keys), judged(signed)):
        assert found.state is State.CORRUPT and not found.sound
        assert found.problems == (f"{file}: changed (another SHA-256)",)
    fit_manifest(signed)
    for found in (judged(signed, keys), judged(signed)):
        assert found.state is State.TAMPERED and not found.sound and found.signed_by is None
        assert "bundle.json" in found.detail and found.problems == ()


def test_damage(signed: Path, keys: Path) -> None:
    (signed / INT8).write_bytes((signed / INT8).read_bytes()[:-1])
    assert "999 bytes instead of 1000" in judged(signed, keys).detail
    (signed / INT8).unlink()
    found = judged(signed, keys)
    assert found.state is State.CORRUPT and f"{INT8}: missing; bundle.json is as signed" in found.detail
    (signed / "model.sig").unlink()
    assert judged(signed, keys).state is State.CORRUPT


def test_a_file_that_nobody_signed(signed: Path, keys: Path) -> None:
    (signed / "extra.bin").write_bytes(b"x")
    assert judged(signed, keys).problems == ("extra.bin: not listed in bundle.json",)
    manifest = json.loads((signed / "bundle.json").read_bytes())
    added = {"path": "extra.bin", "bytes": 1, "sha256": file_sha256(signed / "extra.bin")}
    (signed / "bundle.json").write_text(json.dumps({**manifest, "files": [*manifest["files"], added]}))
    assert judged(signed, keys).state is State.TAMPERED


def test_a_changed_manifest_over_damaged_files_is_no_mere_damage(signed: Path, keys: Path) -> None:
    fit_manifest(signed, name="other")
    flip(signed / INT8)
    assert judged(signed, keys).state is State.TAMPERED


def test_a_later_day_in_the_manifest_is_tampering(signed: Path, keys: Path) -> None:
    fit_manifest(signed, valid_until="2999-12-31")
    assert judged(signed, keys, TOMORROW + timedelta(days=9)).state is State.TAMPERED


def changed_signature(root: Path, *path: str | int, value: object) -> None:
    document = json.loads((root / "model.sig").read_bytes())
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (root / "model.sig").write_text(json.dumps(document))


def test_another_key(signed: Path, keys: Path, tmp_path: Path) -> None:
    other = new_key_pair(tmp_path / "other", None)
    found = judged(signed, tmp_path / "other")
    assert found.state is State.OTHER_KEY and other.fingerprint in found.detail and not found.sound
    # who signs with another key and says it was ours
    sign_bundle(signed, read_private_key(tmp_path / "other" / "private.pem", lambda: None))
    ours = read_public_key(keys / "public.pem").fingerprint
    changed_signature(signed, "verificationMaterial", "publicKey", "hint", value=ours)
    assert judged(signed, keys).state is State.TAMPERED
    changed_signature(signed, "verificationMaterial", "publicKey", "hint", value=None)
    assert judged(signed, keys).state is State.TAMPERED


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"mediaType": 1}', b"\xff" * 100, b"[" * 100_000])
def test_a_signature_that_is_none_is_damage(signed: Path, keys: Path, content: bytes) -> None:
    (signed / "model.sig").write_bytes(content)
    found = judged(signed, keys)
    assert found.state is State.CORRUPT and "model.sig" in found.detail and "\n" not in found.detail


def test_a_signature_that_is_a_link(signed: Path, keys: Path, tmp_path: Path) -> None:
    shutil.move(signed / "model.sig", tmp_path / "model.sig")
    (signed / "model.sig").symlink_to(tmp_path / "model.sig")
    assert judged(signed, keys).state is State.CORRUPT


def test_the_last_day_is_the_last(signed: Path, keys: Path) -> None:
    assert judged(signed, keys, TOMORROW).state is State.SIGNED
    for found in (judged(signed, keys, TOMORROW + timedelta(days=1)), judged(signed, None, date(9999, 12, 31))):
        assert found.state is State.EXPIRED and not found.sound and str(TOMORROW) in found.detail
        assert found.valid_until == TOMORROW


@pytest.mark.parametrize("today", [date.min, date(1970, 1, 1), date(2001, 9, 9)])
def test_a_clock_that_is_behind_is_no_fault(signed: Path, keys: Path, today: date) -> None:
    assert judged(signed, keys, today).state is State.SIGNED
    assert expired(open_bundle(signed), today) is None


def test_what_is_corrupt_and_past_its_day_is_corrupt(signed: Path, keys: Path) -> None:
    flip(signed / INT8)
    assert judged(signed, keys, date(9999, 1, 1)).state is State.CORRUPT


def test_every_state_names_a_next_step(signed: Path) -> None:
    assert all(Condition(state, "", True).next_step for state in State)


def test_same_bundle_same_key_same_signature(write: Write, keys: Path, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        root = write(tmp_path / name).root
        sign_bundle(root, read_private_key(keys / "private.pem", lambda: None), TOMORROW)
        made.append(content(root))
    assert made[0] == made[1] and "model.sig" in made[0]


def test_signing_again_keeps_or_changes_the_day(signed: Path, keys: Path) -> None:
    key = read_private_key(keys / "private.pem", lambda: None)
    assert sign_bundle(signed, key).manifest.valid_until == TOMORROW
    later = TOMORROW + timedelta(days=365)
    assert sign_bundle(signed, key, later).manifest.valid_until == later
    assert judged(signed, keys).state is State.SIGNED


def test_a_signing_that_was_killed_is_begun_again(signed: Path, keys: Path) -> None:
    for name in (".model.sig.4194305-0.part", ".bundle.json.4194305-3.part"):  # no process has such a number
        (signed / name).write_bytes(b"half")
    assert judged(signed, keys).state is State.CORRUPT
    sign_bundle(signed, read_private_key(keys / "private.pem", lambda: None))
    assert judged(signed, keys).state is State.SIGNED


def test_what_is_not_signed(signed: Path, keys: Path, tmp_path: Path) -> None:
    key = read_private_key(keys / "private.pem", lambda: None)
    with pytest.raises(UsageError, match="only a folder"):
        sign_bundle(zipped(signed, tmp_path / "b.zip"), key)
    with pytest.raises(UsageError, match="has passed"):
        sign_bundle(signed, key, date(2020, 1, 1))
    flip(signed / INT8)
    with pytest.raises(BundleError, match=INT8):
        sign_bundle(signed, key)


def test_a_signed_bundle_may_be_replaced(signed: Path, write: Write, keys: Path) -> None:
    assert judged(write(signed).root, None).state is State.UNSIGNED
