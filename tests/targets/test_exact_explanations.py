"""The map is the answer: in every format and precision it adds up to it, and is what saliency methods approximate.

Methods: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) as the package grad-cam computes it, by automatic
differentiation, and Recipro-CAM (Byun & Lee 2022, arXiv:2209.14074), which asks the network about one cell at a time.
A second scale of features is read by kernels of 2×2, whose places differ: HiResCAM (Draelos & Carin 2020,
arXiv:2011.08891) keeps them apart, and is Grad-CAM where there is one place.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edgefrac.models import torchvision_shim  # noqa: E402

torchvision_shim.install()  # pytorch_grad_cam imports torchvision
for module in ("litert_torch", "onnxruntime", "openvino", "pytorch_grad_cam"):
    pytest.importorskip(module)

from pytorch_grad_cam import GradCAM, HiResCAM  # noqa: E402
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # noqa: E402
from torch import nn  # noqa: E402

from benchmarks.saliency_methods import Logits  # noqa: E402
from edgefrac.contract import Precision  # noqa: E402
from edgefrac.models.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from edgefrac.models.exportable import ExportNet  # noqa: E402
from edgefrac.models.folding import fold  # noqa: E402
from edgefrac.models.layers import layers_of  # noqa: E402
from edgefrac.models.network import FRACTURE, FractureNet, normalise, refined, with_scales  # noqa: E402
from edgefrac.pipeline.quantizing import carried_exact  # noqa: E402
from edgefrac.pipeline.recipe import ExportRecipe  # noqa: E402
from edgefrac.pipeline.subject import Subject, load_subject  # noqa: E402
from edgefrac.progress import silent  # noqa: E402
from edgefrac.quantization.calibration import observed_ranges  # noqa: E402
from edgefrac.quantization.grids import make_plan  # noqa: E402
from edgefrac.quantization.integers import IntegerNetwork, to_integers  # noqa: E402
from edgefrac.runtimes.session import open_session  # noqa: E402
from edgefrac.targets.registry import find  # noqa: E402
from tests.models.networks import REGION, info, phantoms, talkative  # noqa: E402

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
IMAGES = 8
SAID = (0.02, 0.98)  # between these, half a float32 step of a probability is at most 1.5e-6 log-odds
HALF = 2.0**-11  # float16 rounds by at most this share of a number

Graphs = Callable[[str], Any]


@dataclass(frozen=True)
class Explained:
    """A network, network inputs uint8 [N, S, S], its files by "TARGET PRECISION", and how alike int8's maps are."""

    network: FractureNet
    images: np.ndarray
    files: dict[str, Path]
    int8: float


def explained(subject: Subject, integers: IntegerNetwork, graph_of: Graphs, folder: Path, int8: float) -> Explained:
    files = {}
    for name in ("tflite", "onnx", "openvino"):
        target, graph = find(name), graph_of(name)
        for precision in PRECISIONS:
            path = files[f"{name} {precision}"] = folder / f"{precision}{target.suffix}"
            contract = target.promise(subject.exportable.contract(precision, subject.identity))
            if precision == "int8":
                target.write_integers(integers, contract, path)
            else:
                target.write(graph, contract, None, path)
    network, _ = load_checkpoint(subject.path)
    images = phantoms(3 * IMAGES, seed=5, size=subject.exportable.size)
    with torch.no_grad():
        answers = [subject.exportable.module(normalise(torch.from_numpy(image))[None, None])[0] for image in images]
    said = [bool(((answer > SAID[0]) & (answer < SAID[1])).all()) for answer in answers]
    return Explained(network.eval(), images[said][:IMAGES], files, int8)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Explained:
    """Random weights that float16 does not hold, four channels, a map of two scales, twice as fine as its features."""
    folder, tasks = tmp_path_factory.mktemp("small"), (FRACTURE, REGION)
    network = with_scales(refined(talkative(tasks), 2), 2)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        network.head.conv.weight.add_(torch.randn(network.head.conv.weight.shape, generator=generator), alpha=0.1)
        assert network.head.earlier is not None
        network.head.earlier.weight.normal_(std=0.02, generator=generator)
    save_checkpoint(folder / "small.safetensors", fold(network), info(tasks, refinement=2, scales=2, metrics={}))
    subject = load_subject(folder / "small.safetensors", None, ExportRecipe())
    exported = subject.exportable.module
    assert isinstance(exported, ExportNet)
    graph = layers_of(exported.evidence)
    plan = make_plan(graph, observed_ranges(graph, phantoms(24, seed=21), silent), "tiny", "phantoms")
    integers = to_integers(graph, plan, exported.inverse_temperature.numpy(), exported.offset.numpy())
    return explained(subject, integers, lambda name: find(name).convert(subject.exportable), folder, 0.95)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, reference_float_model: bytes) -> Explained:
    """The bundled reference."""
    subject = load_subject(None, None, ExportRecipe())

    def graph_of(name: str) -> Any:
        return reference_float_model if name == "tflite" else find(name).convert(subject.exportable)

    return explained(subject, carried_exact(subject).network, graph_of, tmp_path_factory.mktemp("reference"), 0.99)


@pytest.fixture(params=["small", pytest.param("reference", marks=pytest.mark.slow)])
def model(request: pytest.FixtureRequest) -> Explained:
    made: Explained = request.getfixturevalue(request.param)
    assert len(made.images) == IMAGES, "too few phantoms that are neither clearly whole nor clearly fractured"
    return made


