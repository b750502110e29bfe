from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgefrac.datasets import Dataset, Duplicates, Sample, check_disjoint, load_folds, make_folds, open_dataset
from edgefrac.datasets.phantom import PhantomReader
from edgefrac.errors import DatasetError, OutputError


def grouped(groups: int = 40, seed: int = 0) -> Dataset:
    """Groups of 1 to 12 samples, a third of them with positives."""
    rng = np.random.default_rng(seed)
    samples = [
        Sample(f"{g}-{i}", int(g % 3 == 0 and i % 2 == 0), PhantomReader(0, 0, 64), f"g{g}")
        for g in range(groups)
        for i in range(int(rng.integers(1, 13)))
    ]
    return Dataset("test", tuple(samples))


def copies(*pairs: tuple[str, str], excluded: tuple[str, ...] = ()) -> Duplicates:
    return Duplicates(dataset="test", pairs=pairs, excluded=excluded, sha256={"0-0": "ab"}, findings=("seen",))


def test_groups_stay_whole_and_folds_are_even() -> None:
    dataset = grouped()
    folds = make_folds(dataset, k=5, seed=3)
    homes = {group: {folds.fold_of[s.id] for s in dataset.samples if s.group == group} for group in ("g0", "g7", "g39")}
    assert all(len(fold) == 1 for fold in homes.values())
    sizes = Counter(folds.fold_of.values())
    positives = Counter(folds.fold_of[s.id] for s in dataset.samples if s.label)
    assert max(sizes.values()) - min(sizes.values()) <= 0.25 * len(dataset) / 5
    assert max(positives.values()) - min(positives.values()) <= 0.4 * dataset.positives / 5


def test_every_sample_is_validated_once() -> None:
    dataset = grouped()
    folds = make_folds(dataset, k=4)
    held_out = []
    for fold in range(4):
        training, validation = folds.split(dataset, fold)
        assert not {s.group for s in training} & {s.group for s in validation}
        assert len(training) + len(validation) == len(dataset)
        held_out += [s.id for s in validation]
    assert sorted(held_out) == sorted(s.id for s in dataset.samples)


def test_duplicates_join_their_groups_in_a_chain() -> None:
    dataset = grouped()
    chain = [(f"{g}-0", f"{g + 1}-0") for g in range(0, 12)]
    folds = make_folds(dataset, k=5, duplicates=copies(*chain))
    assert len({folds.fold_of[f"{g}-0"] for g in range(13)}) == 1
    assert folds.findings[-1] == "seen" and folds.sha256 == {"0-0": "ab"}


def test_duplicates_join_their_groups_in_a_star() -> None:
    folds = make_folds(grouped(), k=5, duplicates=copies(*((f"{g}-0", "30-0") for g in range(8))))
    assert len({folds.fold_of[f"{g}-0"] for g in (*range(8), 30)}) == 1


def test_excluded_samples_are_in_no_fold() -> None:
    dataset = grouped()
    folds = make_folds(dataset, duplicates=copies(excluded=("3-0",)))
    assert "3-0" not in folds.fold_of
    training, validation = folds.split(dataset, 0)
    assert len(training) + len(validation) == len(dataset) - 1


def test_deterministic_and_changed_by_the_seed() -> None:
    dataset = grouped()
    assert make_folds(dataset, seed=1) == make_folds(dataset, seed=1)
    assert make_folds(dataset, seed=1).fold_of != make_folds(dataset, seed=2).fold_of


def test_not_looking_for_duplicates_is_said() -> None:
    assert any("near-duplicates were not looked for" in finding for finding in make_folds(grouped()).findings)


def test_too_few_groups_or_positives() -> None:
    with pytest.raises(DatasetError, match="3 independent groups"):
        make_folds(grouped(3), k=5)
    with pytest.raises(DatasetError, match="one class only"):
        make_folds(grouped(6), k=5)


def test_stored_and_read_again(tmp_path: Path) -> None:
    folds = make_folds(grouped(), seed=4)
    folds.save(tmp_path / "split.json")
    assert load_folds(tmp_path / "split.json") == folds
    assert json.loads((tmp_path / "split.json").read_text())["schema"] == "edgefrac.split/1"
    assert [p.name for p in tmp_path.iterdir()] == ["split.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"schema": "edgefrac.split/2"}, "schema"), ({"k": 2}, "but there are 2"), ({"surprise": 1}, "surprise")],
)
def test_bad_split_files(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "split.json"
    make_folds(grouped()).save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DatasetError, match=message):
        load_folds(path)


def test_split_for_other_data() -> None:
    with pytest.raises(DatasetError, match="in no fold of the split, for example 40-0"):
        make_folds(grouped(40)).split(grouped(41), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0-0": "changed"}, r"1 radiographs changed .*\(such as 0-0\)"),
        ({"new": "ab"}, r"1 new \(such as new\)"),
        ({"0-0": None}, r"1 missing \(such as 0-0\)"),
    ],
)
def test_data_that_are_not_those_of_the_split_are_refused(change: dict[str, str | None], message: str) -> None:
    dataset = grouped()
    hashes = {sample.id: f"hash of {sample.id}" for sample in dataset.samples}
    folds = make_folds(dataset, duplicates=copies().model_copy(update={"sha256": hashes}))
    folds.require_same(hashes)
    with pytest.raises(DatasetError, match=message):
        folds.require_same({name: digest for name, digest in (hashes | change).items() if digest})


def test_a_fold_that_is_not_there() -> None:
    dataset = grouped()
    with pytest.raises(DatasetError, match="no fold 5, the split has 5"):
        make_folds(dataset, k=5).split(dataset, 5)


def test_what_was_trained_on_is_not_evaluated_on() -> None:
    held_out = {"a": "0123456789abcdef", "b": "fedcba9876543210"}
    check_disjoint(["00" * 8], held_out)
    with pytest.raises(DatasetError, match="1 of 2 held-out radiographs are among those trained on, such as b"):
        check_disjoint(["fedcba987654"], held_out)


def test_a_facet_is_dealt_evenly() -> None:
    """Regions in runs, as hospitals export them: without stratification some fold gets few of one."""
    rng = np.random.default_rng(1)
    samples = tuple(
        Sample(f"{g}-{i}", int(i == 0), PhantomReader(0, 0, 64), f"g{g}", facets={"region": "hip" if g < 20 else "leg"})
        for g in range(80)
        for i in range(int(rng.integers(2, 9)))
    )
    dataset = Dataset("test", samples)

    def spread(stratify: str) -> int:
        fold_of = make_folds(dataset, k=4, stratify=stratify).fold_of
        hips = Counter(fold_of[s.id] for s in samples if s.facets["region"] == "hip")
        return max(hips.values()) - min(hips.values())

    assert spread("region") <= 6 < spread("")
    with pytest.raises(DatasetError, match="no radiograph has the facet 'side'") as error:
        make_folds(dataset, stratify="side")
    assert "region" in error.value.hint


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"split\.json"):
        make_folds(grouped()).save(tmp_path / "file" / "split.json")


def test_real_folds_share_no_neighbouring_block(fracatlas: Path) -> None:
    dataset = open_dataset(fracatlas)
    folds = make_folds(dataset)
    positives = Counter(folds.fold_of[s.id] for s in dataset.samples if s.label)
    assert max(positives.values()) - min(positives.values()) <= 10
    ids = sorted((int(s.id[3:10]), folds.fold_of[s.id]) for s in dataset.samples)
    crossings = sum(a[1] != b[1] and b[0] - a[0] == 1 for a, b in pairwise(ids))
    assert crossings < 0.03 * len(ids)
