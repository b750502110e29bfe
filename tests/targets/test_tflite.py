"""Exported files compute what the checkpoint computes, and the same checkpoint gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import ConversionError
from edgefrac.models.external import load_external
from edgefrac.quantization.plan import Plan
from edgefrac.runtimes.session import Session, open_session
from edgefrac.targets import tflite
from edgefrac.targets.tflite_graph import operator_name, read_graph
from edgefrac.targets.tflite_placement import input_quantization, placement
from tests.models.networks import SIZE, phantoms
from tests.targets.conftest import PRECISIONS, Exported, calibration_images
from tests.targets.flatbuffer import Table


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return phantoms(10, seed=31)


def run(session: Session, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (N, K) and evidence maps (N, h, w, K)."""
    predictions = [session.predict(image) for image in images]
    assert all(p.evidence is not None and p.evidence.dtype == p.probability.dtype == np.float32 for p in predictions)
    return np.stack([p.probability for p in predictions]), np.stack([p.evidence for p in predictions])  # type: ignore[arg-type]


def test_float32_is_the_network(exported: Exported, images: np.ndarray) -> None:
    expected_probability, expected_evidence = run(open_session(exported.checkpoint), images)
    probability, evidence = run(open_session(exported.files["fp32"]), images)
    assert np.ptp(expected_probability) > 0.1 and np.ptp(expected_evidence) > 1, "a network that says nothing"
    np.testing.assert_allclose(probability, expected_probability, rtol=0, atol=1e-5)
    np.testing.assert_allclose(evidence, expected_evidence, rtol=0, atol=1e-4)


def test_float16_of_a_float16_checkpoint_is_the_network_too(exported: Exported, images: np.ndarray) -> None:
    expected, _ = run(open_session(exported.checkpoint), images)
    probability, _ = run(open_session(exported.files["fp16"]), images)
    np.testing.assert_allclose(probability, expected, rtol=0, atol=1e-3)
    assert exported.files["fp16"].stat().st_size < 0.75 * exported.files["fp32"].stat().st_size


def test_int8_sees_what_the_network_sees(exported: Exported, images: np.ndarray) -> None:
    expected_probability, expected_evidence = run(open_session(exported.checkpoint), images)
    probability, evidence = run(open_session(exported.files["int8"]), images)
    maps = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(evidence, expected_evidence, strict=True)]
    assert np.mean(maps) >= 0.95
    assert np.abs(probability - expected_probability).max() < 0.1
    assert len(np.unique(evidence)) <= 256, "the evidence map is not int8"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_map_adds_up_to_the_probability(exported: Exported, images: np.ndarray, precision: str) -> None:
    probability, evidence = run(open_session(exported.files[precision]), images)
    task = exported.contract("fp32").task()
    logits = (evidence.astype(np.float64).mean((1, 2)) + task.bias) / task.temperature
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-logits)), rtol=0, atol=1e-5)


def test_int8_runs_in_one_piece(exported: Exported) -> None:
    found = placement(exported.files["int8"])
    assert found["xnnpack_partitions"] == 1
    # XNNPACK has no kernel from uint8 to int8: a change of zero point of the pixels, and nothing else, stays outside
    assert found["outside_xnnpack"] == ["QUANTIZE:int8"]
    assert found["places"]["LiteRT"] == {"QUANTIZE:int8": 1} and found["places"]["XNNPACK"]["CONV_2D:int8"] == 6
    assert found["stray_floats"] == []
    counts = found["types"]
    assert {key: counts[key] for key in counts if key.startswith(("CONV", "DEPTH", "PAD", "QUANT", "DEQUANT"))} == {
        "CONV_2D:int8": 6,
        "DEPTHWISE_CONV_2D:int8": 6,
        "PAD:int8": 4,
        "QUANTIZE:int8": 1,  # the pixels
        "DEQUANTIZE:float32": 1,  # the evidence map
    }