def batch(images: np.ndarray) -> torch.Tensor:
    return normalise(torch.from_numpy(images))[:, None]


def grad_cam(network: FractureNet, images: np.ndarray) -> np.ndarray:
    """Grad-CAM before its ReLU and scaling: one map a channel, [N, K, h, w] on the cells of the last features."""
    if network.scales == 1:
        return attributed(GradCAM, network, network.features, images)
    network, branch = copy.deepcopy(network), Branch()
    assert network.head.earlier is not None
    network.head.earlier = nn.Sequential(branch, network.head.earlier)
    earlier = attributed(HiResCAM, network, branch, images)
    return attributed(GradCAM, network, network.stages[-1], images) + 4 * cell_means(earlier, 2)


class Branch(nn.Module):
    """Where features go to the head alone: what they say by way of later features is those features' part."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features.clone()


def attributed(kind: type[GradCAM], network: FractureNet, layer: nn.Module, images: np.ndarray) -> np.ndarray:
    maps = []
    for channel in range(len(network.head.bias)):
        with kind(Logits(network), [layer]) as method:
            method(batch(images), [ClassifierOutputTarget(channel)] * len(images))
            seen = method.activations_and_grads
            kept = (seen.activations[0].numpy(), seen.gradients[0].numpy())
            maps.append(method.get_cam_image(batch(images), layer, [], *kept, eigen_smooth=False))
    return np.stack(maps, axis=1)


def recipro_cam(network: FractureNet, features: torch.Tensor, earlier: torch.Tensor | None) -> np.ndarray:
    """Probabilities [h·w, K] of one image's ``features`` [1, C, h, w] with all cells at nought but one."""
    _, _, height, width = features.shape
    kept = torch.eye(height * width, dtype=features.dtype).reshape(-1, 1, height, width)
    if earlier is None:
        return network.head(features * kept)[0].sigmoid().numpy()
    under = kept.repeat_interleave(2, 2).repeat_interleave(2, 3)
    return network.head(features * kept, earlier * under)[0].sigmoid().numpy()


def cell_means(evidence: np.ndarray, refinement: int) -> np.ndarray:
    """Maps [..., rh, rw] -> [..., h, w], their means over the cells of the features."""
    *others, height, width = evidence.shape
    apart = evidence.reshape(*others, height // refinement, refinement, width // refinement, refinement)
    return apart.mean((-3, -1))


def test_the_map_adds_up_to_the_answer_by_the_contract_of_every_file(model: Explained) -> None:
    """As far as a float32 probability tells; in int8 too, since what codes stand for is averaged in float32.

    OpenVINO's float16 files hold the calibration in float16.
    """
    for name, path in model.files.items():
        session = open_session(path)
        bias = np.concatenate([task.bias for task in session.contract.tasks])
        temperature = np.concatenate([[task.temperature] * task.channels for task in session.contract.tasks])
        rounded = HALF if name == "openvino fp16" else 0
        for image in model.images:
            answer = session.predict(image)
            assert answer.evidence is not None
            mean, p = answer.evidence.astype(np.float64).mean((0, 1)), answer.probability.astype(np.float64)
            difference = np.abs(mean + bias - temperature * np.log(p / (1 - p)))
            assert (difference <= 1e-5 + rounded * (np.abs(mean) + np.abs(bias))).all(), (name, difference)


def test_the_map_is_grad_cam_before_its_relu(model: Explained) -> None:
    """Not just up to scale: times the number of cells they are the same numbers, less the second scale's bias."""
    head = model.network.head
    with torch.no_grad():
        evidence = model.network(batch(model.images))[1].numpy()
        channels = evidence.shape[1]
        bias = 0 if head.earlier is None else head.earlier.bias.reshape(-1, channels).mean(0)[:, None, None].numpy()
    means = cell_means(evidence, head.refinement) - bias
    maps = grad_cam(model.network, model.images)
    np.testing.assert_allclose(maps * means[0, 0].size, means, rtol=0, atol=1e-5 * np.abs(means).max())


def test_every_file_gives_the_map_that_grad_cam_computes(model: Explained) -> None:
    """Pearson correlation over the cells of each map, with Grad-CAM of the float32 network."""
    wanted = grad_cam(model.network, model.images)
    for name, path in model.files.items():
        session, least = open_session(path), model.int8 if name.endswith("int8") else 0.9999
        for image, maps in zip(model.images, wanted, strict=True):
            evidence = session.predict(image).evidence
            assert evidence is not None
            found = cell_means(evidence.transpose(2, 0, 1), model.network.head.refinement)
            alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(found, maps, strict=True)]
            assert min(alike) >= least, (name, alike)


def test_cells_rank_as_when_each_is_shown_to_the_head_alone(model: Explained) -> None:
    """In float64, where no two cells are alike."""
    network = copy.deepcopy(model.network).double()
    for image in model.images:
        with torch.no_grad():
            features, earlier = network.read(batch(image[None]).double())
            evidence = network(batch(image[None]).double())[1][0].numpy()
            shown = recipro_cam(network, features, earlier)
        for channel, means in enumerate(cell_means(evidence, network.head.refinement)):
            assert np.ptp(means) > 0.1, "a map that says nothing"
            np.testing.assert_array_equal(np.argsort(shown[:, channel]), np.argsort(means.ravel()))
