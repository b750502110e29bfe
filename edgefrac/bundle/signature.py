"""A bundle's signature in the format of OpenSSF Model Signing, as ``model-signing`` writes and checks it.

``model.sig`` is a Sigstore bundle of version 0.3 in JSON. It holds a DSSE envelope whose payload is an in-toto
statement: the SHA-256 of every file of the bundle, the manifest included and ``model.sig`` left out. The package
``model-signing`` itself cannot be installed beside the export chain (docs/bundles.md), and this small part of its
format is all that key pairs need; tests hold the two to each other.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from edgefrac.bundle.documents import SIGNATURE, canonical, first_fault
from edgefrac.bundle.keys import PrivateKey, PublicKey
from edgefrac.errors import BundleError

LARGEST_BYTES = 8 << 20
_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE_TYPE = "https://model_signing/signature/v1.0"
_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Foreign(BaseModel):
    """What others write may hold more than is read here."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)


class _KeyHint(_Foreign):
    hint: str | None = None


class _Material(_Foreign):
    public_key: _KeyHint


class _RawSignature(_Foreign):
    sig: Base64Bytes


class _Envelope(_Foreign):
    payload: Base64Bytes
    payload_type: Literal["application/vnd.in-toto+json"]
    signatures: tuple[_RawSignature] = Field()


class _File(_Foreign):
    media_type: Literal["application/vnd.dev.sigstore.bundle.v0.3+json"]
    verification_material: _Material
    dsse_envelope: _Envelope


class _Resource(_Foreign):
    name: str
    algorithm: Literal["sha256"]
    digest: _Hex


class _Serialization(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    method: Literal["files"]
    hash_type: Literal["sha256"]


class _Predicate(_Foreign):
    serialization: _Serialization
    resources: tuple[_Resource, ...]


class _Digest(_Foreign):
    sha256: _Hex


class _Subject(_Foreign):
    digest: _Digest


class _Statement(_Foreign):
    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    predicate_type: Literal["https://model_signing/signature/v1.0"]
    subject: tuple[_Subject]
    predicate: _Predicate


@dataclass(frozen=True)
class Signature:
    """``signed``: SHA-256 by file name; ``claims``: the fingerprint of the key that is said to have signed.

    Both are claims until ``holds`` was asked.
    """

    claims: str | None
    signed: Mapping[str, str]
    message: bytes
    value: bytes

    def holds(self, key: PublicKey) -> bool:
        """Whether the key's other half signed this."""
        return key.holds(self.value, self.message)


def make_signature(name: str, digests: Mapping[str, str], key: PrivateKey) -> bytes:
    """The content of ``model.sig`` for files of these SHA-256; the same arguments give the same bytes."""
    # the order of model-signing, so that its digest of the whole is the same
    resources = [
        {"name": file, "algorithm": "sha256", "digest": digests[file]} for file in sorted(digests, key=PurePosixPath)
    ]
    predicate = {
        "resources": resources,
        "serialization": {
            "method": "files",
            "hash_type": "sha256",
            "allow_symlinks": False,
            "ignore_paths": [SIGNATURE],
        },
    }
    statement = {
        "_type": _STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": _of_all(digests[file["name"]] for file in resources)}}],
        "predicateType": _PREDICATE_TYPE,
        "predicate": predicate,
    }
    payload = canonical(statement)
    return canonical(
        {
            "mediaType": _MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": key.public.fingerprint}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": _base64(payload),
                "payloadType": _PAYLOAD_TYPE,
                "signatures": [{"sig": _base64(key.sign(_encoded(payload))), "keyid": ""}],
            },
        }
    )


def read_signature(content: bytes) -> Signature:
    """Parse ``model.sig``; raises ``BundleError`` for what is damaged, or signed in another way than by a key pair."""
    try:
        file = _File.model_validate_json(content)
        statement = _Statement.model_validate_json(file.dsse_envelope.payload)
    except ValidationError as error:
        hint = "get the bundle again; a signature of another kind is for 'model_signing verify'"
        raise BundleError(f"{SIGNATURE}: not a signature by a key pair ({first_fault(error)})", hint=hint) from None
    resources = statement.predicate.resources
    signed = {resource.name: resource.digest for resource in resources}
    if len(signed) != len(resources) or _of_all(r.digest for r in resources) != statement.subject[0].digest.sha256:
        raise BundleError(f"{SIGNATURE}: contradicts itself", hint="get the bundle again")
    envelope = file.dsse_envelope
    claims = file.verification_material.public_key.hint
    return Signature(claims, signed, _encoded(envelope.payload), envelope.signatures[0].sig)


def _of_all(digests: Iterable[str]) -> str:
    hashed = hashlib.sha256()
    for digest in digests:
        hashed.update(bytes.fromhex(digest))
    return hashed.hexdigest()


def _encoded(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding, version 1."""
    return b" ".join([b"DSSEv1", b"%d" % len(_PAYLOAD_TYPE), _PAYLOAD_TYPE.encode(), b"%d" % len(payload), payload])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
