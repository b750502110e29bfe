"""``edgefrac predict --out``: the rows, going on, and what stands in the way."""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from edgefrac.archive.predicting import Predicting
from edgefrac.archive.results import schema
from edgefrac.cli.main import main
from edgefrac.models.checkpoint import save_checkpoint
from edgefrac.prediction import load, predict_file
from edgefrac.runtimes.portable import PortableModel
from tests import tflite_model
from tests.archive.conftest import table, timeless
from tests.disk import full_disk
from tests.imaging.dicom.planted import plant
from tests.imaging.dicom.test_privacy_of_predict import broken
from tests.imaging.files import save
from tests.models.networks import FRACTURE, REGION, info, talkative

pytest.importorskip("pyarrow", reason="the extra 'archive' is not installed")
pytest.importorskip("filelock", reason="the extra 'archive' is not installed")


def test_the_rows_are_those_of_predict_file(archive: Path, tiny_tflite: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.parquet"
    twice = ["predict", str(archive), str(archive / "old" / "00.png")]
    assert main([*twice, "--model", str(tiny_tflite), "--out", str(out), "--processes", "2"]) == 2
    rows = table(out)
    session = load(tiny_tflite)
    images = sorted(archive.rglob("*.png"))
    assert [row["file"] for row in rows] == [str(path) for path in images]
    for row, path in zip(rows, images, strict=True):
        wanted = predict_file(session, path)
        given = {key: value for key, value in row.items() if value is not None and key not in ("size", "modified_ns")}
        assert timeless([given]) == timeless([dict(wanted)])
        assert (row["size"], row["modified_ns"]) == (path.stat().st_size, path.stat().st_mtime_ns)
    (damaged,) = [row for row in rows if row["error"]]
    assert damaged["file"].endswith("damaged.png") and damaged["probability"] is None


def test_the_schema_is_the_same_for_every_model_and_holds_further_tasks(archive: Path, tmp_path: Path) -> None:
    import pyarrow.dataset

    model = tmp_path / "two.safetensors"
    save_checkpoint(model, talkative((FRACTURE, REGION)), info((FRACTURE, REGION)))
    image = archive / "old" / "00.png"
    assert main(["predict", str(image), "--model", str(model), "--out", str(tmp_path / "r"), "--processes", "1"]) == 0
    (row,) = table(tmp_path / "r")
    tasks = {name: dict(classes) for name, classes in row["tasks"]}
    assert tasks == predict_file(load(model), image)["tasks"]
    assert pyarrow.dataset.dataset(tmp_path / "r").schema.equals(schema())


def test_a_rerun_does_what_is_left_new_or_changed(
    archive: Path, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", str(archive), "--model", str(tiny_tflite), "--out", str(tmp_path / "r"), "--json"]
    command += ["--processes", "1"]
    assert main(command) == 2
    first = json.loads(capsys.readouterr().out)
    assert (first["predicted"], first["unreadable"], first["no_image"], first["there_before"]) == (12, 1, 1, 0)
    before = table(tmp_path / "r")
    Image.fromarray(np.full((30, 30), 200, np.uint8)).save(archive / "old" / "00.png")
    (archive / "old" / "02.png").rename(archive / "old" / "99.png")
    Image.fromarray(np.full((30, 30), 10, np.uint8)).save(archive / "old" / "damaged.png")
    assert main(command) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["predicted"], again["unreadable"], again["there_before"]) == (3, 0, 10)
    after = table(tmp_path / "r")
    assert len(after) == len({row["file"] for row in after}) == 14
    kept = {row["file"]: row for row in after}
    changed = {Path(row["file"]).name for row in before if kept[row["file"]] != row}
    assert changed == {"00.png", "damaged.png"}
    assert all(row["error"] is None for row in after)
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "r").glob("part-*")}
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["there_before"] == 13
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "r").glob("part-*")} == parts


