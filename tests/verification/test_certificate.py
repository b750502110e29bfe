"""The certificate: canonical, reproducible, and silent about the machine."""

from __future__ import annotations

import getpass
import json
import math
import platform
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from edgefrac.errors import BundleError
from edgefrac.verification.certificate import Certificate, Data, cpu_model, environment
from edgefrac.verification.figures import figures
from tests.verification import examples


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return examples.certificate()


def test_round_trip_and_same_bytes_every_time(certificate: Certificate) -> None:
    text = certificate.to_json()
    assert Certificate.from_json(text) == certificate
    assert Certificate.from_json(text).to_json() == text == examples.certificate().to_json()


def test_json_has_sorted_keys_and_no_nan(certificate: Certificate) -> None:
    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    document = json.loads(certificate.to_json(), parse_constant=refuse)
    assert list(document) == sorted(document)
    assert document["schema"] == "edgefrac.certificate/1"
    (artefact,) = document["artefacts"]
    assert artefact["verdict"]["verdict"] == "passed" and artefact["evidence_level"] == "measured"
    assert {"value", "low", "high"} <= set(artefact["figures"]["auroc"])
    assert document["data"]["left_out_seen_in_training"] == 17
    assert artefact["calibration"]["sha256"] == ["c" * 64, "d" * 64]


def test_a_failed_file_carries_flips_and_diagnosis() -> None:
    (artefact,) = examples.certificate(noise=1.0).artefacts
    assert artefact.verdict.verdict == "failed" and len(artefact.verdict.flips) > 6
    assert artefact.diagnosis is not None and artefact.diagnosis.next_step


def test_nothing_of_the_machine_is_in_it(certificate: Certificate) -> None:
    text = certificate.to_json()
    for private in (platform.node(), str(Path.home()), str(Path.cwd()), f"/{getpass.getuser()}/"):
        assert len(private) < 2 or private not in text
    assert certificate.created is None
    assert certificate.environment.packages["numpy"] == np.__version__
    assert "no-such-package" not in certificate.environment.packages


@pytest.mark.parametrize("name", ["/data/FracAtlas", "C:\\data\\FracAtlas", "data/FracAtlas"])
def test_paths_are_refused_as_names(name: str) -> None:
    with pytest.raises(ValidationError, match="not a path"):
        Data(name=name, n=1, positives=0, sha256="0" * 64)


def test_nan_is_refused_both_ways(certificate: Certificate) -> None:
    with pytest.raises(ValidationError):
        Certificate.model_validate({**certificate.model_dump(), "threshold": math.nan})
    broken = certificate.to_json().replace('"threshold": 0.5', '"threshold": NaN')
    with pytest.raises(BundleError, match=r"certificate\.json"):
        Certificate.from_json(broken)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "edgefrac.certificate/2"}'])
def test_foreign_json_is_an_error_in_one_line(text: str) -> None:
    with pytest.raises(BundleError, match=r"certificate\.json") as caught:
        Certificate.from_json(text)
    assert "\n" not in caught.value.message


def test_cpu_model_is_read_or_falls_back_to_the_architecture(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: other\n")
    assert cpu_model(cpuinfo) == "Some CPU @ 2 GHz"
    assert cpu_model(tmp_path / "absent") == platform.machine()
    assert environment([]).python == platform.python_version()


def test_artefact_is_found_by_name(certificate: Certificate) -> None:
    assert certificate.artefact(examples.FILE) is certificate.artefacts[0]
    assert certificate.artefact("other.tflite") is None


def test_figures_with_perfect_separation_keep_an_interval() -> None:
    labels = np.repeat([0, 1], 60)
    perfect = figures(labels, np.where(labels, 0.9, 0.1), np.arange(120) // 2, 0.5)
    for estimate in (perfect.auroc, perfect.sensitivity, perfect.specificity):
        assert estimate.value == 1.0 and estimate.low is not None and 0.8 < estimate.low < 0.99


def test_figures_take_the_wider_interval_of_auroc() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(0, 2, 80), 5)
    probability = 1 / (1 + np.exp(-(2.0 * labels - 1 + np.repeat(rng.normal(size=80), 5))))
    together = figures(labels, probability, np.arange(400) // 5, 0.5)
    apart = figures(labels, probability, np.arange(400), 0.5)
    assert "bootstrap" in together.auroc.method and together.auroc.width > 1.5 * apart.auroc.width


def test_figures_of_one_class_or_nothing_are_undefined_not_nan() -> None:
    for labels in (np.ones(5, int), np.zeros(0, int)):
        result = figures(labels, np.full(labels.size, 0.7), np.arange(labels.size), 0.5)
        assert result.auroc.value is None and result.specificity.value is None
        json.dumps(result.model_dump(), allow_nan=False)
