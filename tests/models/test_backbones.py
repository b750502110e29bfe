"""What every backbone owes: an exact map, a checkpoint that comes back, folding, int8 preparation, TFLite files."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from edgefrac.models.checkpoint import load_checkpoint, save_checkpoint
from edgefrac.models.equalization import equalize
from edgefrac.models.exportable import from_checkpoint, identify
from edgefrac.models.folding import fold
from edgefrac.models.inference import infer
from edgefrac.models.network import FractureNet, channels_last, normalise
from edgefrac.models.registry import available, create
from edgefrac.progress import silent
from edgefrac.runtimes.session import open_session
from edgefrac.targets import tflite
from edgefrac.targets.tflite_graph import operator_name, read_graph
from edgefrac.targets.tflite_placement import placement
from edgefrac.targets.tflite_quantize import calibrate
from edgefrac.training.hardening import HardeningTask
from edgefrac.training.recipe import Int8, Recipe, Stage
from tests.models.networks import SIZE, info, lively, phantoms

NEW = (
    "micro",
    "mobilenetv2",
    "mobilenetv3-large",
    "mobilenetv3-small",
    "mobileone-s0",
    "resnet18",
    "resnet50",
    "vgg16",
)
LARGE = ("mobilenetv3-large", "resnet50")  # more of what their siblings are made of
# int8 has no kernels for the hard-swish and squeeze-and-excitation of these
MIXED = ("mobilenetv3-large", "mobilenetv3-small")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return phantoms(8, seed=41)


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in NEW],
)
def network(request: pytest.FixtureRequest, images: np.ndarray) -> FractureNet:
    return lively(request.param, images)


@pytest.fixture
def folded(network: FractureNet) -> FractureNet:
    return fold(copy.deepcopy(network))


def test_the_map_adds_up_to_the_logit(network: FractureNet, images: np.ndarray) -> None:
    logits, evidence = infer(network, images, silent)
    side = SIZE // network.stride
    assert logits.shape == (8, 1) and evidence.shape == (8, side, side, 1)
    assert np.abs(logits).max() > 0.1 and np.ptp(evidence) > 1, "a test on zeros proves nothing"
    np.testing.assert_allclose(evidence.mean((1, 2)) + network.head.bias.detach().numpy(), logits, atol=1e-5)


def test_a_folded_checkpoint_comes_back(
    network: FractureNet, folded: FractureNet, images: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "net.safetensors"
    save_checkpoint(path, folded, info(architecture=folded.architecture))
    expected, _ = infer(network, images, silent)
    found, _ = infer(load_checkpoint(path)[0], images, silent)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    for module in folded.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert not module.running_mean.any() and torch.equal(module.weight, torch.ones_like(module.weight))


def test_it_can_be_prepared_for_int8(folded: FractureNet, images: np.ndarray) -> None:
    teacher = copy.deepcopy(folded)
    equalized = equalize(folded, images)
    with torch.no_grad():
        assert torch.isfinite(folded(normalise(torch.from_numpy(images))[:, None])[0]).all()
    assert (equalized > 0) == (folded.architecture in ("micro", "mobilenetv2", *MIXED))
    recipe = Recipe(name="r", stages=(Stage(epochs=1, size=SIZE),), int8=Int8(epochs=1))
    task = HardeningTask(folded, teacher, recipe, steps=2).train()
    task.trainer = SimpleNamespace(current_epoch=0, global_step=0)  # type: ignore[assignment]
    task.log_dict = lambda *_, **__: None  # type: ignore[method-assign, assignment]
    trained = [p for group in task.configure_optimizers()["optimizer"].param_groups for p in group["params"]]
    assert {id(p) for p in trained} == {id(p) for p in task.parameters() if p.requires_grad}
    task.training_step({"image": torch.from_numpy(images)[:, None]}, 0).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in trained if p is not folded.head.bias)
    assert len(task.biases) == sum(name.endswith("bias") for name, _ in folded.named_parameters()) - 1  # the head's
    task.hardened()


def test_tflite_files_compute_what_it_computes(folded: FractureNet, images: np.ndarray, tmp_path: Path) -> None:
    header = info(architecture=folded.architecture)
    channels_last(folded)  # as training and measuring leave a network
    exportable = from_checkpoint(folded, header)
    graph = tflite.convert_float(exportable)
    model = read_graph(graph)
    assert "TRANSPOSE" not in {operator_name(model, operator) for operator in model.subgraphs[0].operators}
    plan = calibrate(graph, images, silent)
    with torch.inference_mode():
        outputs = exportable.module(normalise(torch.from_numpy(images))[:, None])
    probability, evidence = outputs[0].numpy(), outputs[1].permute(0, 2, 3, 1).numpy()
    assert np.ptp(probability) > 0.02
    found = {}
    for precision in ("fp32", "int8"):
        path = tmp_path / f"{precision}.tflite"
        path.write_bytes(tflite.write(graph, exportable.contract(precision, identify(header, "0" * 64)), plan))
        predictions = [open_session(path).predict(image) for image in images]
        found[precision] = [np.stack([getattr(p, n) for p in predictions]) for n in ("probability", "evidence")]
    np.testing.assert_allclose(found["fp32"][0], probability, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found["fp32"][1], evidence, rtol=0, atol=1e-4)
    correlation = np.corrcoef(found["int8"][1].ravel(), evidence.ravel())[0, 1]
    assert correlation > 0.8, "loose, for no training has evened out these weights"
    types = placement(path)["types"]
    assert not any(key.startswith(("CONV", "DEPTH", "MAX", "PAD")) and not key.endswith("int8") for key in types)
    assert ("HARD_SWISH:float32" in types) == (folded.architecture in MIXED)
    assert types["QUANTIZE:int8"] == 1 or folded.architecture in MIXED


@pytest.mark.parametrize("name", available())
def test_stages_are_the_network_in_order(name: str) -> None:
    built = create(name, pretrained=False)
    built.features.eval()
    image = torch.rand(1, 1, SIZE, SIZE) * 2 - 1
    with torch.inference_mode():
        passed = image
        for stage in built.stages:
            passed = stage(passed)
        torch.testing.assert_close(passed, built.features(image))
    assert passed.shape == (1, built.channels, SIZE // built.stride, SIZE // built.stride)


def test_mobileone_trains_at_256_pixels() -> None:
    """In a process of its own: a stem of 1×1 convolutions with stride 2 ended it by a segmentation fault."""
    script = """
import torch
from edgefrac.models.network import channels_last
from edgefrac.models.registry import create
stem = channels_last(create("mobileone-s0", pretrained=False).features[0]).train()
images = torch.rand(16, 1, 256, 256).to(memory_format=torch.channels_last)
stem(images).square().mean().backward()
branch = stem.conv_scale.conv
plain = torch.nn.functional.conv2d(images, branch.weight, stride=2)
assert torch.equal(plain, branch(images)) and branch.weight.grad.abs().max() > 0
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0, f"{ended.returncode}: {ended.stderr}"
