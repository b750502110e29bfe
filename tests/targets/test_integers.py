"""One plan, three formats: every runtime gives the codes of the integer network, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest

from edgefrac.quantization.integers import IntegerConvolution, IntegerNetwork
from edgefrac.runtimes.litert import make_interpreter
from edgefrac.targets import onnx_integers, openvino_integers
from edgefrac.targets.tflite_graph import operator_name, read_graph
from edgefrac.targets.tflite_integers import integer_graph
from tests.models.networks import phantoms
from tests.quantization.integer_networks import integer_network

SIZE = 96
BACKBONES = [
    "micro",
    "mobilenetv2",
    "resnet18",
    pytest.param("efficientnet-lite0", marks=pytest.mark.slow),
    pytest.param("mobileone-s0", marks=pytest.mark.slow),
]
Answer = tuple[np.ndarray, np.ndarray]
Runtime = Callable[[np.ndarray], Answer]


def tflite(network: IntegerNetwork, threads: int) -> Runtime:
    interpreter = make_interpreter(integer_graph(network, SIZE), threads)
    (given,), found = interpreter.get_input_details(), interpreter.get_output_details()

    def answer(image: np.ndarray) -> Answer:
        interpreter.set_tensor(given["index"], (image.astype(np.int16) - 128).astype(np.int8)[None, :, :, None])
        interpreter.invoke()
        probability, evidence = (interpreter.get_tensor(output["index"]) for output in found)
        return probability, evidence

    return answer


def onnx_runtime(network: IntegerNetwork, threads: int) -> Runtime:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = onnx_integers.integer_model(network, SIZE).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda image: tuple(session.run(["probability", "evidence"], {"image": image[None, :, :, None]}))


def open_vino(network: IntegerNetwork, threads: int) -> Runtime:
    model = openvino_integers.integer_model(network, SIZE)
    compiled = openvino.Core().compile_model(
        model, "CPU", {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    )
    request = compiled.create_infer_request()

    def answer(image: np.ndarray) -> Answer:
        found = request.infer({"image": image[None, :, :, None]})
        return found["probability"].copy(), found["evidence"].copy()

    return answer


RUNTIMES: dict[str, Callable[[IntegerNetwork, int], Runtime]] = {
    "LiteRT": tflite,
    "ONNX Runtime": onnx_runtime,
    "OpenVINO": open_vino,
}


@pytest.fixture(scope="module", params=BACKBONES)
def network(request: pytest.FixtureRequest) -> IntegerNetwork:
    return integer_network(request.param, SIZE)


@pytest.fixture(scope="module")
def expected(network: IntegerNetwork) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images that calibration did not see, and the integer network's evidence map of each."""
    return [(image, network.evidence(image)) for image in phantoms(12, seed=77, size=SIZE)]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", RUNTIMES)
def test_every_code_is_that_of_the_integers(
    name: str, threads: int, network: IntegerNetwork, expected: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    answer = RUNTIMES[name](network, threads)
    assert len(np.unique(np.stack([evidence for _, evidence in expected]))) > 20
    for image, evidence in expected:
        probability, found = answer(image)
        assert np.array_equal(found[0], evidence)
        logit = evidence.astype(np.float64).mean((0, 1)) * network.gain + network.offset
        np.testing.assert_allclose(probability[0], 1 / (1 + np.exp(-logit)), atol=1e-6)


def test_one_wrong_weight_shows(expected: list[tuple[np.ndarray, np.ndarray]], network: IntegerNetwork) -> None:
    layer = next(x for x in network.layers if isinstance(x, IntegerConvolution))
    layer.weight.flat[np.abs(layer.weight).argmax()] *= -1
    try:
        answer = tflite(network, 1)
        assert any(not np.array_equal(answer(image)[1][0], evidence) for image, evidence in expected)
    finally:
        layer.weight.flat[np.abs(layer.weight).argmax()] *= -1


def test_onnx_runtime_fuses_every_layer(network: IntegerNetwork, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    model = onnx_integers.integer_model(network, SIZE)
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert kinds.count("QLinearConv") == sum(isinstance(x, IntegerConvolution) for x in network.layers)
    assert "Conv" not in kinds and "QuantizeLinear" not in kinds


def test_onnx_codes_are_as_qualcomms_compiler_wants_them(network: IntegerNetwork) -> None:
    """Unsigned activations; signed weights, symmetric, one scale for each channel."""
    graph = onnx_integers.integer_model(network, SIZE).graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    written = [constants[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert written and {zero.dtype for zero in written} == {np.dtype(np.uint8)}
    weights = [n.input for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0].endswith("_weight")]
    assert len(weights) == sum(isinstance(layer, IntegerConvolution) for layer in network.layers)
    for weight, scale, zero in weights:
        assert constants[weight].dtype == np.int8 and not constants[zero].any()
        assert constants[scale].shape == (len(constants[weight]),)


def test_openvino_runs_every_convolution_in_int8(network: IntegerNetwork) -> None:
    compiled = openvino.Core().compile_model(openvino_integers.integer_model(network, SIZE), "CPU")
    facts = [{k: v.value for k, v in op.get_rt_info().items()} for op in compiled.get_runtime_model().get_ops()]
    convolutions = [f for f in facts if "Convolution" in f["layerType"]]
    assert convolutions and all("8" in f["runtimePrecision"] for f in convolutions)


def test_tflite_has_no_operator_but_these(network: IntegerNetwork) -> None:
    model = read_graph(integer_graph(network, SIZE))
    graph = model.subgraphs[0]
    float32 = [operator_name(model, o) for o in graph.operators if graph.tensors[o.outputs[0]].type == 0]
    assert float32 == ["DEQUANTIZE", "MEAN", "MUL", "ADD", "LOGISTIC"]


@pytest.mark.parametrize("write", [integer_graph, partial(onnx_integers.integer_model)])
def test_same_network_same_bytes(write: Callable[[IntegerNetwork, int], Any]) -> None:
    first, second = (write(integer_network("tiny"), 64) for _ in range(2))
    as_bytes = [x if isinstance(x, bytes) else x.SerializeToString(deterministic=True) for x in (first, second)]
    assert as_bytes[0] == as_bytes[1]
