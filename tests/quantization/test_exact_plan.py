"""Exact plans: what makes them exact, and that they survive as JSON."""

from __future__ import annotations

import pytest

from edgefrac.errors import ConversionError
from edgefrac.models.layers import IMAGE, Addition, LayerGraph
from edgefrac.progress import silent
from edgefrac.quantization.calibration import carried_ranges, observed_ranges
from edgefrac.quantization.exact_plan import ExactPlan
from edgefrac.quantization.grids import make_plan
from tests.models.networks import phantoms
from tests.quantization.integer_networks import layers_and_plan


def test_a_plan_comes_back_from_json() -> None:
    _, plan = layers_and_plan("tiny")
    text = plan.to_json()
    assert ExactPlan.from_json(text, "plan.json") == plan
    assert ExactPlan.from_json(text, "plan.json").to_json() == text
    assert '\n  "conv000": {"exponent": ' in text, "one line a tensor"


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [('"exponent": -7', '"exponent": 77', "exponent"), ('"schema"', '"shema"', "shema"), ("{", "", "")],
)
def test_a_damaged_plan_is_named(old: str, new: str, where: str) -> None:
    _, plan = layers_and_plan("tiny")
    with pytest.raises(ConversionError, match=f"^plan.json: not edgefrac.plan/1 .*{where}"):
        ExactPlan.from_json(plan.to_json().replace(old, new, 1), "plan.json")


def test_added_values_share_a_step_and_scales_are_powers_of_two() -> None:
    graph, plan = layers_and_plan("resnet18")
    additions = [layer for layer in graph.layers if isinstance(layer, Addition)]
    assert additions
    for layer in additions:
        assert len({plan.grids[name].step for name in (layer.name, *layer.sources)}) == 1
        assert len({plan.grids[name].exponent for name in (layer.name, *layer.sources)}) == 1
    for grid in plan.grids.values():
        assert grid.scale == 2.0**grid.exponent and 0.7 < grid.step / grid.scale < 1.42
    assert plan.grids[graph.output].step == plan.grids[graph.output].scale
    assert plan.grids[IMAGE].scale == 1 / 128


def test_values_behind_a_relu_use_all_codes() -> None:
    graph, plan = layers_and_plan("resnet18")
    for layer in graph.layers:
        rectified = getattr(layer, "activation", "relu") != "none"
        assert plan.grids[layer.name].zero_point == (-128 if rectified else 0)


def test_a_missing_range_is_named() -> None:
    graph, _ = layers_and_plan("tiny")
    ranges = observed_ranges(graph, phantoms(2, seed=3), silent)
    del ranges["conv003"]
    with pytest.raises(ConversionError, match="none for conv003"):
        make_plan(graph, ranges, "tiny", "phantoms")


def test_an_image_that_is_added_has_no_exact_plan() -> None:
    graph, _ = layers_and_plan("tiny")
    odd = LayerGraph((*graph.layers, Addition("add099", (IMAGE, graph.layers[0].name))))
    with pytest.raises(ConversionError, match="image itself"):
        make_plan(odd, dict.fromkeys((layer.name for layer in odd.layers), (-1.0, 1.0)), "tiny", "phantoms")


def test_ranges_of_a_checkpoint_find_their_layers() -> None:
    graph, _ = layers_and_plan("resnet18")
    keys, number = {"input": (-1.0, 1.0), "000:PAD:70x70x1": (-1.0, 1.0)}, 1
    for layer in graph.layers:
        kind = "ADD" if isinstance(layer, Addition) else "CONV_2D" if hasattr(layer, "weight") else "MAX_POOL_2D"
        channels = len(layer.weight) if hasattr(layer, "weight") else 7
        keys[f"{number:03d}:{kind}:8x8x{channels}"] = (-float(number), float(number))
        number += 1
    keys[f"{number:03d}:ADD:1"] = (0.0, 1.0)  # of the logit
    found = carried_ranges(graph, keys)
    assert list(found) == [layer.name for layer in graph.layers]
    for number, layer in enumerate(graph.layers, 1):
        if not hasattr(layer, "kernel"):
            assert found[layer.name] == (-float(number), float(number))
        else:
            assert found[layer.name] == found[layer.source]
    with pytest.raises(ConversionError, match="another network"):
        carried_ranges(graph, dict(list(keys.items())[:9]))
