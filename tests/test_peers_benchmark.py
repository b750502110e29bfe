"""benchmarks.peers: a small network through every exporter, and the arithmetic of its table."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("litert_torch")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytest.importorskip("nncf")

import torch

from benchmarks.peers.__main__ import main
from benchmarks.peers.document import Document, Goal, Parity, Row, goals_of, rows_of
from benchmarks.peers.entrants import Entrant
from benchmarks.peers.executorch_files import Remote, Worker, executorch_entrants
from benchmarks.peers.measure import time_in_turns
from benchmarks.peers.our_files import bundled_files
from benchmarks.peers.peer_files import Eager
from benchmarks.peers.radiographs import choose
from benchmarks.peers.table import markdown
from benchmarks.peers.workshop import Workshop
from edgefrac.benchmarking.host import host, now
from edgefrac.benchmarking.stopwatch import Turns
from edgefrac.contract import TrainingData, pack_hashes, remembered
from edgefrac.datasets.phantom import phantom_dataset, write_phantoms
from edgefrac.errors import DatasetError, DeviceError, UsageError
from edgefrac.models.checkpoint import save_checkpoint
from edgefrac.models.exportable import from_checkpoint
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.pipeline.subject import load_subject
from edgefrac.progress import silent
from edgefrac.targets.tflite import convert_float
from edgefrac.targets.tflite_quantize import calibrate
from tests.models.networks import SIZE, info, phantoms, talkative

PEERS = ("litert-torch", "ai-edge-quantizer", "torch.onnx", "ONNX Runtime static", "ov.convert_model", "NNCF")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that carries the ranges its exact plan needs."""
    path = tmp_path_factory.mktemp("peers") / "small.safetensors"
    network = talkative()
    ranges = calibrate(convert_float(from_checkpoint(network, info())), phantoms(6, seed=3), silent).ranges
    save_checkpoint(path, network, info(ranges=ranges))
    return path


