"""Distillation losses against values of the authors' published formulas, and teachers against what is asked of them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from edgefrac.contract import TrainingData, pack_hashes
from edgefrac.errors import CheckpointError
from edgefrac.models.checkpoint import save_checkpoint
from edgefrac.models.network import FRACTURE, FractureNet, normalise
from edgefrac.training.answer import answer
from edgefrac.training.distillation import Distillation, attention_loss, map_loss, relation_loss, soft_label_loss
from edgefrac.training.recipe import Data, Recipe, Stage
from edgefrac.training.recipe import Distillation as Section
from edgefrac.training.teachers import require_unseen
from tests.models.networks import REGION, SIZE, info, phantoms, talkative


def tensor(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


STUDENT = tensor([[1.5, -2.0], [-0.3, 0.7], [2.2, -1.1], [0.0, 3.0]])
TEACHER = tensor([[0.8, -1.0], [-1.2, 1.9], [3.1, -0.4], [-0.5, 2.0]])
FEATURES = (
    tensor(
        [
            [[[2.0, -2.6], [0.4, -0.6]], [[-0.5, -0.2], [-2.0, -0.2]], [[-0.9, 3.3], [0.2, -0.4]]],
            [[[-0.3, -0.7], [-1.1, -0.4]], [[0.5, -0.2], [1.0, -0.2]], [[0.0, 1.5], [0.5, -0.5]]],
        ]
    ),
    tensor(
        [
            [
                [[-0.2, 0.5], [1.9, -0.3]],
                [[-0.2, 1.0], [-0.9, -0.3]],
                [[0.9, 0.6], [0.1, 0.7]],
                [[-2.8, 1.0], [-1.0, -1.7]],
                [[0.3, 0.7], [-0.4, -1.1]],
            ],
            [
                [[0.0, -0.1], [1.4, 0.7]],
                [[0.2, 1.1], [-0.2, -0.9]],
                [[0.6, 0.6], [-0.2, -0.8]],
                [[0.2, -2.5], [0.7, 0.5]],
                [[-1.6, 0.1], [-1.0, 0.8]],
            ],
        ]
    ),
)
MAPS = (
    tensor(
        [
            [[[-10.2, -4.6], [3.5, 5.8]], [[-10.8, -2.5], [1.6, -3.0]]],
            [[[8.0, -6.0], [1.8, -5.2]], [[7.0, -0.1], [-1.9, -8.6]]],
        ]
    ),
    tensor(
        [
            [[[8.4, 3.8], [3.8, 5.7]], [[1.7, -3.2], [-4.0, -4.0]]],
            [[[6.9, -7.3], [-3.0, -1.6]], [[1.1, 2.9], [-6.2, -8.7]]],
        ]
    ),
)


def test_hintons_loss() -> None:
    """Reference: cross-entropy of two-class softmax with logits (0, z) at T = 2.5, times T²."""
    assert soft_label_loss(STUDENT, TEACHER, 2.5).item() == pytest.approx(4.130881656962379, abs=1e-6)


def test_the_relation_of_dist() -> None:
    """Reference: the authors' intra_class_relation (github.com/hunto/DIST_KD) of softened probabilities, times T²."""
    assert relation_loss(STUDENT, TEACHER, 2.5).item() == pytest.approx(0.3435269021190998, abs=1e-6)


def test_attention_transfer() -> None:
    """Reference: the authors' at_loss (github.com/szagoruyko/attention-transfer), a mean over the four cells."""
    student, teacher = ({16: features.square().mean(1)} for features in FEATURES)
    assert attention_loss(student, teacher).item() == pytest.approx(4 * 0.1313022563958454, abs=1e-6)


def test_the_distance_of_maps() -> None:
    assert map_loss(*MAPS).item() == pytest.approx(1.613092489128222, abs=1e-6)
    assert map_loss(MAPS[1], MAPS[1]).item() == 0


def test_the_soft_loss_is_least_where_student_and_teacher_agree() -> None:
    logits = STUDENT.clone().requires_grad_()
    soft_label_loss(logits, STUDENT, 3.0).backward()
    assert logits.grad is not None and logits.grad.abs().max() < 1e-12


