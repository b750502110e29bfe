"""The bill of materials: valid by the official schema, the same bytes each time, nothing left out."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from edgefrac.bundle import SBOM, open_bundle
from edgefrac.contract import TrainingData
from edgefrac.reporting.sbom import sbom, summary
from edgefrac.verification.certificate import Certificate, Environment
from tests.verification.examples import FILE, certificate, contract

PACKAGES = {"edgefrac": "0.1.0", "torch": "2.13.0+cpu", "ai-edge-litert": "2.3.0", "pydantic": "2.11.10"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / FILE).write_bytes(b"model")
    return tmp_path / FILE


@cache
def judged() -> Certificate:
    found = certificate()
    artefact = found.artefacts[0].model_copy(update={"target": "tflite"})
    environment = Environment(python="3.11", cpu="any", packages=PACKAGES)
    return found.model_copy(update={"environment": environment, "artefacts": (artefact,)})


@cache
def validator() -> Any:
    """That of the format's own authors, which reads the schema once."""
    pytest.importorskip("cyclonedx")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_6)


def assert_valid(text: str) -> None:
    fault = validator().validate_str(text)
    assert fault is None, str(fault)[:2000]


def test_valid_by_the_official_schema(file: Path) -> None:
    assert_valid(sbom({FILE: contract()}, judged(), [file]))
    bare = contract().model_copy(update={"training_data": TrainingData(names=(), licence="", attribution="")})
    dated = judged().model_copy(update={"created": "2026-11-26T00:00:00+00:00"})
    assert_valid(sbom({FILE: bare}, dated, [file]))


def test_the_schema_sees_a_fault(file: Path) -> None:
    document = json.loads(sbom({FILE: contract()}, judged(), [file]))
    document["components"][0]["type"] = "weights"
    with pytest.raises(AssertionError):
        assert_valid(json.dumps(document))


def test_what_it_says(file: Path) -> None:
    document = json.loads(sbom({FILE: contract()}, judged(), [file]))
    parts = {part["bom-ref"]: part for part in document["components"]}
    assert parts["weights"]["hashes"][0]["content"] == "a" * 64
    assert parts["weights"]["licenses"][0]["license"]["name"] == "CC-BY-4.0"
    assert "Abedeen" in parts["training-data"]["copyright"]
    assert parts[f"file:{FILE}"]["hashes"][0]["content"] == hashlib.sha256(b"model").hexdigest()
    assert parts["pkg:pypi/torch@2.13.0%2Bcpu"]["scope"] == "excluded"
    assert parts["pkg:pypi/ai-edge-litert@2.3.0"]["scope"] == "required"
    assert [part["name"] for part in document["metadata"]["tools"]["components"]] == ["edgefrac"]
    assert parts["pkg:pypi/pydantic@2.11.10"]["licenses"] == [{"expression": "MIT"}]
    known = {*parts, "model"}
    assert all({line["ref"], *line["dependsOn"]} <= known for line in document["dependencies"])
    needs = {line["ref"]: line["dependsOn"] for line in document["dependencies"]}
    assert needs[f"file:{FILE}"] == ["pkg:pypi/ai-edge-litert@2.3.0", "weights"]


def test_same_content_same_bytes_and_another_another_number(file: Path) -> None:
    made = sbom({FILE: contract()}, judged(), [file])
    assert made == sbom({FILE: contract()}, judged(), [file]) and "timestamp" not in made
    file.write_bytes(b"other")
    numbers = {json.loads(text)["serialNumber"] for text in (made, sbom({FILE: contract()}, judged(), [file]))}
    assert len(numbers) == 2


def test_in_short(file: Path) -> None:
    assert summary(sbom({FILE: contract()}, judged(), [file]).encode()) == {
        "format": "CycloneDX 1.6",
        "made by": ["edgefrac 0.1.0", "pydantic 2.11.10", "torch 2.13.0+cpu"],
        "needed to run": ["ai-edge-litert 2.3.0"],
        "machine-learning-model": ["tiny weights", FILE],
        "data": ["FracAtlas"],
    }


def test_of_a_real_export(reference_bundle: Path) -> None:
    bundle = open_bundle(reference_bundle)
    text = bundle.read(SBOM).decode()
    assert_valid(text)
    short = summary(text.encode())
    assert any(name.startswith("ai-edge-litert ") for name in short["needed to run"])
    assert set(bundle.contracts()) <= set(short["machine-learning-model"])