def test_a_small_network_through_every_exporter(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "peers.json"
    few = ["--images", "24", "--calibration-images", "6", "--seconds", "0.01"]
    assert main([str(checkpoint), *few, "--out", str(out), "--markdown"]) == 0
    document = Document.model_validate_json(out.read_text())
    table = capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == [out.name]
    ours = [(row.form, row.precision) for row in document.rows if row.ours]
    assert ours == [(f, p) for f in ("tflite", "onnx", "openvino") for p in ("fp32", "fp16", "int8")]
    for row in document.rows:
        if row.form == "executorch":
            assert row.evidence_level == "unavailable" and "--executorch" in row.reason and row.median_ms is None
            continue
        assert row.median_ms and row.median_ci and row.runs >= 30, row
        if row.form != "torch":
            assert row.export_seconds and row.size_bytes and row.parity
            assert (row.beside is None) == (row.ours and row.precision == "int8")
            if row.precision == "fp32":  # the very same function, whoever wrote the file
                assert row.parity.max_abs_diff is not None and row.parity.max_abs_diff < 1e-5
                assert row.parity.evidence_correlation == pytest.approx(1)
            else:
                assert row.parity.evidence_correlation is not None and row.parity.evidence_correlation > 0.8, row
    for name in (*PEERS, "vgg16", "resnet50", "student"):
        assert sum(row.maker.startswith(name) for row in document.rows) == 1 + (name == "ONNX Runtime static")
        assert name in table
    assert {goal.what.split()[0] for goal in document.goals} == {"our", "vgg16", "resnet50"}
    assert len(document.goals) == 9 and document.bridge is None
    assert document.judged == 24 and 0 < document.judged_positives < 24


def test_a_finished_bundle_in_the_order_of_the_table(checkpoint: Path, reference_bundle: Path) -> None:
    found = bundled_files(reference_bundle, load_subject(None, None, ExportRecipe()))
    assert [(e.form, e.precision) for e in found] == [("tflite", p) for p in ("fp32", "fp16", "int8")]
    assert all(e.ours and e.size_bytes and e.export_seconds is None for e in found)
    with pytest.raises(UsageError, match="was not made from"):
        bundled_files(reference_bundle, load_subject(checkpoint, None, ExportRecipe()))


# what three openings of two turns each took: ours, a peer of the same format, a network in torch
SECONDS = np.array([[1, 1, 1.1, 1.1, 1, 1], [0.9, 0.9, 1, 1, 0.9, 0.9], [40, 41, 42, 43, 44, 45]]) / 1000
TURNS = Turns(SECONDS, SECONDS, np.repeat(np.arange(3), 2), np.zeros((3, 3)), np.zeros((3, 3), np.int64))


def entrants(peer: str) -> list[Entrant]:
    def opened() -> Eager:
        raise AssertionError("not opened here")

    return [
        Entrant("EdgeFrac", "onnx", "int8", None, ours=True, reason="cannot be converted"),
        Entrant("EdgeFrac", "tflite", "int8", opened, ours=True, size_bytes=4_000_000),
        Entrant(peer, "tflite", "int8", opened, export_seconds=12.3),
        Entrant("vgg16", "torch", "fp32", opened),
    ]


PLACES = {1: 0, 2: 1, 3: 2}


def test_a_peer_that_is_faster_and_a_network_that_is_slow_enough() -> None:
    faster, vgg = goals_of(entrants("quick"), TURNS, PLACES)
    assert faster.outcome == "not reached" and faster.found.ratio == pytest.approx(0.9, abs=0.01)
    assert vgg.outcome == "reached" and vgg.found.ratio == pytest.approx(40.5, abs=0.5)
    slow = Turns(SECONDS[[1, 0, 2]], SECONDS, TURNS.opening, TURNS.opened, TURNS.warm_up)
    assert goals_of(entrants("slow"), slow, PLACES)[0].outcome == "reached"
    short = Turns(SECONDS * [[1], [1], [0.76]], SECONDS, TURNS.opening, TURNS.opened, TURNS.warm_up)
    almost = goals_of(entrants("quick"), short, PLACES)[1]
    assert almost.found.ratio > 30 and almost.outcome == "undecided", "its interval holds less than 30, too"
    noisy = np.array([[1.0] * 6, [0.8, 0.8, 1, 1, 1.2, 1.2], [40.0] * 6]) / 1000
    same = goals_of(entrants("same"), Turns(noisy, noisy, TURNS.opening, TURNS.opened, TURNS.warm_up), PLACES)[0]
    assert same.outcome == "undecided", "an interval that wide shows nothing"


def test_rows_stand_beside_our_int8_file_of_their_format_or_else_of_tflite() -> None:
    parity = Parity(
        max_abs_diff=0.25,
        auroc_loss=0.01,
        auroc_loss_ci=(-0.02, 0.04),
        flips=3,
        evidence_correlation=0.9,
        gate="failed",
    )
    gone, ours, peer, vgg = rows_of(entrants("quick"), TURNS, {2: parity}, PLACES)
    assert gone.evidence_level == "unavailable" and gone.median_ms is None
    assert ours.median_ms == pytest.approx(1.0) and ours.beside is None
    assert peer.parity == parity
    assert peer.beside and peer.beside.ratio == pytest.approx(0.9, abs=0.01) and peer.beside_form == "tflite"
    assert vgg.beside and vgg.beside_form == "tflite" and vgg.parity is None
    opened = entrants("quick")[3].open
    others = [Entrant("EdgeFrac", form, "int8", opened, ours=True) for form in ("tflite", "onnx")]
    *_, peer = rows_of([*others, Entrant("peer", "onnx", "int8", opened)], TURNS, {}, {0: 0, 1: 1, 2: 2})
    assert peer.beside_form == "onnx" and peer.beside and peer.beside.ratio == pytest.approx(44.5, abs=0.5)


def document(rows: tuple[Row, ...], goals: tuple[Goal, ...]) -> Document:
    return Document(
        rows=rows,
        goals=goals,
        bridge=None,
        input_size=64,
        checkpoint_sha256="0" * 64,
        judged_on="phantoms",
        judged=8,
        judged_positives=4,
        data_sha256="0" * 64,
        calibrated_on="4 phantoms",
        host=host(now(), now()),
    )


def test_the_table_says_what_is_missing_and_what_was_not_reached() -> None:
    named = entrants("quick")
    lines = markdown(document(rows_of(named, TURNS, {}, PLACES), goals_of(named, TURNS, PLACES))).splitlines()
    heads, _, gone, ours, peer, vgg = (line.split(" | ") for line in lines[:6])
    assert len({len(cells) for cells in (heads, gone, ours, peer, vgg)}) == 1
    assert "unavailable: cannot be converted" in gone
    assert ours[0] == "| **EdgeFrac**" and ours[4] == "4.0" and ours[7] == "1"
    assert peer[3] == "12.3" and peer[7].startswith("0.90 (")
    assert vgg[7].startswith("40.") and vgg[7].endswith("¹")
    assert any(line.startswith("- **not reached**: our int8 tflite file is not slower") for line in lines)


def test_calibration_is_of_the_training_split_and_judgement_of_the_rest(tmp_path: Path) -> None:
    write_phantoms(phantom_dataset(20, 5, longer_side=96), tmp_path)
    hashes = [sample.read().sha256 for sample in phantom_dataset(20, 5, longer_side=96).samples]
    seen = TrainingData(names=("",), licence="", attribution="", seen=pack_hashes(hashes[::2])).seen_hashes()
    found = choose(str(tmp_path), seen, 64, images=6, calibration=4, track=silent)
    assert found.calibration.shape == (4, 64, 64) and len(found.judged) == 6
    assert not {remembered(sample.read().sha256) for sample in found.judged} & seen
    assert len(choose(str(tmp_path), seen, 64, images=50, calibration=50, track=silent).judged) == 10
    with pytest.raises(DatasetError, match="training split"):
        choose(str(tmp_path), frozenset(), 64, images=6, calibration=4, track=silent)


@pytest.fixture
def workshop(checkpoint: Path, tmp_path: Path) -> Workshop:
    subject = load_subject(checkpoint, None, ExportRecipe())
    return Workshop(subject, phantoms(4, seed=3), tmp_path)


def test_what_runs_elsewhere_takes_turns_and_is_timed_by_its_own_clock(workshop: Workshop) -> None:
    module = workshop.subject.exportable.module
    program = torch.export.export(module, (torch.zeros(1, 1, SIZE, SIZE),))
    torch.export.save(program, file := workshop.folder / "program.pt2")
    worker, opened = Worker(Path(sys.executable)), []

    def remote() -> Remote:
        opened.append(Remote(worker, file, workshop.folder))
        return opened[-1]

    both = [Entrant("here", "torch", "fp32", lambda: Eager(module)), Entrant("there", "torch", "fp32", remote)]
    image = phantoms(1)[0]
    try:
        turns = time_in_turns(both, image, 0.05, silent, openings=2)
        here, there = Eager(module).predict(image), remote().predict(image)
    finally:
        worker.close()
    counted = [len(one.taken) for one in opened[:2]]
    assert [n - warm for n, warm in zip(counted, turns.warm_up[1], strict=True)] == np.bincount(turns.opening).tolist()
    assert turns.taken[1, -1] == opened[1].taken[-1][0] and turns.worked[1, -1] == opened[1].taken[-1][1]
    assert (turns.worked[1] > 0).all(), "the processor time is that of the other process"
    np.testing.assert_allclose(there.probability, here.probability, atol=1e-6)
    np.testing.assert_allclose(there.evidence, here.evidence, atol=1e-5)


def test_a_python_without_executorch_gives_rows_that_say_so(workshop: Workshop) -> None:
    if os.environ.get("EDGEFRAC_EXECUTORCH") == sys.executable:
        pytest.skip("this Python has executorch")
    worker = Worker(Path(sys.executable))
    try:
        rows = list(executorch_entrants(workshop, worker, lambda text: None))
    finally:
        worker.close()
    assert [(row.precision, row.open) for row in rows] == [("fp32", None), ("int8", None)]
    assert all("No module named 'executorch'" in row.reason for row in rows)
    with pytest.raises(DeviceError, match="does not start"):
        Worker(Path("no-such-python"))


def test_executorch_answers_as_torch_does(workshop: Workshop) -> None:
    python = os.environ.get("EDGEFRAC_EXECUTORCH")
    if not python:
        pytest.skip("no Python with executorch: name one in EDGEFRAC_EXECUTORCH")
    worker = Worker(Path(python))
    try:
        fp32, int8, *anchors = executorch_entrants(workshop, worker, lambda text: None)
        assert fp32.open and int8.open and len(anchors) == 2
        image = phantoms(1)[0]
        wanted = Eager(workshop.subject.exportable.module).predict(image)
        np.testing.assert_allclose(fp32.open().predict(image).probability, wanted.probability, atol=1e-5)
        np.testing.assert_allclose(int8.open().predict(image).probability, wanted.probability, atol=0.1)
    finally:
        worker.close()
    assert int8.size_bytes and fp32.size_bytes and int8.size_bytes < fp32.size_bytes
