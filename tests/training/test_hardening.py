"""Hardening: the network still says what its teacher says, and int8 rounding moves it less."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from edgefrac.models.folding import fold
from edgefrac.models.network import FractureNet, normalise
from edgefrac.quantization.rounding import LARGEST
from edgefrac.training.fit import TrainingSet, fit
from edgefrac.training.hardening import HardeningTask, RoundingNoise, harden, put_on_grid
from edgefrac.training.recipe import Int8, Optimiser, Recipe, Sampling, Stage
from tests.models.networks import phantoms, talkative
from tests.training.material import packed_phantoms

COUNT, PACKED = 48, 80
RECIPE = Recipe(
    name="small",
    architecture="tiny",
    pretrained=False,
    stages=(Stage(epochs=1, size=64),),
    sampling=Sampling(negatives_per_positive=1, phantom_share=0),
    optimiser=Optimiser(batch_size=8),
    int8=Int8(epochs=3, noise=20, learning_rate=5e-3),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return packed_phantoms(COUNT, PACKED, tmp_path_factory.mktemp("pack"))


@pytest.fixture
def images() -> torch.Tensor:
    return normalise(torch.from_numpy(phantoms(8, seed=6)))[:, None]


@pytest.fixture(scope="module")
def trained(data: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> FractureNet:
    recipe = RECIPE.model_copy(
        update={"stages": (Stage(epochs=12, size=64),), "optimiser": Optimiser(batch_size=8, learning_rate=3e-3)}
    )
    return fold(fit(recipe, data, tmp_path_factory.mktemp("fit"), resume=False, progress=False))


def error_under_noise(network: FractureNet, wanted: torch.Tensor, images: torch.Tensor) -> float:
    """Mean squared difference of the logits of the network under rounding noise from ``wanted``."""
    noise = RoundingNoise(network, 20.0)
    noise.generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        moved = torch.stack([network(images)[0] - wanted for _ in range(20)])
    noise.remove()
    return float(moved.square().mean())


def test_under_noise_it_says_what_its_teacher_says_without(
    trained: FractureNet, data: TrainingSet, images: torch.Tensor, tmp_path: Path
) -> None:
    network = copy.deepcopy(trained)
    with torch.inference_mode():
        wanted = trained(images)[0]
    before = error_under_noise(network, wanted, images)
    recipe = RECIPE.model_copy(update={"int8": Int8(epochs=16, noise=20, learning_rate=5e-3)})
    hardened = harden(network, trained, recipe, data, tmp_path, resume=False, progress=False)
    assert error_under_noise(hardened, wanted, images) < 0.75 * before
    with torch.inference_mode():
        assert torch.equal(trained(images)[0], wanted)


def test_weights_end_on_their_int8_grid(data: TrainingSet, tmp_path: Path) -> None:
    network = fold(talkative())
    hardened = harden(network, copy.deepcopy(network), RECIPE, data, tmp_path, resume=False, progress=False)
    for module in hardened.modules():
        if isinstance(module, nn.Conv2d):
            flat = module.weight.detach().flatten(1)
            steps = flat / flat.abs().amax(1, keepdim=True) * LARGEST
            assert (steps - steps.round()).abs().max() < 1e-3
            again = module.weight.detach().clone()
    put_on_grid(hardened)
    assert torch.equal(again, [m for m in hardened.modules() if isinstance(m, nn.Conv2d)][-1].weight)


def test_it_goes_on_where_it_was(data: TrainingSet, tmp_path: Path) -> None:
    def hardened(folder: Path, epochs: int, resume: bool) -> FractureNet:
        start = fold(talkative())
        recipe = RECIPE.model_copy(update={"int8": RECIPE.int8.model_copy(update={"epochs": epochs})})
        return harden(start, copy.deepcopy(start), recipe, data, folder, resume=resume, progress=False)

    finished = hardened(tmp_path, 2, resume=False)
    again = hardened(tmp_path, 2, resume=True)  # nothing is left to do
    for name, value in finished.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    untrained = put_on_grid(fold(talkative()))
    assert not torch.equal(finished.head.conv.weight, untrained.head.conv.weight)


def test_noise_has_the_size_of_rounding_and_spares_saturated_values(images: torch.Tensor) -> None:
    network = fold(talkative())
    seen: list[torch.Tensor] = []
    network.features[2].register_forward_hook(lambda _m, _i, o: seen.append(o))
    noise = RoundingNoise(network, 4.0)
    network.features[2].register_forward_hook(lambda _m, _i, o: seen.append(o))
    with torch.inference_mode():
        network(images)
    clean, noisy = seen
    step = float(clean.max() - clean.min()) / 255
    difference = noisy - clean
    inside = (clean > clean.min()) & (clean < clean.max())
    assert not difference[~inside].any() and (difference[inside] != 0).float().mean() > 0.99
    assert 1.9 * step < float(difference.abs().max()) <= 2.001 * step
    assert abs(float(difference[inside].std()) - 4 * step / 12**0.5) < 0.05 * step
    noise.remove()
    with torch.inference_mode():
        network(images)
    assert torch.equal(seen[-1], clean)


def test_each_weight_changes_in_proportion_to_its_size(images: torch.Tensor) -> None:
    network = fold(talkative())
    task = HardeningTask(network, copy.deepcopy(network), RECIPE, steps=10)
    optimised = {id(p) for group in task.configure_optimizers()["optimizer"].param_groups for p in group["params"]}
    assert optimised == {id(p) for p in task.parameters() if p.requires_grad}
    convolution = network.features[0]
    before = convolution.weight.detach().clone()
    task.changes[0].change.data.fill_(0.01)
    torch.testing.assert_close(convolution.weight.detach(), before * 1.01)
    assert not task.train().network.training


def test_one_noise_for_a_normalisation_that_includes_its_activation() -> None:
    network = FractureNet("efficientnet-lite0")
    noise = RoundingNoise(network, 1.0)
    # 1 stem, 15 + 16 + 16 in the blocks, 9 sums, 1 last, 1 map
    assert len(noise._handles) == 1 + 15 + 16 + 16 + 9 + 1 + 1 + 0
