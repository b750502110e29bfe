"""What can happen to a run: losses that are no numbers, a full disk, other arithmetic, a cut with everything on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from edgefrac.errors import OutputError, TrainingError, UsageError
from edgefrac.models.checkpoint import save_checkpoint
from edgefrac.training.cache import Pack
from edgefrac.training.fit import TrainingSet, batches, fit
from edgefrac.training.processes import Processes
from edgefrac.training.recipe import Augmentation, Distillation, Imbalance, Optimiser, Recipe, Sampling, Stage
from edgefrac.training.resume import SafetensorsIO
from edgefrac.training.task import FractureTask, step_generator
from tests.disk import full_disk
from tests.models.networks import info, talkative
from tests.training.material import packed_phantoms
from tests.training.test_fit import PowerCut, assert_same

COUNT, STEPS = 24, 3
RECIPE = Recipe(
    name="small",
    architecture="tiny",
    pretrained=False,
    stages=(Stage(epochs=3, size=64),),
    sampling=Sampling(negatives_per_positive=1, phantom_share=0),
    optimiser=Optimiser(batch_size=8, learning_rate=3e-3, average_decay=0.8),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return packed_phantoms(COUNT, 80, tmp_path_factory.mktemp("pack"))


Step = Callable[[FractureTask, dict[str, torch.Tensor], int], torch.Tensor]


def at_step(number: int, spoil: Callable[[FractureTask, torch.Tensor], torch.Tensor]) -> Step:
    """A training step whose loss is ``spoil``ed once, at the given step."""
    honest = FractureTask.training_step

    def training_step(self: FractureTask, batch: dict[str, torch.Tensor], index: int) -> torch.Tensor:
        loss = honest(self, batch, index)
        return spoil(self, loss) if self.global_step == number else loss

    return training_step


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_and_keeps_the_last_epoch(
    data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    straight = fit(RECIPE, data, tmp_path / "straight", resume=False, progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(FractureTask, "training_step", at_step(STEPS + 1, lambda _, loss: loss * value))
        with pytest.raises(TrainingError, match=rf"loss is {value} at step {STEPS + 1} \(epoch 1\)") as caught:
            fit(RECIPE, data, tmp_path / "run", resume=False, progress=False)
    assert "learning_rate" in caught.value.hint
    kept = SafetensorsIO().load_checkpoint(tmp_path / "run" / "state.safetensors")
    assert kept["global_step"] == STEPS
    assert_same(fit(RECIPE, data, tmp_path / "run", resume=True, progress=False), straight)


def test_weights_that_are_no_numbers_are_not_kept(
    data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step of an epoch: its loss is finite, its gradient is not, and no loss follows to tell."""

    def spoil(task: FractureTask, loss: torch.Tensor) -> torch.Tensor:
        nothing = task.network.head.bias - task.network.head.bias.detach()
        return loss + nothing.abs().sqrt().sum()  # the square root's slope at 0 is infinite

    monkeypatch.setattr(FractureTask, "training_step", at_step(2 * STEPS - 1, spoil))
    with pytest.raises(TrainingError, match=r"head\.bias is not finite at step 6 \(epoch 1\)"):
        fit(RECIPE, data, tmp_path, resume=False, progress=False)
    assert SafetensorsIO().load_checkpoint(tmp_path / "state.safetensors")["global_step"] == STEPS


