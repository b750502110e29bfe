"""Looking at a network while it is trained changes nothing, and can end it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgefrac.models.network import FractureNet
from edgefrac.training.fit import TrainingSet, fit
from edgefrac.training.milestones import Milestones
from edgefrac.training.recipe import Optimiser, Recipe, Sampling, Stage
from tests.training.material import packed_phantoms

RECIPE = Recipe(
    name="small",
    architecture="tiny",
    pretrained=False,
    stages=(Stage(epochs=3, size=32),),
    sampling=Sampling(negatives_per_positive=1, phantom_share=0),
    optimiser=Optimiser(batch_size=4, learning_rate=3e-3, average_decay=0.8),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return packed_phantoms(12, 64, tmp_path_factory.mktemp("pack"))


def test_whoever_looks_gets_the_network_of_that_epoch_and_training_goes_on(data: TrainingSet, tmp_path: Path) -> None:
    seen: dict[int, FractureNet] = {}

    def spoil(epoch: int, network: FractureNet) -> None:
        seen[epoch] = network.eval()
        torch.manual_seed(0)
        network.head.bias.data += 100

    watched = fit(RECIPE, data, tmp_path / "a", resume=False, progress=False, callbacks=[Milestones([1, 3], spoil)])
    alone = fit(RECIPE, data, tmp_path / "b", resume=False, progress=False)
    assert list(seen) == [1, 3]
    first, last = (torch.cat([p.flatten() for p in seen[epoch].parameters()]) for epoch in (1, 3))
    assert not torch.equal(first, last)
    for name, value in alone.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name]), name


def test_an_error_ends_training(data: TrainingSet, tmp_path: Path) -> None:
    epochs = []

    def stop(epoch: int, network: FractureNet) -> None:
        epochs.append(epoch)
        raise LookupError

    with pytest.raises(LookupError):
        fit(RECIPE, data, tmp_path, resume=False, progress=False, callbacks=[Milestones([1, 2], stop)])
    assert epochs == [1]
