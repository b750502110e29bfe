"""Costs by hand and against the network; a file cut into layers computes what it did; shares by hand; a real run."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefrac.benchmarking import peaks as peaks_module
from edgefrac.benchmarking.ideal_files import addition, product
from edgefrac.benchmarking.in_turns import seconds_in_turns
from edgefrac.benchmarking.layer_costs import Layer, alone, layers
from edgefrac.benchmarking.peaks import Peaks
from edgefrac.benchmarking.roofline import Roofline, by_kind, measure_roofline, pointwise_by_side
from edgefrac.benchmarking.roofline_document import roofline_document
from edgefrac.errors import UsageError
from edgefrac.reporting.roofline_plot import draw_roofline
from edgefrac.runtimes.litert import make_interpreter
from edgefrac.targets.tflite_graph import finish, operator_name, read_graph
from edgefrac.targets.tflite_integers import integer_graph
from tests import tflite_model
from tests.quantization import integer_networks

SIZE = 64
integer_network = cache(integer_networks.integer_network)


def run(file: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
    interpreter = make_interpreter(file, 1)
    for given, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(given["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(found["index"]) for found in interpreter.get_output_details()]


def test_costs_of_a_product_by_hand() -> None:
    (int8,) = layers(read_graph(product("int8", rows=10, depth=32, columns=16)))
    assert (int8.kind, int8.element, int8.shape) == ("1×1 convolution", "int8", (1, 10, 1, 16))
    assert int8.macs == 10 * 32 * 16
    assert int8.constant_bytes == 32 * 16 + 4 * 16
    assert int8.activation_bytes == 10 * 32 + 10 * 16
    assert int8.intensity == 5120 / (576 + 480)
    (float32,) = layers(read_graph(product("float32", rows=10, depth=32, columns=16)))
    assert (float32.macs, float32.bytes) == (5120, 4 * (32 * 16 + 16 + 10 * 32 + 10 * 16))


def test_costs_of_what_has_no_multiply_accumulates_by_hand() -> None:
    found = {layer.name: layer for layer in layers(read_graph(tflite_model.build(None)))}
    assert all(layer.macs == 0 for layer in found.values())
    assert found["CAST"].activation_bytes == 32 * 32 * (1 + 4)
    assert (found["MEAN"].activation_bytes, found["MEAN"].constant_bytes) == (4 * (8 * 8 + 1), 2 * 4)
    (twice,) = layers(read_graph(addition(100)))
    assert (twice.kind, twice.bytes) == ("addition", 100 * 12)


def test_a_padding_belongs_to_the_convolution_behind_it() -> None:
    found = layers(read_graph(integer_graph(integer_network("mobilenetv2"), SIZE)))
    assert found[0].name == "PAD+CONV_2D"
    assert found[0].operators == (0, 1)
    assert found[0].activation_bytes == 64 * 64 + 32 * 32 * 32  # what is padded lies in no memory
    assert found[0].constant_bytes == 9 * 32 + 4 * 32 + 4 * 8
    assert (found[1].kind, found[1].macs) == ("depthwise convolution", 32 * 32 * 32 * 9)
    assert sum(len(layer.operators) for layer in found) == len({n for layer in found for n in layer.operators})


@pytest.mark.parametrize("backbone", ["micro", "mobilenetv2", "resnet18"])
def test_multiply_accumulates_are_those_of_the_network(backbone: str) -> None:
    graph, _ = integer_networks.layers_and_plan(backbone)
    network = integer_network(backbone)
    sides = network.sides(SIZE)
    expected = [convolution.weight.size * sides[convolution.name] ** 2 for convolution in graph.convolutions()]
    found = layers(read_graph(integer_graph(network, SIZE)))
    assert [layer.macs for layer in found if layer.macs] == expected


@pytest.mark.parametrize("every", [0, 3])
@pytest.mark.parametrize("backbone", ["micro", "mobilenetv2", "resnet18"])
def test_layers_one_after_the_other_compute_what_the_file_does(backbone: str, every: int) -> None:
    file = integer_graph(integer_network(backbone, every=every), SIZE)
    model = read_graph(file)
    graph = model.subgraphs[0]
    image = np.random.default_rng(1).integers(-128, 128, (1, SIZE, SIZE, 1)).astype(np.int8)
    values = {int(graph.inputs[0]): image}
    for layer in layers(model):
        found = run(alone(model, layer), [values[i] for i in layer.inputs])
        values.update(zip(layer.outputs, found, strict=True))
    for index, whole in zip(graph.outputs, run(file, [image]), strict=True):
        np.testing.assert_array_equal(values[int(index)], whole)


def test_a_layer_alone_is_computed_by_xnnpack() -> None:
    model = read_graph(integer_graph(integer_network("mobilenetv2"), SIZE))
    for layer in layers(model):
        if layer.macs:
            details = make_interpreter(alone(model, layer), 1)._get_ops_details()
            assert "DELEGATE" in {detail["op_name"] for detail in details}, layer


@pytest.mark.parametrize("element", ["int8", "float32"])
def test_ideal_product_computes_a_product(element: str) -> None:
    file = product(element, rows=6, depth=40, columns=24)
    model = read_graph(file)
    assert operator_name(model, model.subgraphs[0].operators[0]) == "CONV_2D"
    raw = bytes(model.buffers[1].data)
    weight = np.frombuffer(raw, element).reshape(24, 40).astype(np.float64)
    rng = np.random.default_rng(2)
    codes = rng.integers(-100, 100, (6, 40)) if element == "int8" else rng.normal(size=(6, 40))
    (found,) = run(file, [codes.astype(element).reshape(1, 6, 1, 40)])
    expected = codes @ weight.T
    if element == "int8":
        real = expected / 64 / 128 / (np.sqrt(40) / 64)
        assert np.abs(real).max() < 127  # nothing saturates
        assert np.abs(found.reshape(6, 24) - real).max() <= 0.5 + 1e-3
        assert found.std() > 20
    else:
        np.testing.assert_allclose(found.reshape(6, 24), expected, atol=1e-4)


def test_times_follow_the_work_and_are_not_negative() -> None:
    small, large = product("float32", 64, 256, 128), product("float32", 1024, 256, 128)
    taken = seconds_in_turns([small, large, addition(1)], threads=1, turns=15)
    assert taken.shape == (3, 2, 15)
    assert (taken > 0).all()
    times = np.median(taken[:, 1], axis=1)
    assert 5 < (times[1] - times[2]) / (times[0] - times[2]) < 50  # 16 times the work


PEAKS = Peaks(
    macs={"int8": 100e9, "float32": 25e9},
    products={"int8": (1, 2, 3), "float32": (1, 2, 3)},
    results={"int8": 1e-10, "float32": 0.0},
    bandwidths={1000: 50e9, 100_000: 10e9},
)


def layer(**changes: Any) -> Layer:
    one = Layer((0,), (0,), (1,), "CONV_2D", "1×1 convolution", "int8", (1, 10, 10, 50), 100_000, 200, 700)
    return replace(one, **changes)


def test_the_roof_is_the_lower_of_two() -> None:
    assert PEAKS.bandwidth(1000) == 50e9
    assert PEAKS.bandwidth(1001) == 10e9
    assert PEAKS.bandwidth(10**9) == 10e9
    assert PEAKS.least_seconds(layer()) == pytest.approx(1e-6)  # computing; moving takes 900 / 50e9
    assert PEAKS.least_seconds(layer(element="float32")) == pytest.approx(4e-6)
    assert PEAKS.least_seconds(layer(activation_bytes=99_800)) == pytest.approx(1e-5)
    assert PEAKS.least_seconds(layer(kind="addition", element="uint8", macs=0)) == pytest.approx(900 / 50e9)


def known() -> Roofline:
    """Three layers that take 2, 5 and 1 microseconds; the whole takes 10, with cold caches 20."""
    found = (
        layer(),
        layer(operators=(1, 2), kind="depthwise convolution", activation_bytes=9_800),
        layer(operators=(3,), kind="addition", macs=0),
    )
    warm = np.array([2e-6, 5e-6, 1e-6])
    parts = np.stack([3 * warm, warm], axis=1)[:, :, None] * np.ones(4)
    whole = np.array([20e-6, 10e-6])[:, None] * np.ones(4)
    return Roofline("known.tflite", 1, 0.5, PEAKS, found, whole, parts)


def test_shares_by_hand() -> None:
    groups = by_kind(known())
    assert list(groups) == ["1×1 convolution", "depthwise convolution", "addition"]
    pointwise = groups["1×1 convolution"]
    assert (pointwise.layers, pointwise.macs) == (1, 100_000)
    assert pointwise.share == pytest.approx(2 / 8)
    assert pointwise.of_peak == pytest.approx(1 / 2)
    assert pointwise.of_results == pytest.approx(5000 * 1e-10 / 2e-6)
    assert groups["depthwise convolution"].of_roof == pytest.approx(1 / 5)
    assert groups["addition"].of_roof == pytest.approx(900 / 50e9 / 1e-6)
    assert pointwise_by_side(known()) == {10: pointwise}
    assert known().parts_over_whole(1) == pytest.approx([0.8] * 3)
    assert known().parts_over_whole(0) == pytest.approx([1.2] * 3)


def test_document_and_picture() -> None:
    document = json.loads(json.dumps(roofline_document(known())))
    assert document["evidence_level"] == "measured"
    assert document["whole_ms"] == pytest.approx(0.01)
    assert document["parts_ms"] == pytest.approx(0.008)
    assert [one["of_roof"] for one in document["layers"][:2]] == pytest.approx([1 / 2, 1 / 5])
    assert document["kinds"]["1×1 convolution"]["gmacs"] == pytest.approx(50)
    assert "gmacs" not in document["kinds"]["addition"]
    pytest.importorskip("matplotlib")
    assert draw_roofline([known()], "caption").startswith(b"\x89PNG")


def test_a_real_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks_module, "_ROWS", (112,))
    monkeypatch.setattr(peaks_module, "_WORKING_SETS", (3 * 2**17, 3 * 2**20))
    promised = tflite_model.contract().model_copy(update={"precision": "int8"})
    network = integer_network("mobilenetv2", tflite_model.SIZE)
    path = tmp_path / "small.tflite"
    path.write_bytes(finish(integer_graph(network, tflite_model.SIZE), promised))
    roofline = measure_roofline(path, turns=15)
    assert sum(len(one.operators) for one in roofline.layers) == len(
        read_graph(path.read_bytes()).subgraphs[0].operators
    )
    assert sum(found.share for found in by_kind(roofline).values()) == pytest.approx(1)
    assert 0.02 < by_kind(roofline)["1×1 convolution"].of_peak < 1.2
    assert roofline.peaks.bandwidths[3 * 2**17] >= roofline.peaks.bandwidths[3 * 2**20] > 1e8
    assert 0.3 < roofline.parts_over_whole(1)[1] < 3  # much of this small file is overhead


def test_float16_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "half.tflite"
    path.write_bytes(tflite_model.build(tflite_model.contract().model_copy(update={"precision": "fp16"})))
    with pytest.raises(UsageError, match="float16"):
        measure_roofline(path)
