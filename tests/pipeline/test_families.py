"""Networks of torchvision and timm through all targets: what passes, and how others are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
for module in ("litert_torch", "onnxruntime", "openvino"):
    pytest.importorskip(module)

from benchmarks.families import CALIBRATION, FAMILIES, GATE, RUNTIMES, Row, measure, network_inputs  # noqa: E402

NO_MAP = "no exact evidence map: the last linear layer does not act on the spatial mean of a feature map"
REFUSED = {
    "MobileNetV3": NO_MAP,
    "ConvNeXt": NO_MAP,
    "GhostNet": NO_MAP,
    "DenseNet": "no integer layer computes 'cat'",
    "ShuffleNetV2": "no integer layer computes 'cat'",
}
# half a minute each; the others differ from these by nothing that matters here, and are in the benchmark
TESTED = ("MobileNetV2", "MobileNetV3", "EfficientNet-Lite", "ResNet", "VGG", "RepVGG", "RegNet", "DenseNet")
DOCUMENTED = Path(__file__).parents[2] / "docs" / "families.md"


def check(name: str, row: Row) -> None:
    assert set(row.float32) == set(row.float16) == set(RUNTIMES)
    # several times the gate's limits: random weights pass rounding on as trained ones do not
    assert max(row.float32.values()) <= 5e-5, row.float32
    assert max(row.float16.values()) <= 2e-2, row.float16
    assert row.evidence_map == (REFUSED.get(name) != NO_MAP)
    assert row.refusal == REFUSED.get(name, "")
    if name in REFUSED:
        assert not row.int8 and row.identical is None
    else:
        assert set(row.int8) == set(RUNTIMES)
        assert row.identical == 1, "a code is not that of the integer network"
        assert max(row.int8.values()) < 0.5, "loose: no training has prepared these weights for int8"


@pytest.mark.parametrize("name", TESTED)
def test_a_family(name: str) -> None:
    check(name, measure(FAMILIES[name], network_inputs(*GATE)))


def test_every_family_is_documented_with_its_refusal() -> None:
    rows = {line.split("|")[1].strip(): line for line in DOCUMENTED.read_text().splitlines() if line.startswith("| ")}
    assert set(FAMILIES) <= set(rows)
    for name in FAMILIES:
        assert REFUSED.get(name, "| yes, ") in rows[name]


def test_calibration_and_gate_see_other_phantoms() -> None:
    first, second = (network_inputs(*which) for which in (CALIBRATION, GATE))
    assert not any(np.array_equal(a, b) for a in first for b in second)
