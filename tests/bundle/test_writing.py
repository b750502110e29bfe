"""A bundle is written whole or not at all, and the same bytes every time."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgefrac import durable
from edgefrac.bundle import check, expected, open_bundle, write_bundle
from edgefrac.errors import OutputError
from tests.bundle.material import FP32, INT8, Write, content


def test_layout_and_intact_check(write: Write, tmp_path: Path) -> None:
    bundle = write(tmp_path / "out" / "bundle")
    assert set(content(bundle.root)) == {
        "bundle.json",
        "certificate.json",
        "contract.json",
        "MODEL_CARD.md",
        INT8,
        FP32,
        "golden/vectors.json",
        *(f"golden/phantom-{i}{kind}.png" for i in range(2) for kind in ("", ".input")),
    }
    assert check(bundle) == []
    assert json.loads((bundle.root / "bundle.json").read_bytes())["schema"] == "edgefrac.bundle/1"
    assert [p.name for p in bundle.root.parent.iterdir()] == ["bundle"]


def test_same_content_same_bytes(write: Write, tmp_path: Path) -> None:
    assert content(write(tmp_path / "one").root) == content(write(tmp_path / "two").root)


def test_expected_numbers_read_back_as_the_same_float32() -> None:
    rng = np.random.default_rng(1)
    values = (rng.normal(size=(3, 4, 2)) * 10.0 ** rng.integers(-30, 30, (3, 4, 2))).astype(np.float32)
    answer = expected(values[0, 0], values, probability_tolerance=0, evidence_tolerance=0)
    loaded = json.loads(answer.model_dump_json())
    assert np.array_equal(np.array(loaded["evidence"], np.float32), values)
    tenth = expected(np.array([0.1], np.float32), None, probability_tolerance=0, evidence_tolerance=0)
    assert tenth.probability == (0.1,) and tenth.evidence is None


def test_a_new_bundle_replaces_the_old_one(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "bundle")
    replaced = write(tmp_path / "bundle", certificate='{"a": 2}\n')
    assert replaced.read("certificate.json") == b'{"a": 2}\n' and check(replaced) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle", "models"]


@pytest.mark.parametrize("step", ["write", "rename"])
def test_a_failure_leaves_the_old_bundle_and_nothing_else(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    old = content(write(tmp_path / "bundle").root)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if step == "write":
        real_write = Path.write_bytes

        def write_bytes(path: Path, data: bytes) -> int:
            if path.name == "vectors.json":
                raise full
            return real_write(path, data)

        monkeypatch.setattr(Path, "write_bytes", write_bytes)
    else:

        def put_in_place(building: Path, folder: Path) -> None:
            raise full

        monkeypatch.setattr(durable, "put_in_place", put_in_place)
    with pytest.raises(OutputError, match="No space left") as caught:
        write(tmp_path / "bundle", certificate="new")
    assert "space" in caught.value.hint
    monkeypatch.undo()
    assert content(tmp_path / "bundle") == old
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle", "models"]


def test_a_full_disk(write: Write, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    if (
        not mounted
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("cannot mount a tiny file system here")
    try:
        with pytest.raises(OutputError, match="No space left"):
            write(disk / "bundle")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_an_unwritable_folder(write: Write, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file/bundle"):
        write(tmp_path / "file" / "bundle")
    with pytest.raises(OutputError, match="not a folder"):
        write(tmp_path / "file")


def test_foreign_files_are_never_replaced(write: Write, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(b"")
    with pytest.raises(OutputError, match=r"holiday\.jpg"):
        write(tmp_path / "photos")
    bundle = write(tmp_path / "bundle")
    (bundle.root / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        write(tmp_path / "bundle")
    assert (bundle.root / "notes.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert check(write(tmp_path / "empty")) == []


@pytest.mark.parametrize("name", ["a:b.tflite", "con.onnx", "x .tflite ", "TINY-INT8.TFLITE"])
def test_names_that_some_system_cannot_hold_are_refused(write: Write, tmp_path: Path, name: str) -> None:
    source = write(tmp_path / "bundle").root / INT8
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(OutputError, match="name") as caught:
        write_bundle(
            tmp_path / "b",
            name="x",
            artefacts=[source, tmp_path / name],
            contracts={},
            certificate="",
            texts={},
            golden=[],
        )
    assert caught.value.hint and not (tmp_path / "b").exists()


def test_the_current_folder_may_become_a_bundle(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write(Path())
    assert check(open_bundle(tmp_path / "here")) == []


def test_a_missing_model_file_is_an_error(write: Write, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"):
        write_bundle(
            tmp_path / "b",
            name="x",
            artefacts=[tmp_path / "absent.tflite"],
            contracts={},
            certificate="",
            texts={},
            golden=[],
        )
    assert not (tmp_path / "b").exists()
