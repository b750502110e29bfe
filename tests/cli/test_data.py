"""``edgefrac data``: phantoms and splits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgefrac.cli.main import main


def test_phantoms_are_written_and_the_same_seed_gives_the_same_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "phantom", str(tmp_path / "a"), "-n", "4", "--seed", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["n"], document["positives"]) == (4, 2)
    assert main(["data", "phantom", str(tmp_path / "b"), "-n", "4", "--seed", "3"]) == 0
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.png"))
    assert len(files) == 4
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_split_keeps_groups_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", "phantom", str(tmp_path / "phantoms"), "-n", "16"])
    out = tmp_path / "split.json"
    capsys.readouterr()
    command = ["data", "split", str(tmp_path / "phantoms"), "--out", str(out), "--folds", "2", "--json"]
    assert main(command) == 0
    document = json.loads(capsys.readouterr().out)
    fold_of = json.loads(out.read_text())["fold_of"]
    assert document["folds"] == [list(fold_of.values()).count(0), list(fold_of.values()).count(1)]
    assert sum(document["folds"]) + len(document["excluded"]) == 16


def audit_phantoms(tmp_path: Path, *options: str) -> int:
    main(["data", "phantom", str(tmp_path / "phantoms"), "-n", "8"])
    return main(["data", "audit", str(tmp_path / "phantoms"), *options])


def test_an_audit_writes_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit_phantoms(tmp_path, "--out", str(tmp_path / "out" / "a.html")) == 0
    assert "8 radiographs in 4 groups (4 no fracture, 4 fracture)" in capsys.readouterr().out
    assert (tmp_path / "out" / "a.html").read_text().startswith("<!doctype html>")
    assert main(["data", "audit", str(tmp_path / "phantoms"), "--out", str(tmp_path / "a.html"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["n"]) == ("edgefrac.audit/1", 8)


def test_an_audit_of_unreadable_files_names_them_and_is_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["data", "phantom", str(tmp_path / "phantoms"), "-n", "8"])
    broken = next((tmp_path / "phantoms" / "fracture").glob("*.png"))
    broken.write_bytes(broken.read_bytes()[:300])
    assert main(["data", "audit", str(tmp_path / "phantoms"), "--out", str(tmp_path / "a.html")]) == 2
    assert "Unreadable files: 1" in capsys.readouterr().out
    assert broken.name in (tmp_path / "a.html").read_text()


def test_an_audit_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert audit_phantoms(tmp_path, "--out", str(tmp_path / "file" / "a.html")) == 2
    assert "file: cannot be written" in capsys.readouterr().err


def test_an_audit_with_something_that_is_no_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "split.json").write_text('{"schema": "something/1"}')
    assert audit_phantoms(tmp_path, "--split", str(tmp_path / "split.json")) == 2
    assert "split.json: not a split" in capsys.readouterr().err


def test_no_phantoms_where_there_can_be_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["data", "phantom", str(tmp_path / "file" / "out"), "-n", "2"]) == 2
    assert "error: " in capsys.readouterr().err


def test_phantoms_as_dicom_by_type_with_a_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.png"
    chosen = ["-n", "4", "--task", "type", "--difficulty", "easy", "--format", "dicom", "--sheet", str(sheet), "--json"]
    assert main(["data", "phantom", str(tmp_path / "a"), *chosen]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["n"], document["positives"]) == (4, 2)
    assert len(list((tmp_path / "a").rglob("*.dcm"))) == 4 and sheet.read_bytes().startswith(b"\x89PNG")
    assert main(["data", "phantom", str(tmp_path / "b"), "--difficulty", "never"]) == 2
    assert "easy, medium, hard" in capsys.readouterr().err
