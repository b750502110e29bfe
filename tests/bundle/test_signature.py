"""The format is OpenSSF Model Signing's: what ``model-signing`` signs is read, and it reads what is signed here."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cryptography")

from edgefrac.bundle import State, condition_of, open_bundle
from edgefrac.bundle.keys import read_private_key, read_public_key
from edgefrac.bundle.signature import make_signature, read_signature
from edgefrac.bundle.signing import sign_bundle
from edgefrac.errors import BundleError
from tests.bundle.material import Write

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY / "tests" / "data" / "signature"
# the files a.txt ("hello\n") and golden/v.json ("{}\n")
SIGNED = {
    "a.txt": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
    "golden/v.json": "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356",
}


def test_a_recorded_signature_of_model_signing() -> None:
    found = read_signature((DATA / "model-signing-1.1.1.sig").read_bytes())
    key = read_public_key(DATA / "public.pem")
    assert found.signed == SIGNED and found.claims == key.fingerprint and found.holds(key)


def test_another_key_does_not_hold(keys: Path) -> None:
    found = read_signature((DATA / "model-signing-1.1.1.sig").read_bytes())
    assert not found.holds(read_public_key(keys / "public.pem"))


def test_made_and_read(keys: Path) -> None:
    key = read_private_key(keys / "private.pem", lambda: None)
    made = make_signature("any", SIGNED, key)
    assert made == make_signature("any", dict(reversed(SIGNED.items())), key)
    found = read_signature(made)
    assert found.signed == SIGNED and found.claims == key.public.fingerprint and found.holds(key.public)


def changed(path: list[str | int], value: object) -> bytes:
    document = json.loads((DATA / "model-signing-1.1.1.sig").read_bytes())
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["mediaType"], "application/vnd.dev.sigstore.bundle.v9+json"),
        (["dsseEnvelope", "payloadType"], "text/plain"),
        (["dsseEnvelope", "payload"], "e30="),
        (["dsseEnvelope", "payload"], "!"),
        (["dsseEnvelope", "signatures"], []),
        (["verificationMaterial"], {"certificate": {"rawBytes": ""}}),
    ],
)
def test_what_is_no_such_signature(path: list[str | int], value: object) -> None:
    with pytest.raises(BundleError, match=r"model\.sig: not a signature by a key pair") as caught:
        read_signature(changed(path, value))
    assert "\n" not in caught.value.message


def without_the_last(statement: dict[str, Any]) -> None:
    statement["predicate"]["resources"].pop()


def with_the_first_twice(statement: dict[str, Any]) -> None:
    resources = statement["predicate"]["resources"]
    resources.append(resources[0])
    digests = b"".join(bytes.fromhex(resource["digest"]) for resource in resources)
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(digests).hexdigest()


@pytest.mark.parametrize("change", [without_the_last, with_the_first_twice])
def test_a_list_of_files_that_contradicts_itself(change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads((DATA / "model-signing-1.1.1.sig").read_bytes())
    statement = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    change(statement)
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    with pytest.raises(BundleError, match="contradicts itself"):
        read_signature(changed(["dsseEnvelope", "payload"], payload))


def test_every_bit_of_payload_and_signature_counts() -> None:
    key = read_public_key(DATA / "public.pem")
    document = json.loads((DATA / "model-signing-1.1.1.sig").read_bytes())
    text = document["dsseEnvelope"]["signatures"][0]["sig"]
    for place in range(0, len(text) - 2, 5):
        other = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert not read_signature(changed(["dsseEnvelope", "signatures", 0, "sig"], other)).holds(key)


def model_signing() -> str:
    """The command line of model-signing, which lives in an environment of its own."""
    built = REPOSITORY / "build" / "model-signing" / "bin" / "model_signing"
    found = str(built) if built.is_file() else shutil.which("model_signing")
    if not found:
        pytest.skip("no model-signing here, or in build/model-signing (tests/bundle/model-signing.txt)")
    return found


def asked(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([model_signing(), *map(str, words)], capture_output=True, text=True, check=False)


def test_model_signing_verifies_what_is_signed_here(write: Write, keys: Path, tmp_path: Path) -> None:
    root = write(tmp_path / "bundle").root
    sign_bundle(root, read_private_key(keys / "private.pem", lambda: None))
    words = ("verify", "key", root, "--signature", root / "model.sig", "--public_key", keys / "public.pem")
    done = asked(*words)
    assert done.returncode == 0, done.stderr
    (root / "MODEL_CARD.md").write_text("changed")
    assert asked(*words).returncode != 0


def test_what_model_signing_signs_is_verified_here(write: Write, keys: Path, tmp_path: Path) -> None:
    root = write(tmp_path / "bundle").root
    done = asked("sign", "key", root, "--private_key", keys / "private.pem", "--signature", root / "model.sig")
    assert done.returncode == 0, done.stderr
    found = condition_of(open_bundle(root), read_public_key(keys / "public.pem"))
    assert found.state is State.SIGNED, found.detail


def test_nothing_touches_the_network(write: Write, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    root = write(tmp_path / "bundle").root
    sign_bundle(root, read_private_key(keys / "private.pem", lambda: None))
    assert condition_of(open_bundle(root), read_public_key(keys / "public.pem")).state is State.SIGNED


def test_bundles_without_a_key_need_no_cryptography(tmp_path: Path) -> None:
    code = "import sys, edgefrac.bundle; print({'cryptography', 'sigstore', 'requests', 'urllib3'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