def test_on_a_full_disk_the_last_epoch_stays(data: TrainingSet, tmp_path: Path) -> None:
    straight = fit(RECIPE, data, tmp_path / "straight", resume=False, progress=False)
    run = tmp_path / "run"
    cut = replace(data, pack=replace(data.pack, images=PowerCut(data.pack.images, COUNT + 9)))
    with pytest.raises(RuntimeError, match="power cut"):
        fit(RECIPE, cut, run, resume=False, progress=False)
    state = (run / "state.safetensors").read_bytes()
    with full_disk(len(state) // 2), pytest.raises(OutputError, match=r"state\.safetensors: cannot be written"):
        fit(RECIPE, data, run, resume=True, progress=False)
    assert (run / "state.safetensors").read_bytes() == state
    assert [p.name for p in run.iterdir() if p.name.endswith(".part")] == []
    assert_same(fit(RECIPE, data, run, resume=True, progress=False), straight)


def test_a_full_disk_for_the_figures_is_told_too(data: TrainingSet, tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="cannot write"):
        fit(RECIPE, data, tmp_path, resume=False, progress=False)


def test_a_cut_run_with_everything_on_ends_where_an_uninterrupted_one_does(data: TrainingSet, tmp_path: Path) -> None:
    teachers = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for seed, path in enumerate(teachers):
        save_checkpoint(path, talkative(seed=seed), info(input_size=96))
    everything = RECIPE.model_copy(
        update={
            "stages": (Stage(epochs=2, size=64, view=0.5), Stage(epochs=1, size=64)),
            "distillation": Distillation(teachers=tuple(map(str, teachers)), relation_weight=1, hint_weight=1),
            "imbalance": Imbalance(positive_weight=2, focal_gamma=1, logit_adjustment=1),
            "augmentation": Augmentation(
                collimation=0.5, markers=0.5, tone=0.3, resolution=0.5, bits=5, mixup=0.4, cutmix=1.0
            ),
            "precision": "bf16",
        }
    )
    straight = fit(everything, data, tmp_path / "straight", resume=False, progress=False)
    cut = replace(data, pack=replace(data.pack, images=PowerCut(data.pack.images, COUNT + 9)))
    with pytest.raises(RuntimeError, match="power cut"):
        fit(everything, cut, tmp_path / "cut", resume=False, progress=False)
    assert_same(fit(everything, data, tmp_path / "cut", resume=True, progress=False), straight)
    kept = SafetensorsIO().load_checkpoint(tmp_path / "cut" / "state.safetensors")
    assert not any("teacher" in name for name in kept["state_dict"]), "teachers are stored with the student"


def test_a_student_follows_its_teacher_against_the_labels(tmp_path: Path) -> None:
    """The teacher tells bright from dark; the student's labels say the opposite, with less weight."""
    bright = np.arange(COUNT) % 2
    images = np.random.default_rng(0).integers(0, 60, (COUNT, 80, 80), dtype=np.uint8)
    images[bright == 1, 20:60, 20:60] += 150
    made = Pack(images, np.zeros((COUNT, 20, 20), np.uint8), tuple(range(COUNT)), ("",) * COUNT, ())
    honest = TrainingSet(made, np.arange(COUNT), bright, np.zeros(COUNT, bool), np.zeros(COUNT, bool))
    longer = RECIPE.model_copy(update={"stages": (Stage(epochs=12, size=64),)})
    teacher = fit(longer, honest, tmp_path / "teacher", resume=False, progress=False)
    save_checkpoint(tmp_path / "teacher.safetensors", teacher, info())
    image = (torch.from_numpy(images).float()[:, None] - 128) / 128

    def margin(**section: float) -> float:
        """How far the dimmest bright image scores above the brightest dark one."""
        taught = Distillation(teachers=(str(tmp_path / "teacher.safetensors"),), **section)  # type: ignore[arg-type]
        student = fit(
            longer.model_copy(update={"distillation": taught}),
            replace(honest, labels=1 - bright),
            tmp_path / str(section),
            resume=False,
            progress=False,
        )
        with torch.inference_mode():
            scores = student(image)[0][:, 0]
        return (scores[bright == 1].min() - scores[bright == 0].max()).item()

    assert margin(weight=0, map_weight=1e-6) < 0
    assert margin(weight=5, map_weight=0) > 0
    assert margin(weight=0, map_weight=5) > 0
    assert margin(weight=0, map_weight=0, relation_weight=5) > 0


def test_bf16_computes_in_bfloat16_and_keeps_float32_weights(data: TrainingSet, tmp_path: Path) -> None:
    exact, coarse = (
        fit(RECIPE.model_copy(update={"precision": name}), data, tmp_path / name, resume=False, progress=False)
        for name in ("fp32", "bf16")
    )
    assert {p.dtype for p in coarse.parameters()} == {torch.float32}
    difference = (exact.head.conv.weight - coarse.head.conv.weight).abs().max().item()
    assert 0 < difference < 0.05


@pytest.mark.skipif(torch.cuda.is_available(), reason="auto may choose bf16 on a GPU")
def test_auto_is_fp32_where_there_is_no_gpu(data: TrainingSet, tmp_path: Path) -> None:
    assert_same(
        *(
            fit(RECIPE.model_copy(update={"precision": name}), data, tmp_path / name, resume=False, progress=False)
            for name in ("fp32", "auto")
        )
    )


def test_losses_are_logged_for_tensorboard(data: TrainingSet, tmp_path: Path) -> None:
    longer = RECIPE.model_copy(update={"stages": (Stage(epochs=4, size=64),)})
    fit(longer, data, tmp_path, resume=False, progress=False)
    log = EventAccumulator(str(tmp_path / "tensorboard"))
    log.Reload()
    assert {"loss", "class", "map"} <= set(log.Tags()["scalars"])
    assert (tmp_path / "metrics.csv").exists()


def test_a_batch_is_shared_evenly_or_refused(data: TrainingSet) -> None:
    assert batches(RECIPE, data, Processes(1, 2, 2)).batch_size == 4
    with pytest.raises(UsageError, match="batch_size is 8, which 3 processes cannot share evenly"):
        batches(RECIPE, data, Processes(0, 3, 3))


def test_an_epoch_of_less_than_a_batch_is_refused(data: TrainingSet) -> None:
    large = RECIPE.model_copy(update={"optimiser": Optimiser(batch_size=64)})
    with pytest.raises(UsageError, match="batch_size is 64, but an epoch shows only 24 radiographs"):
        batches(large, data)


def test_each_process_augments_in_its_own_way() -> None:
    first, again, second = (torch.rand(4, generator=step_generator(RECIPE, 3, rank=rank)) for rank in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, second)
    assert torch.equal(first, torch.rand(4, generator=torch.Generator().manual_seed(7 * 1_000_003 + 3)))