def test_an_error_is_tried_again_though_the_file_is_the_same(
    archive: Path, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = archive / "old" / "00.png"
    sound, facts = image.read_bytes(), image.stat()
    image.write_bytes(bytes(len(sound)))
    command = ["predict", str(image), "--model", str(tiny_tflite), "--out", str(tmp_path / "r"), "--processes", "1"]
    for content, status in ((bytes(len(sound)), 2), (sound, 0)):
        image.write_bytes(content)
        os.utime(image, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        assert main(command) == status
        (row,) = table(tmp_path / "r")
        assert (row["error"] is None) is (status == 0)


def test_what_a_killed_run_left_half_written_is_cleared_away(archive: Path, tiny_tflite: Path, tmp_path: Path) -> None:
    out = tmp_path / "r"
    command = ["predict", str(archive), "--model", str(tiny_tflite), "--out", str(out), "--processes", "1"]
    main(command)
    before = table(out)
    (out / ".part-00001.parquet.77.part").write_bytes(b"PAR1 and no more")
    assert table(out) == before, "nobody takes it for a part"
    main(command)
    assert not list(out.glob(".*"))


def test_results_inside_the_archive_are_not_part_of_it(
    archive: Path, tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(archive)
    command = ["predict", ".", "--model", str(tiny_tflite), "--out", "r", "--json", "--processes", "1"]
    assert main(command) == main(command) == 2
    assert json.loads(capsys.readouterr().out.partition("\n}")[2])["no_image"] == 1
    assert {row["file"] for row in table(Path("r"))} == {str(path) for path in archive.rglob("*.png")}


def test_a_zip_gives_the_rows_of_its_folder(archive: Path, tiny_tflite: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as zipped:
        for path in sorted(archive.rglob("*.*")):
            zipped.write(path, path.relative_to(archive))
    for place, out in ((archive, "a"), (packed, "b")):
        command = ["predict", str(place), "--model", str(tiny_tflite), "--out", str(tmp_path / out), "--processes", "1"]
        assert main(command) == 2
    one, other = (table(tmp_path / out) for out in "ab")
    assert [row["file"].replace(f"{packed}:", f"{archive}/") for row in other] == [row["file"] for row in one]
    assert [row["probability"] for row in other] == [row["probability"] for row in one]


def test_another_model_or_window_is_refused(
    archive: Path, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", str(archive), "--out", str(tmp_path / "r"), "--processes", "1"]
    assert main([*command, "--model", str(tiny_tflite)]) == 2
    other = tmp_path / "other.tflite"
    other.write_bytes(tflite_model.build(tflite_model.contract(threshold=0.25)))
    before = table(tmp_path / "r")
    capsys.readouterr()
    assert main([*command, "--model", str(other)]) == 2
    assert "holds the answers of tiny.tflite" in capsys.readouterr().err
    assert main([*command, "--model", str(tiny_tflite), "--window", "bone"]) == 2
    assert "its --window was none" in capsys.readouterr().err
    assert table(tmp_path / "r") == before
    moved = tmp_path / "moved.tflite"
    moved.write_bytes(tiny_tflite.read_bytes())
    (archive / "old" / "damaged.png").unlink()
    assert main([*command, "--model", str(moved)]) == 0, "the content counts, not the name"


def test_a_part_that_was_cut_short_is_put_aside_and_its_files_are_done_again(
    archive: Path, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r"
    for place in ("old", "new"):
        command = ["predict", str(archive / place), "--model", str(tiny_tflite), "--out", str(out), "--processes", "1"]
        main(command)
    before = table(out)
    part = out / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    capsys.readouterr()
    assert main(["predict", str(archive), *command[2:]]) == 2
    assert f"{part}: damaged (" in capsys.readouterr().err
    assert timeless(table(out)) == timeless(before)
    assert (out / "_damaged-part-00000.parquet").is_file()


@pytest.mark.parametrize("content", ["nothing", "no image"])
def test_an_archive_without_images(
    content: str, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    if content == "no image":
        (tmp_path / "empty" / "notes.txt").write_text("words")
    for options in (["--out", str(tmp_path / "r")], []):
        assert main(["predict", str(tmp_path / "empty"), "--model", str(tiny_tflite), *options]) == 2
        expected = "no files there" if content == "nothing" else "none of its 1 files is an image"
        assert f"{tmp_path / 'empty'}: {expected}" in capsys.readouterr().err


def test_folders_that_cannot_take_results(
    archive: Path, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "theirs.parquet").write_text("keep me")
    for out, cause in [
        (file, "not a folder"),
        (file / "r", "cannot be written (Not a directory)"),
        (Path("/proc/r"), "cannot be written ("),
        (tmp_path / "others", "holds other files, such as theirs.parquet"),
    ]:
        assert main(["predict", str(archive), "--model", str(tiny_tflite), "--out", str(out)]) == 2
        assert f"error: {out}: {cause}" in capsys.readouterr().err
    assert (tmp_path / "others" / "theirs.parquet").read_text() == "keep me"


def test_a_full_disk_is_an_error_and_leaves_what_was_written(
    archive: Path, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r"
    command = ["--model", str(tiny_tflite), "--out", str(out), "--processes", "1"]
    main(["predict", str(archive / "old"), *command])
    before = table(out)
    for places in (archive / "new", archive / "old"):
        capsys.readouterr()
        with full_disk(1024):
            assert main(["predict", str(places), *command]) == 2
        assert re.search(r"part-\d{5}\.parquet: cannot be written \(File too large\)", capsys.readouterr().err)
        assert table(out) == before
        assert not list(out.glob(".*"))
    assert main(["predict", str(archive), *command]) == 2
    assert len(table(out)) == 13


def test_two_runs_do_not_write_into_one_folder(
    archive: Path, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import filelock

    out = tmp_path / "r"
    out.mkdir()
    with filelock.FileLock(out / "_lock"):
        assert main(["predict", str(archive), "--model", str(tiny_tflite), "--out", str(out)]) == 2
    assert f"{out}: another run is writing there" in capsys.readouterr().err


def test_a_missing_extra_is_named(
    archive: Path,
    tiny_tflite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert main(["predict", str(archive), "--model", str(tiny_tflite), "--out", str(tmp_path / "r")]) == 3
    assert "pip install 'edgefrac[archive]'" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_overlays_are_for_one_process(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(archive), "--overlay", str(tmp_path / "o"), "--processes", "2"]) == 2
    assert "leave out --out, --processes and --ray" in capsys.readouterr().err


def test_an_error_inside_edgefrac_costs_one_image_of_an_archive(
    archive: Path, tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgefrac.archive import predicting
    from edgefrac.archive.listing import list_files

    def broken(*_: object, **__: object) -> None:
        raise IndexError("a patient's name")

    monkeypatch.setattr(predicting, "predict_read", broken)
    (file,) = list_files([archive / "old" / "00.png"])
    do = Predicting(PortableModel(tiny_tflite), "tiny", keep_going=True).open()
    row, _ = do(file)
    assert row is not None and "internal error (IndexError)" in row["error"] and "patient" not in row["error"]
    with pytest.raises(IndexError):
        Predicting(PortableModel(tiny_tflite), "tiny").open()(file)


def test_results_are_for_their_owner_as_umask_says(archive: Path, tiny_tflite: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        main(["predict", str(archive), "--model", str(tiny_tflite), "--out", str(tmp_path / "r"), "--processes", "1"])
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "r").iterdir()}
    assert not any(modes.values()), modes


def test_300_planted_values_reach_no_result(
    tiny_tflite: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        planted, secrets = plant(ExplicitVRLittleEndian)
    (tmp_path / "dicom").mkdir()
    for name, content in broken(save(planted)).items():
        (tmp_path / "dicom" / name).write_bytes(content)
    out = tmp_path / "r"
    assert main(["predict", str(tmp_path / "dicom"), "--model", str(tiny_tflite), "--out", str(out)]) == 2
    rows = table(out)
    assert sum(row["error"] is None for row in rows) == 2 and len(rows) > 5
    captured = capfd.readouterr()
    everything = repr(rows) + captured.out + captured.err
    assert not [secret for secret in secrets if secret in everything]