def kernels(data: bytes) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per convolution: weights float64 [channel, rest] in real units, and the scale per channel (ones if float)."""
    model = read_graph(data)
    graph, found = model.subgraphs[0], []
    for operator in graph.operators:
        name = operator_name(model, operator)
        if "CONV_2D" in name:
            tensor = graph.tensors[operator.inputs[1]]
            scale = tensor.quantization.scale if tensor.quantization is not None else None
            dtype = np.float32 if scale is None else np.int8
            values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), dtype).reshape(tensor.shape)
            channels = np.moveaxis(values, 3 if name.startswith("DEPTH") else 0, 0)
            flat = channels.reshape(len(channels), -1).astype(np.float64)
            scales = np.ones(len(flat)) if scale is None else np.asarray(scale, np.float64)
            found.append((flat * scales[:, None], scales))
    return found


def test_int8_kernels_keep_their_sums(exported: Exported) -> None:
    """Each channel's rounding errors cancel to half a step, pointwise and depthwise; none exceeds a step."""
    before, after = kernels(exported.float_model), kernels(exported.files["int8"].read_bytes())
    assert len(before) == len(after) == 12
    for (real, _), (rounded, scale) in zip(before, after, strict=True):
        errors = (rounded - real) / scale[:, None]
        assert np.abs(errors).max() <= 1.001
        assert np.abs(errors.sum(axis=1)).max() <= 0.51
        np.testing.assert_allclose(scale, np.abs(real).max(axis=1) / 127, rtol=1e-5)


