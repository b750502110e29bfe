"""benchmarks.saliency: other methods' maps of a small network, where arithmetic says what they must be."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
if find_spec("pytorch_grad_cam") is None:
    pytest.skip("grad-cam is not installed", allow_module_level=True)

import torch
from scipy.ndimage import convolve

from benchmarks.saliency import COSTLY, METHODS, OWN, compare, measure, table
from benchmarks.saliency_methods import finer_grad_cam, finer_stage, grad_cam, own, recipro_cam, score_cam
from benchmarks.saliency_session import Drawn, Maker
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.models.checkpoint import load_checkpoint, save_checkpoint
from edgefrac.models.network import FRACTURE, normalise, refined, with_scales
from edgefrac.progress import silent
from edgefrac.runtimes.torch import TorchSession
from edgefrac.trust import explanation_figures
from tests.models.networks import REGION, info, phantoms, talkative

IMAGE = phantoms(3)[2]
TASKS = (REGION, FRACTURE)  # the fracture's channel is not the first


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saliency") / "net.safetensors"
    save_checkpoint(path, talkative(TASKS), info(TASKS))
    return path


def said(checkpoint: Path) -> np.ndarray:
    """The network's evidence for a fracture in ``IMAGE``, [h, w]."""
    evidence = TorchSession(checkpoint).predict(IMAGE).evidence
    assert evidence is not None
    return evidence[:, :, 3]


def drawn(checkpoint: Path, maker: Maker) -> np.ndarray:
    """A method's map of ``IMAGE``, [h, w]."""
    evidence = Drawn(checkpoint, maker).predict(IMAGE).evidence
    assert evidence is not None and evidence.shape[2] == 1
    return evidence[:, :, 0]


def laid_over_0_to_1(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / (values.max() - values.min())


def test_grad_cam_is_the_evidence_map_without_its_negative_part(checkpoint: Path) -> None:
    positive = np.maximum(said(checkpoint), 0)
    assert 0 < np.count_nonzero(positive) < positive.size
    found = drawn(checkpoint, grad_cam)
    np.testing.assert_allclose(found, laid_over_0_to_1(positive), atol=1e-5)


def test_grad_cam_of_an_earlier_stage_weighs_channels_by_their_mean_gradient(checkpoint: Path) -> None:
    network = load_checkpoint(checkpoint)[0]
    assert finer_stage(network) is network.features[4]
    early = network.features[:5](normalise(torch.from_numpy(IMAGE)[None, None])).detach().requires_grad_()
    network.head(network.features[5:](early))[0][0, 3].backward()
    assert early.grad is not None
    expected = torch.relu((early.grad.mean((2, 3), keepdim=True) * early).sum(1))[0].detach().numpy()
    found = drawn(checkpoint, finer_grad_cam)
    np.testing.assert_allclose(found, laid_over_0_to_1(expected), atol=1e-4)


def test_recipro_cam_is_the_evidence_map_seen_through_its_gaussian(checkpoint: Path) -> None:
    """The head is linear, so asking it for nine weighted cells adds up nine weighted cells of the map."""
    evidence = said(checkpoint)
    blurred = convolve(evidence, np.outer([1, 2, 1], [1, 2, 1]) / 16, mode="constant")
    bias = load_checkpoint(checkpoint)[0].head.bias[3].item()
    expected = laid_over_0_to_1(1 / (1 + np.exp(-(blurred / evidence.size + bias))))
    found = drawn(checkpoint, recipro_cam)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_finer_map_of_two_scales_has_them_too(tmp_path: Path) -> None:
    """Recipro-CAM masks both scales alike, so it sees the mean of the finer cells through its Gaussian."""
    network = with_scales(refined(talkative(TASKS), 2), 2)
    assert network.head.earlier is not None
    torch.nn.init.normal_(network.head.earlier.weight, std=0.1)
    path = tmp_path / "fine.safetensors"
    save_checkpoint(path, network, info(TASKS, refinement=2, scales=2))
    sides = {name: len(drawn(path, maker)) for name, maker in METHODS.items()}
    assert sides == {OWN: 8, "Grad-CAM": 4, "Grad-CAM, half the stride": 8, "Recipro-CAM": 4, COSTLY: 4}
    cells = said(path).reshape(4, 2, 4, 2).mean((1, 3))
    blurred = convolve(cells, np.outer([1, 2, 1], [1, 2, 1]) / 16, mode="constant")
    expected = laid_over_0_to_1(1 / (1 + np.exp(-(blurred / cells.size + network.head.bias[3].item()))))
    np.testing.assert_allclose(drawn(path, recipro_cam), expected, atol=1e-4)


def test_score_cam_weighs_channels_by_what_they_let_through(checkpoint: Path) -> None:
    network = load_checkpoint(checkpoint)[0]
    with torch.inference_mode():
        image = normalise(torch.from_numpy(IMAGE)[None, None])
        features = network.features(image)[0]
        enlarged = torch.nn.functional.interpolate(
            features[:, None], image.shape[2:], mode="bilinear", align_corners=True
        )
        low, high = enlarged.amin((2, 3), keepdim=True), enlarged.amax((2, 3), keepdim=True)
        weights = network(image * (enlarged - low) / (high - low + 1e-8))[0][:, 3].softmax(0)
        expected = torch.relu((weights[:, None, None] * features).sum(0)).numpy()
    found = drawn(checkpoint, score_cam)
    np.testing.assert_allclose(found, laid_over_0_to_1(expected), atol=1e-4)


def test_a_session_answers_as_the_checkpoint_does(checkpoint: Path) -> None:
    inner, session = TorchSession(checkpoint), Drawn(checkpoint, own)
    answer = session.predict(IMAGE)
    assert answer.probability == pytest.approx(inner.predict(IMAGE).probability[3:], abs=1e-5)
    assert not session.milliseconds, "no map was asked for"
    np.testing.assert_allclose(drawn(checkpoint, own), said(checkpoint), atol=1e-5)
    again = session.predict(IMAGE.copy())
    assert again.evidence is answer.evidence and len(session.milliseconds) == 1
    assert session.contract.task().bias == inner.contract.task().bias
    assert Drawn(checkpoint, grad_cam).contract.task().bias == (0.0,)


def test_differences_are_paired_with_the_networks_own_map(checkpoint: Path) -> None:
    samples = [sample for sample in phantom_dataset(12, 9, longer_side=96).samples if sample.boxes][:3]
    sessions = {name: Drawn(checkpoint, maker) for name, maker in METHODS.items()}
    found = measure(sessions, samples, silent)
    judged = explanation_figures(TorchSession(checkpoint), samples)
    document = compare(found, samples)
    assert document["methods"][OWN]["auprc"] == pytest.approx(judged["auprc"], abs=1e-4)
    for name, difference in document["own_minus"].items():
        first, second = document["methods"][OWN], document["methods"][name]
        assert difference["energy"] == pytest.approx(first["energy"] - second["energy"])
    same = compare({OWN: found[OWN], "itself": found[OWN]}, samples)["own_minus"]["itself"]
    assert same["near"] == 0 and same["near_ci"] == [0, 0]
    assert table(document).count("\n") == 2 + 2 * len(METHODS) - 2 and COSTLY in table(document)
    assert len({len(session.milliseconds) for session in sessions.values()}) == 1