def test_relations_do_not_see_a_common_shift_of_probability() -> None:
    probabilities = torch.sigmoid(STUDENT / 2)
    moved = 2 * torch.logit(0.1 + 0.5 * probabilities)
    assert relation_loss(moved, STUDENT, 2.0).item() == pytest.approx(0, abs=1e-9)


def test_a_batch_of_one_image_repeated_gives_no_nan() -> None:
    logits = torch.ones(4, 1, requires_grad=True)
    loss = relation_loss(logits, TEACHER[:, :1].float(), 2.0)
    loss.backward()
    assert torch.isfinite(loss) and logits.grad is not None and torch.isfinite(logits.grad).all()


def test_only_strides_that_both_have_are_compared() -> None:
    maps = [f.square().mean(1) for f in FEATURES]
    both = attention_loss({8: maps[0], 16: maps[0], 32: maps[1]}, {16: maps[1], 64: maps[0]})
    assert both == attention_loss({16: maps[0]}, {16: maps[1]})


def test_attention_is_of_the_last_features_of_each_stride() -> None:
    network, image = talkative(), normalise(torch.from_numpy(phantoms(3)))[:, None]
    said = answer(network, image, attention=True)
    assert {stride: tuple(a.shape) for stride, a in said.attention.items()} == {8: (3, 8, 8), 16: (3, 4, 4)}
    energy = network.features(image).square().mean(1)
    torch.testing.assert_close(said.attention[16], energy / energy.flatten(1).norm(dim=1)[:, None, None])
    assert not any(module._forward_hooks for module in network.modules())
    assert answer(network, image).attention == {}


def recipe(*teachers: Path, fold: int = 0, **section: Any) -> Recipe:
    return Recipe(
        name="student",
        architecture="tiny",
        pretrained=False,
        stages=(Stage(epochs=1, size=SIZE),),
        data=Data(fold=fold),
        distillation=Section(teachers=tuple(map(str, teachers)), **section),
    )


def saved(path: Path, network: FractureNet, **facts: Any) -> Path:
    save_checkpoint(path, network, info(network.tasks, **facts))
    return path


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return normalise(torch.from_numpy(phantoms(4)))[:, None]


def test_a_student_that_says_what_its_teacher_says_has_nothing_to_learn(image: torch.Tensor, tmp_path: Path) -> None:
    network = talkative()
    everything = {"weight": 0, "relation_weight": 1, "map_weight": 1, "hint_weight": 1}
    distillation = Distillation(recipe(saved(tmp_path / "t", network), **everything), network.tasks)
    total, parts = distillation(answer(network, image, attention=True), image, 1.0)
    assert set(parts) == {"relation", "taught_map", "hint"} and total.item() == pytest.approx(0, abs=1e-5)


def test_losses_are_weighted_and_those_without_weight_are_not_computed(image: torch.Tensor, tmp_path: Path) -> None:
    teacher, student = saved(tmp_path / "t", talkative(seed=2)), talkative()
    made = Distillation(recipe(teacher, weight=2.0, map_weight=0.5), student.tasks)
    total, parts = made(answer(student, image), image, 1.0)
    torch.testing.assert_close(total, 2.0 * parts["soft"] + 0.5 * parts["taught_map"])
    assert set(parts) == {"soft", "taught_map"} and not made.attention