def test_placement_tells_float_from_int8(exported: Exported) -> None:
    found = placement(exported.files["fp32"])
    assert found["types"]["CONV_2D:float32"] + found["types"]["DEPTHWISE_CONV_2D:float32"] == 12
    assert found["stray_floats"] == [], "in a float file float is what is meant"
    assert not [key for key in found["types"] if key.endswith(":int8")]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_file_takes_pixels_and_gives_floats(exported: Exported, precision: str) -> None:
    path = exported.files[precision]
    assert input_quantization(path) == (1 / 128, 128)
    graph = read_graph(path.read_bytes()).subgraphs[0]
    assert [tuple(graph.tensors[i].shape) for i in graph.inputs] == [(1, SIZE, SIZE, 1)]
    assert [(graph.tensors[i].name, tuple(graph.tensors[i].shape)) for i in graph.outputs] == [
        (b"probability", (1, 1)),
        (b"evidence", (1, 4, 4, 1)),
    ]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_graph_is_clean(exported: Exported, precision: str) -> None:
    """No operator that the network does not ask for, short names, nothing of the converter's own metadata."""
    data = exported.files[precision].read_bytes()
    model = read_graph(data)
    graph = model.subgraphs[0]
    names = {operator_name(model, operator) for operator in graph.operators}
    own = {"DEPTHWISE_CONV_2D", "CONV_2D", "PAD", "MEAN", "RESHAPE", "MUL", "ADD", "LOGISTIC", "DEQUANTIZE"}
    assert names == own | ({"QUANTIZE"} if precision == "int8" else set())
    assert max(len(tensor.name) for tensor in graph.tensors) <= len("probability")
    assert {m.name for m in model.metadata} >= {b"edgefrac.contract", b"edgefrac.sha256", b"TFLITE_METADATA"}
    assert b"CONVERSION_METADATA" not in data
    signature = model.signatureDefs[0]
    assert [(m.name, m.tensorIndex) for m in signature.inputs] == [(b"image", graph.inputs[0])]
    assert [m.name for m in signature.outputs] == [b"probability", b"evidence"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_buffers_are_aligned(exported: Exported, precision: str) -> None:
    """schema.fbs asks for force_align: 16 of Buffer.data."""
    data = exported.files[precision].read_bytes()
    filled = [place for buffer in Table.root(data).tables(4) if (place := buffer.vector(0)) is not None]
    assert len(filled) > 20
    assert [place.start % 16 for place in filled] == [0] * len(filled)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_same_arguments_same_bytes(exported: Exported, precision: str) -> None:
    assert exported.write(precision) == exported.files[precision].read_bytes()  # type: ignore[arg-type]


PROGRAM = """
import hashlib, json, sys
from pathlib import Path
from edgefrac.digest import file_sha256
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.exportable import from_checkpoint, identify
from edgefrac.quantization.plan import Plan
from edgefrac.targets import tflite
path, plan = Path(sys.argv[1]), Plan(**json.loads(sys.argv[2]))
network, header = load_checkpoint(path)
exportable, identity = from_checkpoint(network, header), identify(header, file_sha256(path))
model = tflite.convert_float(exportable)
for precision in ("fp32", "fp16", "int8"):
    contract = exportable.contract(precision, identity, "phantoms" if precision == "int8" else "")
    print(hashlib.sha256(tflite.write(model, contract, plan)).hexdigest())
"""


def test_another_process_converts_to_the_same_bytes(exported: Exported, tmp_path: Path) -> None:
    """From the checkpoint alone, with another order of hashes, in another time zone and folder."""
    surroundings = {**os.environ, "PYTHONHASHSEED": "4711", "TZ": "Asia/Kathmandu", "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(exported.checkpoint), json.dumps(asdict(exported.plan))],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=surroundings,
    )
    assert done.returncode == 0, done.stderr
    ours = [hashlib.sha256(exported.files[precision].read_bytes()).hexdigest() for precision in PRECISIONS]
    assert done.stdout.split() == ours


def test_calibration_keeps_the_pixels_exact(exported: Exported) -> None:
    ranges = exported.plan.ranges
    assert ranges["input"] == (-1.0, 127 / 128)
    assert all(low <= 0 <= high for low, high in ranges.values())
    relu6 = [high for key, (_, high) in ranges.items() if ":CONV_2D:" in key and "x64" in key]
    assert relu6 and max(relu6) <= 6


def test_the_plan_takes_out_what_int8_adds_to_the_logit(exported: Exported, tmp_path: Path) -> None:
    """The recorded shift is the one measured without correction; with it, none is left on the calibration images."""
    images = calibration_images()
    _, expected = run(open_session(exported.files["fp32"]), images)
    plain = tmp_path / "plain.tflite"
    uncorrected = replace(exported.plan, evidence_shift=())
    plain.write_bytes(tflite.write(exported.float_model, exported.contract("int8"), uncorrected))
    (shift,) = exported.plan.evidence_shift
    assert (run(open_session(plain), images)[1] - expected).mean() == pytest.approx(shift, abs=1e-4)
    assert shift != 0, "nothing to correct proves nothing"
    left = (run(open_session(exported.files["int8"]), images)[1] - expected).mean()
    assert abs(left) < abs(shift) / 2


def test_int8_without_a_plan(exported: Exported) -> None:
    with pytest.raises(ConversionError, match="int8 needs activation ranges") as caught:
        tflite.write(exported.float_model, exported.contract("int8"))
    assert "--calibration" in caught.value.hint


def test_ranges_of_another_graph(exported: Exported) -> None:
    ranges = exported.plan.ranges
    key = next(key for key in ranges if ":CONV_2D:" in key)
    other = Plan({(f"{k}x2" if k == key else k): v for k, v in ranges.items()})
    with pytest.raises(ConversionError, match="taken from another graph") as caught:
        tflite.write(exported.float_model, exported.contract("int8"), other)
    assert key in str(caught.value) and "--calibration" in caught.value.hint
    missing = Plan({k: v for k, v in ranges.items() if k != key})
    with pytest.raises(ConversionError, match="taken from another graph"):
        tflite.write(exported.float_model, exported.contract("int8"), missing)


def test_a_foreign_network_without_a_map(exported: Exported, tmp_path: Path, images: np.ndarray) -> None:
    foreign = load_external("tests.models.foreign:fully_connected", SIZE)
    path = tmp_path / "foreign.tflite"
    path.write_bytes(tflite.write(tflite.convert_float(foreign), foreign.contract("fp32", exported.identity)))
    session = open_session(path)
    assert not session.contract.has_evidence
    import torch

    from edgefrac.models.network import normalise

    with torch.inference_mode():
        expected = foreign.module(normalise(torch.from_numpy(images))[:, None]).numpy()
    predictions = [session.predict(image) for image in images]
    assert all(p.evidence is None for p in predictions)
    np.testing.assert_allclose(np.stack([p.probability for p in predictions]), expected, rtol=0, atol=1e-5)


def test_a_network_that_cannot_be_converted(exported: Exported) -> None:
    import torch
    from torch import nn

    from edgefrac.models.exportable import Exportable

    class Branches(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image.mean((2, 3)) if image.sum() > 0 else image.amax((2, 3))

    undecided = Exportable(Branches(), SIZE, (0, 0), exported.exportable.tasks, has_evidence=False)
    with pytest.raises(ConversionError, match="TFLite: the network cannot be converted") as caught:
        tflite.convert_float(undecided)
    assert "\n" not in str(caught.value)
