"""Edits of an OpenVINO graph: static names, the output that Model API reads, and the finished, sealed pair of files."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np

from edgefrac.contract import Contract
from edgefrac.errors import ConversionError
from edgefrac.targets.openvino_import import ov
from edgefrac.targets.openvino_metadata import SECTION, blank_seal, model_info, seal, weights_of

# after the import above, which keeps telemetry out
from openvino import opset13 as ops  # isort: skip

CLASSES = "class_probability"
_OPERATOR = re.compile(rb'<layer [^>]* type="(?!Const"|Parameter"|Result")[^>]*>(\s*<data [^>]*/>)?')
_KEPT = b'<rt_info><attribute name="DisablePrecisionConversion" version="0" value="dynamic:f16" /></rt_info>'
_ELEMENTS = {ov.Type.u8: "uint8", ov.Type.f32: "float32"}


def save(model: ov.Model, contract: Contract, path: Path) -> None:
    """Write the finished file and its .bin: the graph, its contract and a seal. Same arguments, same bytes.

    ``model`` is any graph, of any precision, that takes ``image`` and gives the outputs that ``contract`` names; where
    they lie among its outputs does not matter. Weights are stored as float16 for fp16 and left alone else. Raises
    ConversionError for a graph that does not keep the contract.
    """
    finished = _finished(model.clone(), contract)
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as folder:
        written = Path(folder) / "model.xml"
        ov.save_model(finished, written, compress_to_fp16=contract.precision == "fp16")
        xml, weights = written.read_bytes(), weights_of(written).read_bytes()
    if contract.precision == "fp32":
        xml = _kept_in_float32(xml)
    path.write_bytes(seal(xml, weights))
    weights_of(path).write_bytes(weights)


def _finished(model: ov.Model, contract: Contract) -> ov.Model:
    sources = {output.get_any_name(): output.get_node().input_value(0) for output in model.outputs}
    promised = sorted(contract.outputs, key=lambda output: output.index)
    if missing := [output.name for output in promised if output.name not in sources]:
        raise ConversionError(f"OpenVINO: the graph has no output '{missing[0]}', which its contract promises")
    sources[CLASSES] = _class_probability(sources["probability"], contract)
    names = [CLASSES, *(output.name for output in promised)]
    results = [ops.result(sources[name]) for name in names]
    finished = ov.Model(results, model.get_parameters(), contract.name)
    _name(finished, contract, names)
    _require_promised(finished, contract)
    parameter = finished.get_parameters()[0]
    parameter.set_layout(ov.Layout("NHWC"))
    for section, entries in ((SECTION, blank_seal(contract)), ("model_info", model_info(contract))):
        for key, value in entries.items():
            finished.set_rt_info(value, [section, key])
    return finished


def _kept_in_float32(xml: bytes) -> bytes:
    """Mark every operator as one not to be computed in less than float32, whatever the device prefers.

    Without it OpenVINO computes in bfloat16 on processors that have it, and in float16 on GPUs, far from what the gate
    saw. The mark is OpenVINO's own; its Python interface cannot set it, and releases that do not know it pass it over.
    """
    return _OPERATOR.sub(lambda found: found.group(0) + _KEPT, xml)


def _class_probability(probability: ov.Output, contract: Contract) -> ov.Output:
    """float32 [1, 2]: the first task's negative and positive class, which add up to 1 as Model API wants it."""
    channel = contract.task().first_channel
    axis, one = ops.constant(np.array([1], np.int64)), ops.constant(np.array(1, np.float32))
    start, stop = (ops.constant(np.array([n], np.int64)) for n in (channel, channel + 1))
    step = ops.constant(np.array([1], np.int64))
    positive = ops.slice(probability, start, stop, step, axis)
    return ops.concat([ops.subtract(one, positive), positive], 1).output(0)


def _name(model: ov.Model, contract: Contract, outputs: list[str]) -> None:
    """Names that depend on the graph alone; a converter's are numbered by all that it ever made in this process."""
    for number, node in enumerate(model.get_ordered_ops()):
        node.set_friendly_name(f"n{number}")
        for output in node.outputs():
            output.set_names(set())
    parameter = model.get_parameters()[0]
    parameter.set_friendly_name(contract.input.name)
    parameter.output(0).set_names({contract.input.name})
    for output, name in zip(model.outputs, outputs, strict=True):
        output.set_names({name})


def _require_promised(model: ov.Model, contract: Contract) -> None:
    described = [_described(value) for value in (*model.inputs, *model.outputs[1:])]
    outputs = sorted(contract.outputs, key=lambda output: output.index)
    promised: list[tuple[str, tuple[int, ...]]] = [(contract.input.dtype, contract.input.shape)]
    promised += [(output.dtype, output.shape) for output in outputs]
    if described != promised:
        raise ConversionError(f"OpenVINO: the graph takes and gives {described}, and its contract promises {promised}")


def _described(value: ov.Output) -> tuple[str, tuple[int, ...]]:
    element = _ELEMENTS.get(value.get_element_type(), "another type")
    return element, tuple(value.shape) if value.get_partial_shape().is_static else ()
