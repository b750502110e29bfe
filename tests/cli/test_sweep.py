"""``edgefrac sweep``: trials on inner folds, what it leaves, and how it goes on, fails and refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import optuna
import pytest
import yaml

from edgefrac.cli.main import main
from edgefrac.datasets import load_folds, open_dataset
from edgefrac.errors import ConversionError
from edgefrac.models.checkpoint import read_info
from edgefrac.models.network import FractureNet
from edgefrac.recipes.reading import read_recipe
from edgefrac.runtimes.session import open_session
from edgefrac.training.milestones import Milestones
from edgefrac.training.recipe import Recipe

PHANTOMS = "phantom:n=48,seed=5"
BASE = {
    "name": "base",
    "architecture": "tiny",
    "pretrained": False,
    "stages": [{"epochs": 2, "size": 64}],
    "sampling": {"phantom_share": 0},
    "data": {"folds": 4, "fold": 2},
    "optimiser": {"batch_size": 4},
}
SWEEP = {
    "name": "small",
    "base": "base.yaml",
    "trials": 3,
    "trial": {"stages.epochs": 1},
    "search": {
        "stages.size": {"choices": [32, 64]},
        "optimiser.learning_rate": {"low": 1.0e-3, "high": 1.0e-2, "log": True},
        "optimiser.batch_size": {"low": 4, "high": 8, "step": 4},
    },
}
FIGURES = {
    "auroc": 0.8,
    "auroc_ci": [0.7, 0.9],
    "latency_ms": 2.0,
    "latency_quartiles": [1.9, 2.1],
    "bytes": 1000,
    "n": 12,
    "positives": 6,
}


def recipe_in(folder: Path, **changes: Any) -> str:
    (folder / "base.yaml").write_text(yaml.safe_dump(BASE))
    (folder / "sweep.yaml").write_text(yaml.safe_dump({**SWEEP, **changes}))
    return str(folder / "sweep.yaml")


def sweep(recipe: str, out: Path, *more: str) -> dict[str, Any]:
    """Run the command to its end and return what it wrote."""
    assert main(["sweep", recipe, "--data", PHANTOMS, "--out", str(out), *more]) == 0
    document: dict[str, Any] = json.loads((out / "sweep.json").read_text())
    return document


def states(document: dict[str, Any]) -> list[str]:
    return [trial["state"] for trial in document["trials"]]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return recipe_in(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweep")


@pytest.fixture(scope="module")
def done(recipe: str, out: Path) -> dict[str, Any]:
    """The document of a sweep that was run to its end in ``out``."""
    return sweep(recipe, out)


@pytest.fixture
def instead_of_a_trial(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[Recipe]]:
    """Set what happens in place of a trial (an exception, or figures); gives the recipes that trials would train."""

    def set_it(outcome: Any) -> list[Recipe]:
        asked: list[Recipe] = []

        def run(recipe: Recipe, *_: Any, **__: Any) -> Any:
            asked.append(recipe)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr("edgefrac.pipeline.sweep.run_trial", run)
        return asked

    return set_it


def test_the_document(done: dict[str, Any], out: Path) -> None:
    assert done["schema"] == "edgefrac.sweep/1" and done["cpu"] and done["latency"] == "all files in turns"
    assert states(done) == ["complete"] * 3 and [trial["number"] for trial in done["trials"]] == [0, 1, 2]
    for trial in done["trials"]:
        assert set(trial["params"]) == set(SWEEP["search"])  # type: ignore[call-overload]
        assert trial["params"]["optimiser.batch_size"] in (4, 8)
        low, high = trial["auroc_ci"]
        assert 0 <= low <= trial["values"]["auroc"] <= high <= 1
        assert 0 < trial["latency_quartiles"][0] <= trial["values"]["latency_ms"] <= trial["latency_quartiles"][1]
        session = open_session(out / "trials" / str(trial["number"]) / "int8.tflite")
        assert session.contract.precision == "int8"
        assert session.contract.input.size == trial["params"]["stages.size"]
        assert trial["values"]["bytes"] == session.path.stat().st_size
        assert trial["seed"] == 7 and trial["seconds"] > 0 and trial["flops"] > 0
        assert set(trial["auroc_after_epoch"]) == {"1"}
    assert len({trial["params"]["optimiser.learning_rate"] for trial in done["trials"]}) == 3
    assert done["best"] in done["front"]


def test_no_trial_sees_the_reported_fold(done: dict[str, Any], out: Path) -> None:
    outer = load_folds(out / "split.json")
    reported = {name for name, fold in outer.fold_of.items() if fold == 2}
    digest_of = {sample.id: sample.read().sha256 for sample in open_dataset(PHANTOMS).samples}
    hashes = {digest_of[name] for name in reported}
    assert len(reported) >= 10 and done["data"]["reported_fold_never_used"] == 2
    packs = list((out / "material" / "cache").glob("*.safetensors"))
    assert packs
    for pack in packs:
        content = pack.read_bytes()
        assert not any(digest.encode() in content for digest in hashes)
        assert any(digest.encode() in content for digest in digest_of.values())
    for trial in done["trials"]:
        folder = out / "trials" / str(trial["number"])
        validated = set(json.loads((folder / "validation.json").read_text())["ids"])
        assert validated == {name for name, fold in outer.fold_of.items() if fold == 3}
        trained = read_info(folder / "release.safetensors").training_data.seen_hashes()
        assert trained == {digest_of[name][:12] for name, fold in outer.fold_of.items() if fold in (0, 1)}


def test_the_best_recipe_trains_at_full_length_and_reports_on_the_fold_kept_away(
    done: dict[str, Any], out: Path
) -> None:
    best = read_recipe(out / "best.yaml", Recipe)
    params = done["trials"][done["best"]]["params"]
    assert best.name == "small-best" and best.optimiser.learning_rate == params["optimiser.learning_rate"]
    assert [(stage.epochs, stage.size) for stage in best.stages] == [(2, params["stages.size"])]
    assert best.data.fold == 2 and best.data.location == PHANTOMS
    assert main(["train", str(out / "best.yaml"), "--out", str(out / "runs")]) == 0
    validated = json.loads((out / "runs" / "small-best" / "fold2" / "validation.json").read_text())["ids"]
    assert set(validated) == {name for name, fold in load_folds(out / "split.json").fold_of.items() if fold == 2}


def test_the_figure_the_table_and_the_printed_document(
    done: dict[str, Any], recipe: str, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["sweep", recipe, "--data", PHANTOMS, "--out", str(out)]
    assert (out / "pareto.png").read_bytes().startswith(b"\x89PNG")
    assert main(command) == 0
    printed = capfd.readouterr().out
    assert printed.count(" complete ") == 3 and f"best AUROC: trial {done['best']}" in printed
    assert str(out / "pareto.png") in printed
    assert main([*command, "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == json.loads((out / "sweep.json").read_text())


def test_a_sweep_that_is_done_runs_nothing_and_more_trials_go_on_from_it(
    done: dict[str, Any], recipe: str, out: Path, instead_of_a_trial: Callable[[Any], list[Recipe]]
) -> None:
    asked = instead_of_a_trial(dict(FIGURES))
    again = sweep(recipe, out)
    assert not asked and [trial["params"] for trial in again["trials"]] == [t["params"] for t in done["trials"]]
    more = sweep(recipe, out, "--trials", "5")
    assert len(asked) == 2 and states(more) == ["complete"] * 5
    # the file of the made-up trials is not here, so that files cannot be timed side by side
    assert more["latency"] == "each file within its trial" and more["trials"][4]["values"]["latency_ms"] == 2.0


def test_a_trial_whose_process_was_killed_is_tried_again(
    recipe: str, tmp_path: Path, instead_of_a_trial: Callable[[Any], list[Recipe]]
) -> None:
    killed = instead_of_a_trial(SystemExit(9))  # passes by whatever handles errors, as a kill does
    assert main(["sweep", recipe, "--data", PHANTOMS, "--out", str(tmp_path)]) == 9
    url = f"sqlite:///{tmp_path / 'sweep.db'}"
    assert [t.state.name for t in optuna.load_study(study_name="small", storage=url).trials] == ["RUNNING"]
    retried = instead_of_a_trial(dict(FIGURES))
    document = sweep(recipe, tmp_path, "--trials", "2")
    assert states(document) == ["fail", "complete", "complete"]
    assert document["trials"][1]["retry_of"] == 0 and "retry_of" not in document["trials"][2]
    assert retried[0] == killed[0] and retried[1] != killed[0]


def test_an_interrupted_trial_is_tried_again(
    recipe: str, tmp_path: Path, instead_of_a_trial: Callable[[Any], list[Recipe]]
) -> None:
    interrupted = instead_of_a_trial(KeyboardInterrupt())
    assert main(["sweep", recipe, "--data", PHANTOMS, "--out", str(tmp_path)]) == 130
    retried = instead_of_a_trial(dict(FIGURES))
    assert states(sweep(recipe, tmp_path, "--trials", "1")) == ["fail", "complete"]
    assert retried == interrupted


def test_a_trial_that_fell_behind_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = iter([0.9, 0.8, 0.95])

    def run(recipe: Recipe, material: object, folder: Path, callbacks: list[Milestones], **_: Any) -> dict[str, Any]:
        folder.mkdir(parents=True)
        callbacks[0].reached(1, FractureNet("tiny"))
        return dict(FIGURES)

    monkeypatch.setattr("edgefrac.pipeline.sweep.run_trial", run)
    monkeypatch.setattr("edgefrac.pipeline.sweep.held_out_auroc", lambda *_: next(reached))
    search = {"optimiser.learning_rate": {"low": 1.0e-3, "high": 1.0e-2}}
    recipe = recipe_in(tmp_path, search=search, pruning={"epochs": [1], "startup": 1})
    document = sweep(recipe, tmp_path)
    assert states(document) == ["complete", "pruned", "complete"]
    assert document["trials"][1]["auroc_after_epoch"] == {"1": 0.8} and document["trials"][1]["values"] is None
    assert not (tmp_path / "trials" / "1").exists() and (tmp_path / "trials" / "2").exists()


def test_one_failure_is_noted_and_three_in_a_row_end_the_sweep(
    recipe: str,
    tmp_path: Path,
    instead_of_a_trial: Callable[[Any], list[Recipe]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = instead_of_a_trial(ConversionError("the disk is made of cheese"))
    assert main(["sweep", recipe, "--data", PHANTOMS, "--out", str(tmp_path)]) == 2
    assert len(asked) == 3 and "error: the disk is made of cheese" in capsys.readouterr().err
    instead_of_a_trial(dict(FIGURES))
    document = sweep(recipe, tmp_path)
    assert states(document) == ["fail"] * 3 + ["complete"] * 3
    assert document["trials"][0]["error"] == "ConversionError: the disk is made of cheese"


def test_another_recipe_or_other_data_need_another_folder(
    recipe: str,
    tmp_path: Path,
    instead_of_a_trial: Callable[[Any], list[Recipe]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    instead_of_a_trial(dict(FIGURES))
    out = tmp_path / "out"
    sweep(recipe, out)
    other = recipe_in(tmp_path, trial={"stages.epochs": 2})
    assert main(["sweep", other, "--data", PHANTOMS, "--out", str(out)]) == 2
    assert "begun with another recipe or other data (changed: recipe)" in capsys.readouterr().err
    assert main(["sweep", recipe, "--data", "phantom:n=48,seed=6", "--out", str(out)]) == 2
    assert "(changed: data)" in capsys.readouterr().err


def test_two_sweeps_do_not_share_an_sqlite_file(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with filelock.FileLock(tmp_path / "sweep.db.lock"):
        assert main(["sweep", recipe, "--out", str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert "another sweep is running with it" in printed and "PostgreSQL" in printed


@pytest.mark.parametrize(
    ("url", "status", "message"),
    [
        ("not-a-url", 2, "not the URL of a database"),
        ("sqlite://", 2, "names no file"),
        ("sqlite:///{recipe}/sweep.db", 2, "cannot be written"),
        ("oracel://host/x", 2, "no such kind of database"),
        ("postgresql+psycopg://me:secret@localhost:1/x", 3, "pip install 'psycopg[binary]'"),
    ],
)
def test_a_storage_that_cannot_be_opened(
    url: str,
    status: int,
    message: str,
    recipe: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert main(["sweep", recipe, "--out", str(tmp_path), "--storage", url.format(recipe=recipe)]) == status
    printed = capsys.readouterr().err
    assert message in printed and "secret" not in printed and "hint: " in printed


def test_a_file_that_is_no_database(recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sweep.db").write_text("surely not SQLite, and long enough to be looked at" * 20)
    assert main(["sweep", recipe, "--out", str(tmp_path)]) == 2
    assert "the database cannot be used (file is not a database)" in capsys.readouterr().err


def test_two_folds_are_too_few(recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = recipe_in(tmp_path)
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({**BASE, "data": {"folds": 2}}))
    assert main(["sweep", own, "--data", PHANTOMS, "--out", str(tmp_path)]) == 2
    assert "a sweep needs 3 folds" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["optuna", "matplotlib"])
def test_without_the_extra_its_install_is_named(
    module: str, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("edgefrac.pipeline.sweep")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(
        "edgefrac.runtimes.devices.metadata.requires",
        lambda _: [f'{module}>=1; extra == "{e}"' for e in ("a", "sweep")],
    )
    assert main(["sweep", recipe, "--out", str(tmp_path)]) == 3
    assert "pip install 'edgefrac[sweep]'" in capsys.readouterr().err


def test_a_wrong_recipe_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = recipe_in(tmp_path, search={"optimiser.learning_rates": {"low": 1, "high": 2}})
    assert main(["sweep", wrong, "--out", str(tmp_path), "--json"]) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out)["hint"] == "did you mean 'optimiser.learning_rate'?"
    assert main(["sweep", "no-such-recipe"]) == 2
    assert "bundled train recipes" in capsys.readouterr().err
