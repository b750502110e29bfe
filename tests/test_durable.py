"""Whole or not at all: files and folders, on full and read-only disks, after kills."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.reliability.shortages import bound_by_permissions
from edgefrac import durable
from edgefrac.errors import OutputError
from tests.disk import full_disk

LONG = "ä" * 120 + ".png"  # 244 of 255 bytes: nothing can be added to it


@pytest.mark.parametrize("name", ["a.bin", LONG])
def test_a_file_is_written_with_its_folders_and_replaced(name: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / "er" / name
    for content in (b"first", b"second, longer", b""):
        durable.write(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_the_mode_is_that_of_any_new_file_or_the_one_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        durable.write(tmp_path / "usual", b"")
        durable.write(tmp_path / "own", b"", mode=0o600)
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("usual", "own")] == [0o640, 0o600]


@pytest.mark.parametrize("limit", [0, 1, 4095, 4096, 4097, 9999])
def test_a_full_disk_leaves_what_was_there(limit: int, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")
    with full_disk(limit), pytest.raises(OutputError, match=r"a\.bin: cannot be written \(File too large\)") as caught:
        durable.write(path, bytes(10_000))
    assert "free some space" in caught.value.hint
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_an_error_names_the_folder_where_the_name_is_private(tmp_path: Path) -> None:
    (tmp_path / "NAME^PATIENT").mkdir()
    with pytest.raises(OutputError) as caught:
        durable.write(tmp_path / "NAME^PATIENT", b"", named=tmp_path)
    with full_disk(1), pytest.raises(OutputError) as full:
        durable.write(tmp_path / "OTHER^PATIENT", b"ab", named=tmp_path)
    assert not any("PATIENT" in error.value.message + error.value.hint for error in (caught, full))


@pytest.mark.parametrize("what", ["folder", "pipe"])
def test_what_is_no_file_is_not_replaced(what: str, tmp_path: Path) -> None:
    path = tmp_path / what
    os.mkfifo(path) if what == "pipe" else path.mkdir()
    with pytest.raises(OutputError, match=rf"{what}: cannot be written \(not a file\)"):
        durable.write(path, b"")
    assert path.is_fifo() or path.is_dir()


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(OutputError, match="taken/a: cannot be written"):
        durable.write(tmp_path / "taken" / "a", b"")


def test_a_failure_of_the_writer_is_not_mistaken(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), durable.writing(tmp_path / "a"):
        raise ValueError("mine")
    with pytest.raises(ValueError, match="mine"), durable.making(tmp_path / "b"):
        raise ValueError("mine")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_takes_the_place_of_the_former_one(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    for number in range(3):
        with durable.making(folder) as building:
            (building / "in").mkdir()
            (building / "in" / str(number)).write_text("")
            assert not folder.exists() or (folder / "in" / str(number - 1)).exists()
        assert [p.name for p in (folder / "in").iterdir()] == [str(number)]
    assert list(tmp_path.iterdir()) == [folder]


def test_also_where_folders_cannot_change_names_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "_exchange", lambda *_: False)
    test_a_folder_takes_the_place_of_the_former_one(tmp_path)


def test_a_folder_that_fails_leaves_the_former_one(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    with durable.making(folder) as building:
        (building / "whole").write_text("")
    with full_disk(1), pytest.raises(OutputError, match=r"bundle: cannot be written"), durable.making(folder) as half:
        (half / "whole").write_text("too long")
    assert [p.name for p in folder.iterdir()] == ["whole"] and list(tmp_path.iterdir()) == [folder]


KILLED = """
import os, sys
from pathlib import Path
from edgefrac import durable
folder = Path(sys.argv[1])
with durable.writing(folder / "file") as a, durable.making(folder / "made") as b:
    a.write_bytes(b"half")
    (b / "half").write_bytes(b"")
    print(flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_is_cleared_and_not_what_a_running_one_holds(tmp_path: Path) -> None:
    for name in (".note.part", ".a.b.part", ".x.99999999-0.other"):
        (tmp_path / name).write_text("of somebody else")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()
        before = set(tmp_path.iterdir())
        assert len(before) == 5
        for name in ("file", "made"):
            durable.clear(tmp_path, name)
        assert set(tmp_path.iterdir()) == before
        process.stdin.write("\n")
    durable.clear(tmp_path, "made")
    assert len(set(tmp_path.iterdir())) == 4
    durable.write(tmp_path / "another", b"")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".a.b.part", ".note.part", ".x.99999999-0.other", "another"]


def test_what_is_held_stays_though_its_number_is_of_no_process_here(tmp_path: Path) -> None:
    """As in a folder that two containers share, whose processes do not see each other."""
    with durable.writing(tmp_path / "file") as temporary:
        foreign = tmp_path / ".file.99999999-0.part"
        os.link(temporary, foreign)
        durable.clear(tmp_path, "file")
        assert foreign.exists()
    durable.clear(tmp_path, "file")
    assert not foreign.exists()


def test_a_former_folder_put_aside_by_a_killed_process_comes_back(tmp_path: Path) -> None:
    (tmp_path / ".bundle.99999999-1.former").mkdir()
    (tmp_path / ".bundle.99999999-2.partial").mkdir()
    durable.clear(tmp_path, "bundle")
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]
    (tmp_path / ".bundle.99999999-1.former").mkdir()
    durable.clear(tmp_path, "bundle")
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_a_folder_that_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    durable.require_writable(tmp_path / "not" / "yet")
    durable.require_writable(Path())
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match=r"cannot be written \(Not a directory\)"):
            durable.require_writable(place)


@pytest.mark.skipif(bound_by_permissions() is None, reason="permissions do not bind root, and there is no setpriv")
def test_permissions_are_known_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    code = "import sys, pathlib, edgefrac.durable as d; d.require_writable(pathlib.Path(sys.argv[1]))"
    command = [*(bound_by_permissions() or ()), sys.executable, "-c", code]
    for place, denied in ((tmp_path / "closed" / "new", True), (tmp_path / "new", False)):
        done = subprocess.run([*command, place], capture_output=True, text=True)
        assert ("new: cannot be written (Permission denied)" in done.stderr) == denied == bool(done.returncode)
