"""The model card says what a reader needs before using the model."""

from __future__ import annotations

from typing import Any

import pytest

from edgefrac.contract import NOT_A_MEDICAL_DEVICE
from edgefrac.reporting.model_card import model_card
from tests.verification import examples

METRICS: dict[str, Any] = {
    "n": 630,
    "positives": 105,
    "auroc": 0.9312,
    "auroc_ci": [0.901, 0.957],
    "sensitivity": 0.9,
    "sensitivity_ci": [0.83, 0.95],
    "specificity": 0.8,
    "specificity_ci": [0.76, 0.83],
    "ece": 0.0321,
    "threshold": 0.5,
    "slices": {
        "region=hand": {
            "n": 300,
            "positives": 60,
            "auroc": 0.94,
            "auroc_ci": [0.9, 0.97],
            "sensitivity": 0.91,
            "sensitivity_ci": [0.8, 0.96],
            "specificity": 0.81,
            "specificity_ci": [0.76, 0.86],
        },
        "hardware=yes": {
            "n": 20,
            "positives": 20,
            "auroc": None,
            "auroc_ci": None,
            "sensitivity": 0.95,
            "sensitivity_ci": [0.7, 0.99],
            "specificity": None,
            "specificity_ci": None,
        },
    },
    "pointing_game": {
        "n": 105,
        "inside": 0.41,
        "inside_ci": [0.3, 0.5],
        "near": 0.7,
        "near_ci": [0.6, 0.8],
        "tolerance": 0.05,
    },
}


@pytest.fixture(scope="module")
def card() -> str:
    return model_card(examples.contract(), METRICS, examples.certificate())


def test_figures_have_intervals_also_by_slice(card: str) -> None:
    assert "| all | 630 | 105 | 0.931 [0.901, 0.957] | 0.900 [0.830, 0.950] | 0.800 [0.760, 0.830] |" in card
    assert "| region=hand | 300 | 60 | 0.940 [0.900, 0.970] |" in card
    assert "| hardware=yes | 20 | 20 | - | 0.950 [0.700, 0.990] | - |" in card
    assert "0.410 [0.300, 0.500] of 105 radiographs, within 5 % of the longer side in 0.700 [0.600, 0.800]" in card


def test_it_says_what_it_is_not_and_whose_data_it_used(card: str) -> None:
    contract = examples.contract()
    assert NOT_A_MEDICAL_DEVICE in card.split("## ")[0]
    assert contract.training_data.attribution in card and "CC-BY-4.0" in card
    assert contract.checkpoint_sha256 in card and contract.calibration in card


def test_weak_and_unknown_slices_are_named(card: str) -> None:
    warnings = card.split("## Where it can go wrong")[1]
    assert "hardware=yes" in warnings and "region=hand" not in warnings


def test_every_file_has_its_verdict(card: str) -> None:
    assert f"| `{examples.FILE}` | int8 | 123 | passed |" in card
    assert "17 seen in training were left out" in card
    failed = model_card(examples.contract(), METRICS, examples.certificate(noise=1.0))
    assert "| failed |" in failed and "decisions flip" in failed


def test_a_checkpoint_has_a_card_without_files() -> None:
    card = model_card(examples.contract("fp32"), {**METRICS, "slices": {}, "pointing_game": None})
    assert "## The exported files" not in card and "0.931 [0.901, 0.957]" in card


def test_tables_are_well_formed(card: str) -> None:
    rows = [line for line in card.splitlines() if line.startswith("|")]
    assert len(rows) > 6
    assert {row.count("|") for row in rows} == {7, 9}
    assert card.endswith("\n") and "None" not in card and "nan" not in card


def test_it_says_how_many_radiographs_look_foreign() -> None:
    strange = {**METRICS, "foreign": 0.012, "foreign_ci": [0.004, 0.03]}
    assert "is said to: 0.012 [0.004, 0.030]" in model_card(examples.contract(), strange)
    assert "unlike the training radiographs" not in model_card(examples.contract(), METRICS)


def test_figures_without_counts_and_networks_without_a_commit_leave_no_hole() -> None:
    metrics = {"auroc": 0.9, "auroc_ci": [0.8, 0.95]}
    made = model_card(examples.contract().model_copy(update={"source_commit": ""}), metrics)
    assert "| all | - | - | 0.900 [0.800, 0.950] | - | - |" in made
    assert "commit" not in made
