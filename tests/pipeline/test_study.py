"""A study: trains on a stored split, leaves what an export needs, and refuses data that the split was not made for."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from edgefrac.datasets import find_duplicates, load_folds, make_folds, open_dataset
from edgefrac.errors import DatasetError, UsageError
from edgefrac.models.checkpoint import load_checkpoint, read_info
from edgefrac.pipeline.export import ExportRequest, export_bundle
from edgefrac.pipeline.material import StudyRequest
from edgefrac.pipeline.release import put_on_exact_grid
from edgefrac.pipeline.study import run_study
from edgefrac.progress import silent
from edgefrac.runtimes.session import open_session
from edgefrac.targets.tflite_graph import operator_name, read_graph
from edgefrac.training.recipe import Data, Int8, Recipe, Sampling, Stage

PHANTOMS = "phantom:n=48,seed=5"
RECIPE = Recipe(
    name="small",
    architecture="tiny",
    pretrained=False,
    stages=(Stage(epochs=1, size=64),),
    sampling=Sampling(phantom_share=0),
)


def study(folder: Path, location: str = PHANTOMS, **data: Any) -> dict[str, Any]:
    recipe = RECIPE.model_copy(update={"data": Data(**data)})
    return run_study(StudyRequest(recipe, location, folder), note=lambda _: None, track=silent, progress=False)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset = open_dataset(PHANTOMS)
    path = tmp_path_factory.mktemp("split") / "split.json"
    make_folds(dataset, k=3, seed=9, duplicates=find_duplicates(dataset)).save(path)
    return path


def test_the_fold_of_a_stored_split_is_held_out(stored: Path, tmp_path: Path) -> None:
    result = study(tmp_path, split=str(stored), fold=2)
    folds = load_folds(stored)
    validation = json.loads((tmp_path / "small" / "fold2" / "validation.json").read_text())
    assert set(validation["ids"]) == {name for name, fold in folds.fold_of.items() if fold == 2}
    assert load_folds(tmp_path / "small" / "split.json") == folds
    info = read_info(Path(result["release"]))
    seen = info.training_data.seen_hashes()
    assert seen == {digest[:12] for name, digest in folds.sha256.items() if folds.fold_of.get(name, 2) != 2}
    assert info.ranges and info.metrics["n"] == len(validation["ids"])


def test_a_release_has_its_name_when_it_is_measured_and_not_before(tmp_path: Path, monkeypatch: Any) -> None:
    """Or a run that was killed between would be gone on with as if it were done."""

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    request = StudyRequest(RECIPE, PHANTOMS, tmp_path, resume=True)
    with monkeypatch.context() as patched:
        patched.setattr("edgefrac.pipeline.release.evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            run_study(request, note=lambda _: None, track=silent, progress=False)
    assert not list(tmp_path.rglob("release*"))
    result = run_study(request, note=lambda _: None, track=silent, progress=False)
    assert read_info(Path(result["release"])).metrics["n"]


def test_a_split_is_found_beside_its_recipe(stored: Path, tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"data": Data(split=stored.name)})
    request = StudyRequest(recipe, PHANTOMS, tmp_path, recipe_folder=stored.parent)
    result = run_study(request, note=lambda _: None, track=silent, progress=False)
    assert read_info(Path(result["release"])).recipe["data"]["split"] == stored.name
    with pytest.raises(DatasetError, match=r"split\.json: cannot be read"):
        run_study(StudyRequest(recipe, PHANTOMS, tmp_path / "other"), note=lambda _: None, track=silent, progress=False)


def test_a_release_prepared_for_int8_is_defined_by_int8_weights(stored: Path, tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"data": Data(split=str(stored)), "int8": Int8(epochs=1)})
    request = StudyRequest(recipe, PHANTOMS, tmp_path)
    result = run_study(request, note=lambda _: None, track=silent, progress=False)
    before, frozen = load_checkpoint(Path(result["checkpoints"][0]))
    network, info = load_checkpoint(Path(result["release"]))
    assert info.recipe["int8"]["epochs"] == 1 and info.ranges
    again = put_on_exact_grid(copy.deepcopy(network), info.ranges)
    for module, trained, rounded in zip(network.modules(), before.modules(), again.modules(), strict=True):
        if isinstance(module, torch.nn.Conv2d):
            flat = module.weight.flatten(1)
            moved = (rounded.weight.flatten(1) - flat).abs() / flat.abs().amax(1, keepdim=True) * 127
            assert moved.max() < 0.125, "on the plan's grid already, but for float16"
            assert not torch.equal(module.weight, trained.weight)
    # the operating point belongs to the weights that are shipped
    assert info.tasks[0].temperature != frozen.tasks[0].temperature
    held = [v for v in (tmp_path / "small" / "fold0").iterdir() if v.name == "int8"]
    assert held and (held[0] / "state.safetensors").exists()


def test_a_network_of_branches_is_released_as_the_one_it_merges_into(stored: Path, tmp_path: Path) -> None:
    changes = {"architecture": "mobileone-s0", "data": Data(split=str(stored)), "int8": Int8(epochs=1)}
    request = StudyRequest(RECIPE.model_copy(update=changes), PHANTOMS, tmp_path)
    result = run_study(request, note=lambda _: None, track=silent, progress=False)
    assert read_info(Path(result["checkpoints"][0])).architecture == "mobileone-s0"
    network, info = load_checkpoint(Path(result["release"]))
    assert info.architecture == network.architecture == "mobileone-s0-folded"
    assert info.ranges and not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


def test_a_split_for_other_data_is_refused(stored: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="are in no fold of the split"):
        study(tmp_path, "phantom:n=60,seed=6", split=str(stored))


def test_radiographs_that_changed_are_refused(stored: Path, tmp_path: Path) -> None:
    folds = load_folds(stored)
    name = next(iter(folds.fold_of))
    other = tmp_path / "other.json"
    folds.model_copy(update={"sha256": {**folds.sha256, name: "0" * 64}}).save(other)
    with pytest.raises(DatasetError, match="1 radiographs changed since the split was made"):
        study(tmp_path, split=str(other))


@pytest.mark.parametrize("split", [True, False])
def test_a_fold_that_is_not_there(stored: Path, split: bool, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fold is 3, but there are 3 folds"):
        study(tmp_path, fold=3, folds=3, split=str(stored) if split else "")


def test_several_questions_from_training_to_the_exported_file(tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"tasks": {"fracture": 1.0, "region": 0.3, "type": 0.3}, "data": Data(folds=3)})
    request = StudyRequest(recipe, "phantom:n=120,seed=5", tmp_path)
    result = run_study(request, note=lambda _: None, track=silent, progress=False)
    pooled = result["out_of_fold"]["tasks"]
    assert pooled["region"]["n"] == result["out_of_fold"]["n"] and 0 <= pooled["region"]["macro_auroc"] <= 1
    assert pooled["type"]["macro_f1_ci"][0] < pooled["type"]["macro_f1_ci"][1]
    info = read_info(Path(result["release"]))
    assert [task.name for task in info.tasks] == ["fracture", "region", "type"]
    assert {"spiral", "transverse"} <= set(info.tasks[2].classes)
    # what evaluation measures on the release is what validation measured on the checkpoint, but for float16 weights
    assert info.metrics["tasks"]["region"]["macro_auroc"] == pytest.approx(pooled["region"]["macro_auroc"], abs=0.02)
    request = ExportRequest(checkpoint=Path(result["release"]), out=tmp_path / "bundle", keep_rejected=True)
    exported = export_bundle(request, note=lambda _: None, track=silent)
    float32, int8 = exported.rows[0], exported.rows[-1]
    assert (float32["precision"], float32["verdict"], int8["precision"]) == ("fp32", "passed", "int8")
    session = open_session(Path(float32["path"]))
    graph = read_graph(session.path.read_bytes())
    assert "TRANSPOSE" not in {operator_name(graph, operator) for operator in graph.subgraphs[0].operators}
    contract = session.contract
    assert [task.first_channel for task in contract.tasks] == [0, 1, 1 + len(info.tasks[1].classes)]
    certificate = (tmp_path / "bundle" / "certificate.json").read_text()
    for criterion in ("probability_difference of region", "flips of type", "evidence_correlation of region"):
        assert criterion in certificate
