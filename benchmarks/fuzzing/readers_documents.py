"""Readers of documents and data sets: JSON, YAML, tables, arrays, zipped folders and bundles."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from benchmarks.fuzzing import mending
from benchmarks.fuzzing import seeds_documents as seeds
from benchmarks.fuzzing.mutation import blunt
from benchmarks.fuzzing.mutation_binary import by_content, zip_changer
from benchmarks.fuzzing.mutation_text import change_json, change_markup, change_table, change_tokens, change_yaml
from benchmarks.fuzzing.reader import Reader, from_file
from edgefrac.benchmarking.document import read_document
from edgefrac.bundle import CERTIFICATE, PLAN, check, open_bundle
from edgefrac.datasets import open_dataset
from edgefrac.datasets.annotation import read_coco, read_voc, read_yolo
from edgefrac.datasets.classes import mentions_fracture
from edgefrac.datasets.duplicates import load_duplicates
from edgefrac.datasets.splits import load_folds
from edgefrac.errors import DatasetError, EdgeFracError
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.pipeline.sweep_recipe import read_sweep
from edgefrac.quantization.exact_plan import ExactPlan
from edgefrac.recipes.reading import read_recipe
from edgefrac.targets.sealing import parse_contract
from edgefrac.training.recipe import Recipe
from edgefrac.verification.certificate import Certificate

_NAME = "a file"
_FIRST = 2
_SIZE = (24, 20)


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    """Of what is no UTF-8, the product says so before it gets to the reader."""

    def call(data: bytes) -> object:
        try:
            return read(data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise DatasetError(f"{_NAME}: not UTF-8") from error

    return call


def _samples(path: Path) -> None:
    for sample in open_dataset(path).samples[:_FIRST]:
        sample.read()


def _slices(path: Path) -> None:
    for sample in open_dataset(f"{path}?volume=slices").samples[:_FIRST]:
        sample.read()


def _table(path: Path) -> None:
    for name in ("a.png", "b.png"):
        (path.parent / name).touch()
    open_dataset(path)


def _phantoms(path: Path) -> None:
    path.rename(path.with_name("phantoms.json"))
    for name in ("a.png", "b.png"):
        (path.parent / name).touch()
    open_dataset(path.parent)


def _bundle(path: Path) -> None:
    bundle = open_bundle(path)
    check(bundle)
    for step in (
        lambda: bundle.contracts(),
        lambda: list(bundle.golden()),
        lambda: bundle.default_artefact(),
        lambda: Certificate.from_json(bundle.read(CERTIFICATE)),
        lambda: ExactPlan.from_json(bundle.read(PLAN), PLAN),
    ):
        with suppress(EdgeFracError):  # one refusal must not hide what comes after it
            step()


def _inspect(path: Path) -> None:
    from edgefrac.inspection import inspect_model

    inspect_model(path)


def _envelope(data: bytes) -> None:
    from pydantic import ValidationError

    from edgefrac.serve.dicom.envelope import Envelope

    try:
        Envelope.from_json(data)
    except ValidationError as error:
        raise DatasetError(f"{_NAME}: not an envelope") from error


READERS = (
    Reader("contract", lambda data: parse_contract(Path(_NAME), data), seeds.contracts, (change_json,), weight=6),
    Reader("plan", lambda data: ExactPlan.from_json(data, _NAME), seeds.plans, (change_json,), weight=6),
    Reader("certificate", Certificate.from_json, seeds.certificates, (change_json,), weight=6),
    Reader("bench-document", from_file(read_document), seeds.bench_documents, (change_json,), weight=3),
    Reader("split", from_file(load_folds), seeds.splits, (change_json,), weight=3),
    Reader("duplicates", from_file(load_duplicates), seeds.duplicates, (change_json,), weight=3),
    Reader("envelope", _envelope, seeds.envelopes, (change_json,), weight=2),
    Reader("train-recipe", from_file(lambda p: read_recipe(p, Recipe)), seeds.train_recipes, (change_yaml,), weight=4),
    Reader(
        "export-recipe",
        from_file(lambda p: read_recipe(p, ExportRecipe)),
        seeds.export_recipes,
        (change_yaml,),
        weight=4,
    ),
    Reader("sweep-recipe", from_file(read_sweep), seeds.sweep_recipes, (change_yaml,), weight=2),
    Reader("coco", _text(lambda t: read_coco(t, _NAME, mentions_fracture)), seeds.coco_files, (change_json,), weight=5),
    Reader("voc", _text(lambda t: read_voc(t, _NAME)), seeds.voc_files, (change_markup,), weight=5),
    Reader("yolo", _text(lambda t: read_yolo(t, _NAME, 3, _SIZE)), seeds.yolo_files, (change_tokens,), weight=5),
    Reader("label-table", from_file(_table, ".csv"), seeds.label_tables, (change_table,), weight=5),
    Reader("phantom-list", from_file(_phantoms, ".json"), seeds.phantom_lists, (change_json,), weight=3),
    Reader("npz", from_file(_samples, ".npz"), seeds.arrays, (zip_changer(blunt),), weight=2),
    Reader("npz-slices", from_file(_slices, ".npz"), seeds.arrays, (zip_changer(blunt),), weight=1),
    Reader("zipped-set", from_file(_samples, ".zip"), seeds.zipped_sets, (zip_changer(by_content),), weight=2),
    Reader("bundle", from_file(_bundle, ".zip"), seeds.bundles, (zip_changer(by_content),), mending.bundle, weight=2),
    Reader("inspect-bundle", from_file(_inspect, ".zip"), seeds.bundles, (zip_changer(by_content),), mending.bundle),
)
"""In the order of the report."""
