"""The loop: it learns, it goes on where it was, and an epoch of crops labels what is in view."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgefrac.errors import CheckpointError, UsageError
from edgefrac.models.checkpoint import save_checkpoint
from edgefrac.models.network import FractureNet
from edgefrac.training.cache import Pack
from edgefrac.training.fit import TrainingSet, fit
from edgefrac.training.recipe import Augmentation, Optimiser, Recipe, Sampling, Stage
from edgefrac.training.resume import SafetensorsIO
from edgefrac.training.task import FractureTask
from tests.models.networks import REGION, info, talkative
from tests.training.material import packed_phantoms

COUNT, PACKED = 24, 80
RECIPE = Recipe(
    name="small",
    architecture="tiny",
    pretrained=False,
    stages=(Stage(epochs=2, size=64, view=0.5), Stage(epochs=1, size=64)),
    sampling=Sampling(negatives_per_positive=1, phantom_share=0),
    optimiser=Optimiser(batch_size=8, learning_rate=3e-3, average_decay=0.8),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return packed_phantoms(COUNT, PACKED, tmp_path_factory.mktemp("pack"))


class PowerCut:
    """Images that can be read so many times."""

    def __init__(self, images: Any, reads: int) -> None:
        self.images, self.reads = images, reads

    def __getitem__(self, index: np.ndarray) -> Any:
        self.reads -= len(index)
        if self.reads < 0:
            raise RuntimeError("power cut")
        return self.images[index]


def assert_same(first: FractureNet, second: FractureNet) -> None:
    a, b = first.state_dict(), second.state_dict()
    assert list(a) == list(b)
    for name in a:
        assert torch.equal(a[name], b[name]), name


@pytest.mark.parametrize("reads", [COUNT + 9, 2 * COUNT + 9], ids=["in the second epoch", "in the last epoch"])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(data: TrainingSet, tmp_path: Path, reads: int) -> None:
    straight = fit(RECIPE, data, tmp_path / "straight", resume=False, progress=False)
    cut = replace(data, pack=replace(data.pack, images=PowerCut(data.pack.images, reads)))
    with pytest.raises(RuntimeError, match="power cut"):
        fit(RECIPE, cut, tmp_path / "cut", resume=False, progress=False)
    counted = PowerCut(data.pack.images, 1000)
    rest = replace(data, pack=replace(data.pack, images=counted))
    resumed = fit(RECIPE, rest, tmp_path / "cut", resume=True, progress=False)
    assert 1000 - counted.reads == (RECIPE.epochs - reads // COUNT) * COUNT, "it did not go on where it was"
    assert_same(resumed, straight)
    assert not straight.training and {p.device.type for p in straight.parameters()} == {"cpu"}


def test_a_run_cut_after_its_last_epoch_ends_with_the_same_weights(data: TrainingSet, tmp_path: Path) -> None:
    straight = fit(RECIPE, data, tmp_path, resume=False, progress=False)
    assert_same(fit(RECIPE, data, tmp_path, resume=True, progress=False), straight)


def test_the_averaged_weights_are_what_training_gives(data: TrainingSet, tmp_path: Path) -> None:
    short = RECIPE.model_copy(update={"stages": (Stage(epochs=1, size=64),)})
    network = fit(short, data, tmp_path, resume=False, progress=False)
    state = SafetensorsIO().load_checkpoint(tmp_path / "state.safetensors")
    for name, value in network.named_parameters():
        averaged, last = (state[kind][f"network.{name}"] for kind in ("state_dict", "current_model_state"))
        assert torch.equal(value, averaged) and not torch.equal(value, last), name


def test_resuming_where_nothing_was_kept_starts_from_the_beginning(data: TrainingSet, tmp_path: Path) -> None:
    short = RECIPE.model_copy(update={"stages": (Stage(epochs=1, size=64),)})
    assert_same(
        fit(short, data, tmp_path / "a", resume=True, progress=False),
        fit(short, data, tmp_path / "b", resume=False, progress=False),
    )


def test_a_damaged_state_is_named(data: TrainingSet, tmp_path: Path) -> None:
    (tmp_path / "state.safetensors").write_bytes(b"half a file")
    with pytest.raises(CheckpointError, match=r"state\.safetensors: corrupt training state"):
        fit(RECIPE, data, tmp_path, resume=True, progress=False)


def test_it_learns_to_tell_bright_from_dark(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(COUNT) % 2
    images = rng.integers(0, 60, (COUNT, PACKED, PACKED), dtype=np.uint8)
    masks = np.zeros((COUNT, PACKED // 4, PACKED // 4), np.uint8)
    images[labels == 1, 20:60, 20:60] += 150
    masks[labels == 1, 5:15, 5:15] = 255
    made = Pack(images, masks, tuple(range(COUNT)), ("",) * COUNT, ())
    quick = RECIPE.model_copy(update={"stages": (Stage(epochs=12, size=64),)})
    network = fit(
        quick,
        TrainingSet(made, np.arange(COUNT), labels, np.zeros(COUNT, bool), np.ones(COUNT, bool)),
        tmp_path,
        resume=False,
        progress=False,
    )
    with torch.inference_mode():
        logits, evidence = network((torch.from_numpy(images).float()[:, None] - 128) / 128)
    scores = logits[:, 0].numpy()
    assert scores[labels == 1].min() > scores[labels == 0].max()
    bright = evidence[labels == 1, 0].mean(0)
    assert bright[1:4, 1:4].mean() > bright[0].mean(), "the map was not taught where to look"


def task(**changes: Any) -> FractureTask:
    made = FractureTask(RECIPE.model_copy(update=changes), steps=10)
    made._trainer = SimpleNamespace(training=True, current_epoch=0, global_step=0, global_rank=0)  # type: ignore[assignment]
    return made


def test_a_crops_label_is_whether_its_fracture_is_in_view() -> None:
    images = torch.full((64, 1, 128, 128), 60, dtype=torch.uint8)
    masks = torch.zeros((64, 1, 32, 32), dtype=torch.uint8)
    images[:, :, 40:60, 40:60], masks[:, :, 10:15, 10:15] = 250, 255
    known = torch.ones(64)
    known[32:] = 0
    batch = {"image": images, "mask": masks, "label": torch.ones(64, 1), "known": known}
    warp = Augmentation(rotation_degrees=0, scale=0, shift=1, flip=False, gamma=0, contrast=0, blur=0, noise=0)
    crops = task(augmentation=warp, stages=(Stage(epochs=1, size=64, view=0.25),))
    seen = []
    for step in range(4):
        crops._trainer.global_step = step
        out = crops.on_after_batch_transfer(dict(batch), 0)
        pixels = (out["image"] > 150).sum((1, 2, 3))
        assert out["label"][:32][pixels[:32] == 0].sum() == 0
        assert out["label"][:32][pixels[:32] > 150].all()
        assert out["label"][32:].all(), "where the mask is not known, the image's label stands"
        seen.append(pixels[:32])
    shown = torch.cat(seen)
    assert (shown == 0).any() and (shown > 150).any()


def test_every_step_warps_in_its_own_way() -> None:
    batch = {
        "image": torch.randint(0, 255, (2, 1, 80, 80), generator=torch.Generator().manual_seed(0)).byte(),
        "mask": torch.zeros((2, 1, 20, 20), dtype=torch.uint8),
        "label": torch.ones(2, 1),
        "known": torch.ones(2),
    }

    def image(step: int, seed: int = 7) -> torch.Tensor:
        made = task(stages=(Stage(epochs=1, size=64),), seed=seed)
        made._trainer.global_step = step
        return made.on_after_batch_transfer(dict(batch), 0)["image"]

    assert torch.equal(image(3), image(3))
    assert not torch.equal(image(3), image(4)) and not torch.equal(image(3), image(3, seed=8))


def test_whole_images_keep_their_label() -> None:
    whole = task(stages=(Stage(epochs=1, size=64),))
    batch = {
        "image": torch.zeros((2, 1, 80, 80), dtype=torch.uint8),
        "mask": torch.zeros((2, 1, 20, 20), dtype=torch.uint8),
        "label": torch.tensor([[1.0], [0.0]]),
        "known": torch.ones(2),
    }
    assert whole.on_after_batch_transfer(batch, 0)["label"].tolist() == [[1.0], [0.0]]


def test_frozen_stages_do_not_move() -> None:
    frozen = task(architecture="efficientnet-lite0", optimiser=RECIPE.optimiser.model_copy(update={"freeze_stages": 2}))
    frozen.train()
    net = frozen.network.features.net
    for module in (net.conv_stem, net.bn1, net.blocks[0], net.blocks[1]):
        assert not module.training and not any(p.requires_grad for p in module.parameters())
    assert net.blocks[2].training and all(p.requires_grad for p in net.blocks[2].parameters())
    optimised = {id(p) for group in frozen.configure_optimizers()["optimizer"].param_groups for p in group["params"]}
    assert optimised == {id(p) for p in frozen.parameters() if p.requires_grad}


@pytest.mark.parametrize(("architecture", "convolutions"), [("vgg16", 7), ("resnet18", 10), ("micro", 11)])
def test_any_backbone_can_be_frozen(architecture: str, convolutions: int) -> None:
    """Stem and two stages: counted in the published architecture, or for 'micro' in its own."""
    frozen = task(architecture=architecture, optimiser=RECIPE.optimiser.model_copy(update={"freeze_stages": 2}))
    frozen.train()
    still = [m for m in frozen.network.modules() if isinstance(m, nn.Conv2d) and not m.weight.requires_grad]
    assert len(still) == convolutions
    assert still == [m for m in frozen.network.modules() if isinstance(m, nn.Conv2d)][:convolutions]
    assert all(not m.training for m in still)


def test_more_stages_than_there_are_cannot_be_frozen() -> None:
    with pytest.raises(UsageError, match="freeze_stages: 9 stages to freeze, but 'tiny' has 5"):
        task(optimiser=RECIPE.optimiser.model_copy(update={"freeze_stages": 9}))


def test_a_checkpoint_to_start_from_stands_in_for_pretrained_weights(tmp_path: Path) -> None:
    start = tmp_path / "net.safetensors"
    save_checkpoint(start, FractureNet("micro"), info(architecture="micro"))
    task(architecture="micro", pretrained=True, start_from=str(start))
    with pytest.raises(UsageError, match="micro: there are no ImageNet weights of it"):
        task(architecture="micro", pretrained=True)


def test_starting_from_a_checkpoint_of_the_fold(tmp_path: Path) -> None:
    trained = talkative()
    (tmp_path / "fold0").mkdir()
    save_checkpoint(tmp_path / "fold0" / "net.safetensors", trained, info())
    started = task(start_from=str(tmp_path / "fold{fold}" / "net.safetensors"), stages=(Stage(epochs=1, size=64),))
    for name, value in trained.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(started.network.state_dict()[name], value), name


def test_starting_from_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_checkpoint(path, talkative((REGION,)), info((REGION,)))
    with pytest.raises(CheckpointError, match="holds 'tiny' for region, not 'tiny'"):
        task(start_from=str(path))