def test_several_teachers_are_their_mean(image: torch.Tensor, tmp_path: Path) -> None:
    networks = [talkative(seed=seed) for seed in (2, 3)]
    teachers = [saved(tmp_path / f"t{n}", network) for n, network in enumerate(networks)]
    student = answer(talkative(), image, attention=True)
    said = Distillation(recipe(*teachers, hint_weight=1), (FRACTURE,)).teachers.answer(image, 1.0, like=student)
    each = [answer(network, image, attention=True) for network in networks]
    torch.testing.assert_close(said.logits, (each[0].logits + each[1].logits) / 2)
    torch.testing.assert_close(said.evidence, (each[0].evidence + each[1].evidence) / 2, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(said.attention[8], (each[0].attention[8] + each[1].attention[8]) / 2)


@pytest.mark.parametrize("input_size", [64, 96])
def test_maps_of_another_stride_are_resampled_and_still_make_the_logit(
    image: torch.Tensor, input_size: int, tmp_path: Path
) -> None:
    torch.manual_seed(4)
    coarse = FractureNet("efficientnet-lite0").eval()
    torch.nn.init.normal_(coarse.head.conv.weight)
    path = saved(tmp_path / "t", coarse, architecture="efficientnet-lite0", input_size=input_size)
    student = answer(talkative(), image)
    said = Distillation(recipe(path), (FRACTURE,)).teachers.answer(image, 1.0, like=student)
    assert coarse(image)[1].shape[-2:] == (2, 2) and said.evidence.shape == (4, 1, 4, 4)
    assert said.evidence.std() > 0
    torch.testing.assert_close(said.evidence.mean((2, 3)) + coarse.head.bias.detach(), said.logits)


@pytest.mark.parametrize(("input_size", "view", "side"), [(64, 1.0, 64), (96, 1.0, 96), (96, 0.5, 48), (64, 0.3, 16)])
def test_a_teacher_sees_the_view_at_its_own_scale(
    image: torch.Tensor, input_size: int, view: float, side: int, tmp_path: Path
) -> None:
    path = saved(tmp_path / "t", talkative(seed=2), input_size=input_size)
    teachers = Distillation(recipe(path), (FRACTURE,)).teachers
    seen: list[torch.Tensor] = []
    teachers.teachers[0][0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    said = teachers.answer(image, view, like=answer(talkative(), image))
    assert seen[0].shape == (4, 1, side, side) and said.evidence.shape == (4, 1, 4, 4)
    if side == SIZE:
        assert torch.equal(seen[0], image), "not the same view"
    else:
        torch.testing.assert_close(seen[0].mean((1, 2, 3)), image.mean((1, 2, 3)), atol=0.05, rtol=0)


def test_teachers_learn_nothing_and_are_not_copied(image: torch.Tensor, tmp_path: Path) -> None:
    made = Distillation(recipe(saved(tmp_path / "t", talkative(seed=2)), hint_weight=1), (FRACTURE,))
    student = talkative()
    made(answer(student, image, attention=True), image, 1.0)[0].backward()
    network = made.teachers.teachers[0][0]
    assert all(p.grad is None and not p.requires_grad for p in network.parameters()) and not network.training
    assert student.head.conv.weight.grad is not None and student.head.conv.weight.grad.any()
    assert copy.deepcopy(made).teachers is made.teachers


def test_a_teacher_of_other_classes_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "region.safetensors", talkative((REGION,)))
    with pytest.raises(CheckpointError) as caught:
        Distillation(recipe(path), (FRACTURE,))
    wanted = "a teacher for region (hand, leg, hip), but the student learns fracture (no fracture, fracture)"
    assert str(caught.value) == f"{path}: {wanted}" and caught.value.hint


def test_a_teacher_of_another_version_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "t.safetensors", talkative())
    path.write_bytes(path.read_bytes().replace(b"edgefrac.checkpoint/1", b"edgefrac.checkpoint/9"))
    with pytest.raises(CheckpointError, match=r"t\.safetensors: header is not edgefrac\.checkpoint/1"):
        Distillation(recipe(path), (FRACTURE,))


HELD_OUT = [f"{number:02x}" * 32 for number in range(8)]


@pytest.mark.parametrize("kind", ["teacher", "start_from"])
def test_a_network_that_has_seen_the_held_out_fold_is_refused(kind: str, tmp_path: Path) -> None:
    for fold, seen in enumerate((["aa" * 32, *HELD_OUT[3:5]], ["aa" * 32])):
        (tmp_path / f"fold{fold}").mkdir()
        data = TrainingData(names=("x",), licence="x", attribution="x", seen=pack_hashes(seen))
        saved(tmp_path / f"fold{fold}" / "net", talkative(), training_data=data)

    def asked(fold: int) -> Recipe:
        path = tmp_path / "fold{fold}" / "net"
        return (
            recipe(path, fold=fold)
            if kind == "teacher"
            else recipe(fold=fold).model_copy(update={"start_from": str(path)})
        )

    assert require_unseen(asked(1), HELD_OUT) == []
    with pytest.raises(CheckpointError, match="fold0/net: was trained on 2 of 8 radiographs that fold 0 holds out"):
        require_unseen(asked(0), HELD_OUT)


def test_a_network_that_does_not_say_what_it_has_seen_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "t", talkative())
    assert require_unseen(recipe(path), HELD_OUT) == [path]
