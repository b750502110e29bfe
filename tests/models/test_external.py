"""Any user's network: an exact evidence map where its head gives one, a plain statement where it does not."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from edgefrac.contract import TrainingData
from edgefrac.errors import CheckpointError, EdgeFracError, UsageError
from edgefrac.models.exportable import Identity
from edgefrac.models.external import load_external
from edgefrac.models.network import normalise
from tests.models import foreign
from tests.models.networks import SIZE, phantoms

MODULE = "tests.models.foreign"
GREY = "branched branched_wrongly max_pooled mobilenetv2 no_linear_layer normed_after_pooling pooled_grey_one".split()
CHANNELS = dict.fromkeys(GREY, 1)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return normalise(torch.from_numpy(phantoms(3, seed=2)))[:, None]


def own_probability(name: str, images: torch.Tensor) -> torch.Tensor:
    """What the network itself says: the sigmoid of one logit, the softmax of two."""
    network = getattr(foreign, name)().eval()
    with torch.inference_mode():
        logits = network(images.expand(-1, CHANNELS.get(name, 3), -1, -1))
    return torch.softmax(logits, 1)[:, 1:] if logits.shape[1] == 2 else torch.sigmoid(logits)


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2", "pooled_grey_one", "pooled_rgb_two"])
def test_mean_pooling_and_a_linear_layer_are_an_exact_map(name: str, images: torch.Tensor) -> None:
    exportable = load_external(f"{MODULE}:{name}", SIZE)
    assert exportable.has_evidence
    with torch.inference_mode():
        probability, evidence = exportable.module(images)
    torch.testing.assert_close(probability, own_probability(name, images), rtol=0, atol=1e-5)
    assert evidence.shape == (3, 1, *exportable.map_size)
    assert evidence.std() > 1e-3, "a flat map proves nothing"
    logit = evidence.mean((2, 3)) + exportable.tasks[0].bias[0]
    torch.testing.assert_close(torch.sigmoid(logit), probability, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mobilenetv3", "does not act on the spatial mean"),
        ("mobilenetv3_timm", "does not act on the spatial mean"),
        ("fully_connected", "does not act on the spatial mean"),
        ("normed_after_pooling", "does not act on the spatial mean"),
        ("max_pooled", "does not act on the spatial mean"),
        ("no_linear_layer", "does not end in a linear layer"),
    ],
)
def test_another_head_is_said_to_have_no_exact_map(name: str, why: str, images: torch.Tensor) -> None:
    exportable = load_external(f"{MODULE}:{name}", SIZE)
    assert not exportable.has_evidence
    assert exportable.evidence_statement.startswith("no exact evidence map: ") and why in exportable.evidence_statement
    with torch.inference_mode():
        probability = exportable.module(images)
    torch.testing.assert_close(probability, own_probability(name, images), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "branches"), [("branched", False), ("branched_wrongly", True)])
def test_branches_for_training_are_merged_where_that_changes_nothing(
    name: str, branches: bool, images: torch.Tensor
) -> None:
    exportable = load_external(f"{MODULE}:{name}", SIZE)
    assert (sum(isinstance(m, torch.nn.Conv2d) for m in exportable.module.modules()) == 4) == branches
    with torch.inference_mode():
        probability, _ = exportable.module(images)
    torch.testing.assert_close(probability, own_probability(name, images), rtol=0, atol=1e-5)


def test_a_network_that_ends_in_a_sigmoid_has_no_exact_map() -> None:
    exportable = load_external(f"{MODULE}:sigmoid_inside", SIZE)
    assert "something follows the network's last linear layer" in exportable.evidence_statement


def test_a_network_of_one_size_is_probed_at_that_size() -> None:
    assert not load_external(f"{MODULE}:fixed_size", SIZE).has_evidence


def test_the_contract_states_what_there_is() -> None:
    identity = Identity("n", "0", "a", "0" * 64, TrainingData(names=(), licence="", attribution=""))
    opaque = load_external(f"{MODULE}:max_pooled", SIZE).contract("fp32", identity)
    assert not opaque.has_evidence and [o.name for o in opaque.outputs] == ["probability"]
    assert opaque.evidence.startswith("no exact evidence map")
    exact = load_external(f"{MODULE}:pooled_rgb_two", SIZE).contract("fp32", identity)
    assert [(o.name, o.shape) for o in exact.outputs] == [("probability", (1, 1)), ("evidence", (1, 4, 4, 1))]


def test_the_hash_of_a_network_is_that_of_its_weights() -> None:
    first, same = (load_external(f"{MODULE}:pooled_rgb_two", SIZE) for _ in range(2))
    assert first.weights_sha256() == same.weights_sha256()
    with torch.no_grad():
        next(same.module.parameters()).view(-1)[0] += np.float32(1e-3)
    assert first.weights_sha256() != same.weights_sha256()


@pytest.mark.parametrize(
    ("spec", "kind", "cause"),
    [
        ("resnet18", UsageError, "not of the form package.module:factory"),
        (":resnet18", UsageError, "not of the form package.module:factory"),
        (f"{MODULE}:", UsageError, "not of the form package.module:factory"),
        ("tests.models.nowhere:f", UsageError, "No module named"),
        (f"{MODULE}:nothing", UsageError, "has no attribute 'nothing'"),
        (f"{MODULE}:not_callable", UsageError, "not callable"),
        (f"{MODULE}:needs_an_argument", UsageError, "missing 1 required positional argument"),
        (f"{MODULE}:raises", UsageError, "the weights are at the office"),
        (f"{MODULE}:not_a_network", UsageError, "returned a dict, not a torch.nn.Module"),
        (f"{MODULE}:three_classes", CheckpointError, "got (1, 3) from 1"),
        (f"{MODULE}:five_channels", CheckpointError, "got (1, 1) from 5"),
        (f"{MODULE}:a_map", CheckpointError, "expected logits of shape (B, 1) or (B, 2)"),
        (f"{MODULE}:fails", CheckpointError, "the network fails on a 64 px image"),
    ],
)
def test_a_factory_that_cannot_be_used_is_named(spec: str, kind: type[EdgeFracError], cause: str) -> None:
    with pytest.raises(kind) as caught:
        load_external(spec, SIZE)
    assert str(caught.value).startswith(f"--model {spec}: ") and cause in str(caught.value)


def test_a_deep_copy_stands_on_its_own(images: torch.Tensor) -> None:
    module = load_external(f"{MODULE}:pooled_rgb_two", SIZE).module
    with torch.inference_mode():
        wanted = module(images)
        copied = copy.deepcopy(module)
        for parameter in module.parameters():
            parameter.zero_()
        found = copied(images)
    for before, after in zip(wanted, found, strict=True):
        torch.testing.assert_close(after, before)
