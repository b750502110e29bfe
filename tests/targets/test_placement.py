"""Operators that compute in float in an int8 file are named, in each runtime as it compiled the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
for module in ("litert_torch", "onnxruntime", "openvino"):
    pytest.importorskip(module)

import onnx  # noqa: E402
from onnx import helper  # noqa: E402

from edgefrac.contract import TrainingData  # noqa: E402
from edgefrac.models.exportable import Exportable, Identity  # noqa: E402
from edgefrac.models.external import load_external  # noqa: E402
from edgefrac.models.layers import layers_of  # noqa: E402
from edgefrac.progress import silent  # noqa: E402
from edgefrac.quantization.calibration import observed_ranges  # noqa: E402
from edgefrac.quantization.grids import make_plan  # noqa: E402
from edgefrac.quantization.integers import IntegerNetwork, to_integers  # noqa: E402
from edgefrac.quantization.plan import Native  # noqa: E402
from edgefrac.targets import onnx_integers, openvino_integers  # noqa: E402
from edgefrac.targets.operators import Operator, stray_floats  # noqa: E402
from edgefrac.targets.registry import find  # noqa: E402
from edgefrac.targets.tflite_quantize import calibrate  # noqa: E402
from tests.models.networks import SIZE, phantoms  # noqa: E402

IDENTITY = Identity("n", "0", "a", "0" * 64, TrainingData(names=(), licence="", attribution=""))


@pytest.fixture(scope="module")
def exportable() -> Exportable:
    return load_external("tests.pipeline.networks:pooled", SIZE)


@pytest.fixture(scope="module")
def network(exportable: Exportable) -> IntegerNetwork:
    graph = layers_of(exportable.module.evidence)
    plan = make_plan(graph, observed_ranges(graph, phantoms(8, seed=3), silent), "pooled", "phantoms")
    return to_integers(graph, plan, exportable.module.inverse_temperature.numpy(), exportable.module.offset.numpy())


def placed(target: str, exportable: Exportable, network: IntegerNetwork, path: Path) -> dict[str, Any]:
    one = find(target)
    one.write_integers(network, one.promise(exportable.contract("int8", IDENTITY, "phantoms")), path / f"a{one.suffix}")
    return one.placement(path / f"a{one.suffix}")


@pytest.mark.parametrize("target", ["tflite", "onnx", "openvino"])
def test_the_exact_plan_leaves_no_stray(
    target: str, exportable: Exportable, network: IntegerNetwork, tmp_path: Path
) -> None:
    found = placed(target, exportable, network, tmp_path)
    assert found["stray_floats"] == []
    integer = {"tflite": "CONV_2D:int8", "onnx": "QLinearConv:uint8", "openvino": "Convolution:int8"}[target]
    assert found["types"][integer] == 3
    counted: dict[str, int] = {}
    for types in found["places"].values():
        for name, count in types.items():
            counted[name] = counted.get(name, 0) + count
    assert counted == found["types"], "every operator has one place"


def hard_swish_in_onnx(model: onnx.ModelProto) -> onnx.ModelProto:
    """The second convolution's result through a HardSwish before it is rounded."""
    quantize = next(n for n in model.graph.node if n.op_type == "QuantizeLinear" and "conv001" in n.input[0])
    detour = helper.make_node("HardSwish", [quantize.input[0]], ["curved"], name="detour")
    quantize.input[0] = "curved"
    place = list(model.graph.node).index(quantize)
    model.graph.node.insert(place, detour)
    return model


def test_a_detour_in_onnx_is_named(
    exportable: Exportable, network: IntegerNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Any] = onnx_integers.integer_model
    monkeypatch.setattr(onnx_integers, "integer_model", lambda n, size: hard_swish_in_onnx(real(n, size)))
    found = placed("onnx", exportable, network, tmp_path)["stray_floats"]
    # ONNX Runtime computes it in two steps, and the convolution before it has no codes to give
    assert [name.split()[0] for name in found] == ["Conv", "HardSigmoid", "Mul"]
    assert found[0] == "Conv conv001_float in float32"


def test_a_detour_in_openvino_is_named(
    exportable: Exportable, network: IntegerNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A convolution whose input is not rounded to codes is computed in float32."""
    real, first = openvino_integers._on_grid, network.layers[0].name

    def rounded(whole: IntegerNetwork, name: str, values: Any) -> Any:
        return values.output(0) if name == first else real(whole, name, values)

    monkeypatch.setattr(openvino_integers, "_on_grid", rounded)
    found = placed("openvino", exportable, network, tmp_path)["stray_floats"]
    assert found and all(name.endswith(" in float32") for name in found)
    assert any(name.startswith("Convolution ") for name in found)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("tests.pipeline.networks:hard_swish", {"HARD_SWISH"}),
        # no evidence map, and its last linear layer is int8, so that all before it should be
        ("tests.models.foreign:normed_after_pooling", {"MEAN", "SQUARED_DIFFERENCE", "RSQRT", "MUL", "SUB"}),
        ("tests.pipeline.networks:pooled", set()),
    ],
)
def test_tflites_own_quantizer_leaves_what_it_does_not_know(name: str, kinds: set[str], tmp_path: Path) -> None:
    exportable, target = load_external(name, SIZE), find("tflite")
    graph = target.convert(exportable)
    plan = calibrate(graph, phantoms(8, seed=3), silent)
    target.write(graph, exportable.contract("int8", IDENTITY, "phantoms"), Native(None, plan), tmp_path / "a.tflite")
    found = target.placement(tmp_path / "a.tflite")["stray_floats"]
    assert {stray.split()[0] for stray in found} == kinds


def chain(*elements: str, kind: str = "MUL") -> list[Operator]:
    return [Operator(kind, str(n), e, "CPU", (n - 1,) if n else ()) for n, e in enumerate(elements)]


def test_float_is_stray_before_the_last_integer_and_before_the_map() -> None:
    assert stray_floats(chain("int8", "float32", "int8", "float32"), []) == ["MUL 1 in float32"]
    assert stray_floats(chain("int8", "float32", "float32"), [1]) == ["MUL 1 in float32"]
    assert stray_floats(chain("int8", "float32", "float32"), [0]) == []


def test_only_what_ends_a_network_may_stand_behind_the_map() -> None:
    assert stray_floats(chain("int8", "float16", kind="CONV_2D"), [0]) == ["CONV_2D 1 in float16"]
