"""Full int8 TFLite: calibrate a float file, and apply ranges with ai-edge-quantizer.

Everything up to the evidence map becomes int8 with per-channel weights; the mean over the map, the calibration and the
sigmoid stay float32, so that the probability is not rounded twice.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgefrac.errors import ConversionError
from edgefrac.progress import Track
from edgefrac.quantization.plan import Plan
from edgefrac.quantization.ranges import Range, RangeObserver
from edgefrac.quantization.rounding import absmax_scale, round_kernels
from edgefrac.targets.tflite_graph import Model, operator_name, pack_graph, read_graph

INTEGER_OPERATORS = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "ADD",
    "PAD",
    "MAX_POOL_2D",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "FULLY_CONNECTED",
)
_INPUT_RANGE = (-1.0, 127 / 128)  # makes scale 1/128 and zero point 0, so pixels are not rounded


def tensor_keys(model: Model) -> dict[str, int]:
    """Key -> tensor index of everything an operator computes in a float graph, and of its input."""
    graph = model.subgraphs[0]
    keys = {"input": int(graph.inputs[0])}
    for number, operator in enumerate(graph.operators):
        for index in operator.outputs:
            shape = "x".join(str(n) for n in graph.tensors[index].shape[1:])
            keys[f"{number:03d}:{operator_name(model, operator)}:{shape}"] = int(index)
    return keys


def calibrate(float_model: bytes, images: NDArray[np.uint8], track: Track) -> Plan:
    """Make a plan by running a float32 file (float NHWC input) over network inputs uint8 [N, S, S]."""
    model = read_graph(float_model)
    keys = tensor_keys(model)
    outputs = {int(index) for index in model.subgraphs[0].outputs}
    observer = RangeObserver(whole=frozenset(key for key, index in keys.items() if index in outputs))
    interpreter = _interpreter(float_model, keep_all=True)
    maps = []
    for image in track(list(images), "calibrating"):
        interpreter.set_tensor(keys["input"], _normalise(image))
        interpreter.invoke()
        for key, index in keys.items():
            observer.observe(key, interpreter.get_tensor(index))
        maps.append(_mean_evidence(interpreter))
    plan = Plan({**observer.ranges(), "input": _INPUT_RANGE})
    return Plan(plan.ranges, _evidence_shift(float_model, plan, images, np.array(maps), track))


def _evidence_shift(
    float_model: bytes, plan: Plan, images: NDArray[np.uint8], wanted: NDArray[np.float64], track: Track
) -> tuple[float, ...]:
    """Mean over images of int8 minus float mean evidence, per channel; empty for a network without evidence map."""
    if wanted.size == 0:
        return ()
    interpreter = _interpreter(quantize(float_model, plan), keep_all=False)
    index = int(interpreter.get_input_details()[0]["index"])
    found = []
    for image in track(list(images), "measuring the shift of int8"):
        interpreter.set_tensor(index, (image.astype(np.int16) - 128).astype(np.int8)[None, :, :, None])
        interpreter.invoke()
        found.append(_mean_evidence(interpreter))
    return tuple(float(shift) for shift in (np.array(found) - wanted).mean(axis=0))


def _interpreter(model: bytes, *, keep_all: bool) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    options: dict[str, Any] = {}
    if keep_all:
        options["experimental_preserve_all_tensors"] = True
        options["experimental_op_resolver_type"] = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=model, num_threads=2, **options)
    interpreter.allocate_tensors()
    return interpreter


def _normalise(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.divide(image.astype(np.float32) - 128, 128, dtype=np.float32)
    return values[None, :, :, None]


def _mean_evidence(interpreter: Any) -> NDArray[np.float64]:
    """Mean over the map of each channel of the 4-D output, (K,); empty if there is none."""
    maps = [d for d in interpreter.get_output_details() if len(d["shape"]) == 4]
    if not maps:
        return np.empty(0)
    mean: NDArray[np.float64] = interpreter.get_tensor(maps[0]["index"])[0].astype(np.float64).mean(axis=(0, 1))
    return mean


def quantize(float_model: bytes, plan: Plan) -> bytes:
    """Apply ``plan``; raises ConversionError if it was made for another graph."""
    from ai_edge_quantizer import qtyping, quantizer, recipe, recipe_manager

    model = read_graph(float_model)
    keys = tensor_keys(model)
    if set(keys) != set(plan.ranges):
        missing = sorted(set(keys) ^ set(plan.ranges))
        raise ConversionError(
            f"the activation ranges were taken from another graph (first difference: {missing[0]})",
            hint="take new ones with --calibration DIR",
        )
    graph = model.subgraphs[0]
    for number, tensor in enumerate(graph.tensors):
        tensor.name = f"t{number}"
    manager = recipe_manager.RecipeManager()
    for name, outputs in {"INPUT": [], **_integer_operators(model)}.items():
        manager.add_static_config(
            regex=f"^({'|'.join(f't{index}' for index in outputs)});" if outputs else ".*",
            operation_name=qtyping.TFLOperationName(name),
            activation_num_bits=8,
            weight_num_bits=8,
            algorithm_key=recipe.AlgorithmName.MIN_MAX_UNIFORM_QUANT,
        )
    _round_weights(model)
    if plan.evidence_shift:
        _correct_evidence(model, plan.evidence_shift)
    with _quiet():
        result = quantizer.Quantizer(pack_graph(model), manager.get_quantization_recipe()).quantize(
            {f"t{index}": _statistic(plan.ranges[key]) for key, index in keys.items()},
            enable_progress_bar=False,
            enable_progress_report=False,
        )
    return bytes(result.quantized_model)


def half(float_model: bytes) -> bytes:
    """Store weights as float16; computation stays float32 (XNNPACK unpacks them on loading)."""
    from ai_edge_quantizer import qtyping, quantizer, recipe, recipe_manager

    manager = recipe_manager.RecipeManager()
    manager.add_quantization_config(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        ),
        algorithm_key=recipe.AlgorithmName.FLOAT_CASTING,
    )
    with _quiet():
        result = quantizer.Quantizer(float_model, manager.get_quantization_recipe()).quantize(
            enable_progress_bar=False, enable_progress_report=False
        )
    return bytes(result.quantized_model)


def _integer_operators(model: Model) -> dict[str, list[int]]:
    """Operator name -> output tensors of the operators to quantize: all that the evidence map is computed from."""
    graph = model.subgraphs[0]
    maps = [index for index in graph.outputs if len(graph.tensors[index].shape) == 4]
    maker = {int(operator.outputs[0]): operator for operator in graph.operators}
    wanted: set[int] = set()
    open_ends = [int(index) for index in maps or graph.outputs]
    while open_ends:
        index = open_ends.pop()
        if index in maker and index not in wanted:
            wanted.add(index)
            open_ends += [int(i) for i in maker[index].inputs]
    found: dict[str, list[int]] = {}
    for index in sorted(wanted):
        name = operator_name(model, maker[index])
        if name in INTEGER_OPERATORS:
            found.setdefault(name, []).append(index)
    return found


def _round_weights(model: Model) -> None:
    """Put every convolution's weights on their int8 grid, see ``quantization.rounding``."""
    graph = model.subgraphs[0]
    for operator in graph.operators:
        name = operator_name(model, operator)
        if name not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            continue
        tensor = graph.tensors[operator.inputs[1]]
        buffer = model.buffers[tensor.buffer]
        weights = np.frombuffer(bytes(buffer.data), np.float32).reshape(tensor.shape)
        # per channel: the first axis of CONV_2D [O, kh, kw, I], the last of DEPTHWISE_CONV_2D [1, kh, kw, O]
        by_channel = weights if name == "CONV_2D" else np.moveaxis(weights, -1, 0)
        flat = by_channel.reshape(len(by_channel), -1)
        rounded = round_kernels(flat, absmax_scale(flat)).reshape(by_channel.shape)
        rounded = rounded if name == "CONV_2D" else np.moveaxis(rounded, 0, -1)
        buffer.data = np.frombuffer(np.ascontiguousarray(rounded).tobytes(), np.uint8)


def _correct_evidence(model: Model, shift: tuple[float, ...]) -> None:
    """Subtract ``shift`` from the bias of the convolution that computes the evidence map, in a buffer of its own."""
    graph = model.subgraphs[0]
    maker = {int(index): operator for operator in graph.operators for index in operator.outputs}
    operator = maker[next(int(index) for index in graph.outputs if len(graph.tensors[index].shape) == 4)]
    while operator_name(model, operator) != "CONV_2D":  # behind it, cells may be laid out finer
        operator = maker[int(operator.inputs[0])]
    bias = graph.tensors[operator.inputs[2]]
    values = np.frombuffer(bytes(model.buffers[bias.buffer].data), np.float32)
    values = values - np.tile(np.asarray(shift, np.float32), len(values) // len(shift))
    model.buffers.append(schema.BufferT(data=np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)))
    bias.buffer = len(model.buffers) - 1


def _statistic(limits: Range) -> dict[str, Any]:
    low, high = limits
    return {
        "min": np.full((1, 1, 1, 1), low, np.float32),
        "max": np.full((1, 1, 1, 1), max(high, low + 1e-6), np.float32),
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantizer prints a report and progress bars of its own."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
