"""``edgefrac bench``: the fields of the design, on real runtimes; no test expects a speed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import edgefrac
from edgefrac.benchmarking.document import Document
from edgefrac.bundle import write_bundle
from edgefrac.cli.bench import _table
from edgefrac.cli.main import main
from edgefrac.digest import file_sha256
from edgefrac.runtimes.session import open_session
from tests import tflite_model
from tests.benchmarking import examples

QUICK = ["--seconds", "0.1"]
FIELDS = set(
    "path target precision bytes device runtime threads evidence_level median_ms median_ci p90_ms p99_ms percentiles_ms"
    " cpu_ms runs peak_rss_mb energy_mj placement operators elsewhere cycles sram_kb load_ms cold_start_ms threads_seen"
    " sha256 reason beside_first parity".split()
)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """The document of a bench."""
    assert main(["bench", *map(str, words), *QUICK, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_document_has_the_fields_of_the_design(
    tiny_tflite: Path, tiny_onnx: Path, tiny_openvino: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = run(capsys, tiny_tflite, tiny_onnx, tiny_openvino)
    runtimes = ["LiteRT", "LiteRT CompiledModel", "ONNX Runtime", "OpenVINO"]
    assert [row["runtime"] for row in document["rows"]] == runtimes
    assert [row["target"] for row in document["rows"]] == ["tflite", "tflite", "onnx", "openvino"]
    for row in document["rows"]:
        assert set(row) == FIELDS
        assert (row["device"], row["threads"], row["evidence_level"]) == ("cpu", 1, "measured")
        assert row["median_ci"][0] <= row["median_ms"] <= row["median_ci"][1]
        assert row["median_ms"] <= row["p90_ms"] <= row["p99_ms"]
        assert row["percentiles_ms"][0] <= row["median_ms"] <= row["percentiles_ms"][-1] and row["cpu_ms"] > 0
        assert row["runs"] >= 30 and sum(row["operators"].values()) > 0 and not row["elsewhere"]
        assert row["threads_seen"] == 1 and row["parity"] is None
        if row["runtime"] == "LiteRT CompiledModel":  # nobody starts a process with it by itself
            assert row["cold_start_ms"] is row["peak_rss_mb"] is None
        else:
            assert row["cold_start_ms"] > row["load_ms"] > 0 and row["peak_rss_mb"] > 25
    assert len({row["runs"] for row in document["rows"]}) == 1
    first, second, *_ = document["rows"]
    assert first["beside_first"] is None
    ratio = second["beside_first"]
    assert ratio["ratio_ci"][0] <= ratio["ratio"] <= ratio["ratio_ci"][1]
    host = document["host"]
    assert host["cores"] >= 1 and host["kernel"] and {"numpy", "ai-edge-litert", "onnxruntime"} <= set(host["versions"])
    assert document["changes"] == []


def test_the_table_has_a_line_for_each_row(tiny_tflite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(tiny_tflite), str(tiny_tflite), *QUICK]) == 0
    head, first, second, *rest = capsys.readouterr().out.splitlines()
    assert head.split()[:5] == ["file", "on", "threads", "ms", "(95"]
    assert first.split()[:3] == [str(tiny_tflite), "LiteRT", "1"] and "×" not in first
    assert second.split()[:4] == [str(tiny_tflite), "LiteRT", "CompiledModel", "1"] and "×" in second
    assert "cores, load " in rest[-1]


def test_threads_that_did_not_work_are_named() -> None:
    rows = tuple(examples.row(3.0, threads=asked, threads_seen=seen) for asked, seen in ((4, 1), (2, 2), (8, None)))
    lines = _table(Document(rows=rows, host=examples.here())).splitlines()
    assert [line for line in lines if "worked" in line] == ["a.tflite: 4 threads were asked for, 1 worked"]


def test_a_crowded_machine_is_named() -> None:
    quiet, busy = (
        _table(Document(rows=(examples.row(3.0),), host=examples.here(waiting=share))) for share in (0.01, 0.3)
    )
    assert "for 30% of its time the stopwatch waited" in busy and "busy" not in quiet


def test_files_of_other_sizes_have_their_own_input(
    tiny_tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "large.tflite"
    monkeypatch.setattr(tflite_model, "SIZE", 1024)
    monkeypatch.setattr(tflite_model, "CELLS", 256)
    large.write_bytes(tflite_model.build(tflite_model.contract()))
    row = next(row for row in run(capsys, tiny_tflite, large)["rows"] if row["path"] == str(large))
    assert row["beside_first"]["verdict"] == "slower" and row["beside_first"]["ratio"] > 5


def test_a_file_that_cannot_run_alone_keeps_its_times(
    tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.bin"
    shutil.copyfile(tiny_tflite, path)
    row, _ = run(capsys, path)["rows"]
    assert row["evidence_level"] == "measured" and row["median_ms"] > 0 and row["peak_rss_mb"] is None
    assert "no memory and no cold start" in row["reason"]
    assert main(["bench", str(path), *QUICK]) == 0
    assert f"{path}: {row['reason']}" in capsys.readouterr().out


@pytest.fixture
def bundle(tiny_tflite: Path, tiny_onnx: Path, tmp_path: Path) -> Path:
    """A bundle of two files."""
    files = [tiny_tflite, tiny_onnx]
    contracts = {file.name: open_session(file).contract for file in files}
    folder = tmp_path / "bundle"
    write_bundle(folder, name="tiny", artefacts=files, contracts=contracts, certificate="{}", texts={}, golden=[])
    return folder


def test_a_bundle_is_all_its_files(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "model"), "zip", bundle))
    rows = run(capsys, bundle, archive)["rows"]
    assert [row["path"] for row in rows] == [
        str(p / n) for p in (bundle, archive) for n in ("tiny.onnx", "tiny.tflite", "tiny.tflite")
    ]
    names = ("tiny.onnx", "tiny.tflite", "tiny.tflite")
    assert [row["sha256"] for row in rows] == 2 * [file_sha256(bundle / name) for name in names]


def test_a_changed_bundle_is_refused(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle / "certificate.json").write_text("{ }")
    assert main(["bench", str(bundle), *QUICK]) == 2
    assert "certificate.json: changed" in capsys.readouterr().err


def test_a_device_that_takes_no_such_file_has_a_row_with_the_reason(
    tiny_ort: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = run(capsys, tiny_ort, "--device", "npu")["rows"]
    assert (row["device"], row["evidence_level"], row["median_ms"]) == ("npu", "unavailable", None)
    assert row["reason"] == "no backend of this device takes ORT files in fp32"
    assert main(["bench", str(tiny_ort), "--device", "npu"]) == 0
    assert f"{tiny_ort} on npu: unavailable: {row['reason']}" in capsys.readouterr().out


def test_a_required_device_that_is_not_there_fails(tiny_tflite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(tiny_tflite), "--device", "npu", "--require", "npu", "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["rows"][0]["evidence_level"] == "unavailable"
    assert f"required, but not on npu: {tiny_tflite}" in captured.err
    assert main(["bench", str(tiny_tflite), "--require", "cpu", *QUICK]) == 0


def test_a_runtime_that_is_not_installed_is_a_row_too(
    tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "edgefrac.targets.onnxruntime_import", None)
    (row,) = run(capsys, tiny_onnx)["rows"]
    assert row["evidence_level"] == "unavailable" and "pip install 'edgefrac[onnx]'" in row["reason"]


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["absent.tflite"], "absent.tflite: no such file"),
        (["cut.tflite"], "cut.tflite: "),
        (["tiny.tflite", "--device", "abacus"], "device 'abacus' is not known"),
        (["tiny.tflite", "--against", "absent.json"], "absent.json: cannot be read"),
        (["tiny.tflite", "--threads", "0"], "--threads"),
        ([], "FILE|BUNDLE"),
    ],
)
def test_errors_have_status_2_and_a_cause(
    words: list[str],
    cause: str,
    tiny_tflite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.tflite").write_bytes(tiny_tflite.read_bytes())
    Path("cut.tflite").write_bytes(tiny_tflite.read_bytes()[:900])
    assert main(["bench", *words]) == 2
    assert cause in capsys.readouterr().err


def test_what_got_slower_is_said(tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = run(capsys, tiny_tflite)
    row, _ = document["rows"]
    for name in ("median_ms", "p90_ms", "p99_ms"):
        row[name] /= 1000
    row["median_ci"] = [limit / 1000 for limit in row["median_ci"]]
    old = tmp_path / "old.json"
    old.write_text(json.dumps(document))
    change, _ = run(capsys, tiny_tflite, "--against", old)["changes"]
    assert change["then_ms"] == row["median_ms"]
    assert change["difference"]["verdict"] == "slower" and change["difference"]["ratio"] > 10
    assert main(["bench", str(tiny_tflite), "--against", str(old), *QUICK]) == 0
    assert f"{tiny_tflite}, LiteRT, 1 threads: " in (out := capsys.readouterr().out) and ") slower" in out


def test_another_hosts_document_is_refused(
    tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = run(capsys, tiny_tflite)
    document["host"]["cpu"] = "Another"
    old = tmp_path / "old.json"
    old.write_text(json.dumps(document))
    assert main(["bench", str(tiny_tflite), "--against", str(old)]) == 2
    assert "measured on another machine: Another" in capsys.readouterr().err


def test_the_public_verb(tiny_tflite: Path) -> None:
    document = edgefrac.benchmark([tiny_tflite, str(tiny_tflite)], seconds=0.1, threads=[1, 1])
    assert [row.path for row in document.rows] == [str(tiny_tflite)] * 4
    assert document.rows[0].runs == document.rows[1].runs
