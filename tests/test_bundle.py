"""The bundle: written whole or not at all, the same bytes every time, and every change found."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edgefrac import bundle as module
from edgefrac.bundle import MODEL_CARD, Bundle, GoldenVector, check, expected, open_bundle, write_bundle
from edgefrac.digest import file_sha256
from edgefrac.errors import BundleError, OutputError
from tests.verification.examples import contract

INT8, FP32 = "tiny-int8.tflite", "tiny-fp32.tflite"
Write = Callable[[Path], Bundle]


def golden() -> list[GoldenVector]:
    rng = np.random.default_rng(0)
    answer = expected(
        np.array([0.1], np.float32),
        rng.normal(size=(2, 2, 1)).astype(np.float32),
        probability_tolerance=1e-5,
        evidence_tolerance=1e-4,
    )
    return [
        GoldenVector(
            f"phantom-{i}",
            rng.integers(0, 256, (20 + i, 30), dtype=np.uint8),
            rng.integers(0, 256, (32, 32), dtype=np.uint8),
            {INT8: answer, FP32: answer},
        )
        for i in range(2)
    ]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    models = tmp_path / "models"
    models.mkdir()
    (models / INT8).write_bytes(b"int8 model" * 100)
    (models / FP32).write_bytes(b"fp32 model" * 400)

    def write(folder: Path, certificate: str = '{"a": 1}\n') -> Bundle:
        return write_bundle(
            folder,
            name="tiny",
            artefacts=[models / INT8, models / FP32],
            contracts={INT8: contract("int8"), FP32: contract("fp32")},
            certificate=certificate,
            texts={MODEL_CARD: "# tiny\n"},
            golden=golden(),
        )

    return write


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def zipped(folder: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in content(folder).items():
            archive.writestr(prefix + name, data)
    return target


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


def test_what_is_written_is_read_back(write: Write, tmp_path: Path) -> None:
    bundle = open_bundle(write(tmp_path / "bundle").root)
    assert bundle.contracts() == {INT8: contract("int8"), FP32: contract("fp32")}
    for before, after in zip(golden(), bundle.golden(), strict=True):
        assert np.array_equal(before.raster, after.raster) and after.raster.dtype == np.uint8
        assert np.array_equal(before.network_input, after.network_input)
        assert before.expected == after.expected


def test_expected_numbers_read_back_as_the_same_float32() -> None:
    rng = np.random.default_rng(1)
    values = (rng.normal(size=(3, 4, 2)) * 10.0 ** rng.integers(-30, 30, (3, 4, 2))).astype(np.float32)
    answer = expected(values[0, 0], values, probability_tolerance=0, evidence_tolerance=0)
    loaded = json.loads(answer.model_dump_json())
    assert np.array_equal(np.array(loaded["evidence"], np.float32), values)
    tenth = expected(np.array([0.1], np.float32), None, probability_tolerance=0, evidence_tolerance=0)
    assert tenth.probability == (0.1,) and tenth.evidence is None


def test_default_artefact_is_the_int8_file_then_the_smallest(write: Write, tmp_path: Path) -> None:
    bundle = write(tmp_path / "bundle")
    assert bundle.default_artefact() == bundle.root / INT8
    contracts = {INT8: contract("fp16"), FP32: contract("fp32")}
    sources = [bundle.root / INT8, bundle.root / FP32]
    other = write_bundle(
        tmp_path / "o", name="t", artefacts=sources, contracts=contracts, certificate="", texts={}, golden=[]
    )
    assert other.default_artefact().name == INT8
    (bundle.root / INT8).write_bytes(b"int8 hodel" * 100)
    with pytest.raises(BundleError, match=INT8):
        bundle.default_artefact()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda root: (root / INT8).unlink(), f"{INT8}: missing"),
        (lambda root: (root / INT8).write_bytes(b"x"), f"{INT8}: changed (1 bytes instead of 1000)"),
        (lambda root: (root / INT8).write_bytes(b"X" * 1000), f"{INT8}: changed (another SHA-256)"),
        (lambda root: (root / "golden" / "extra.png").write_bytes(b""), "golden/extra.png: not listed in bundle.json"),
        (lambda root: (root / "link").symlink_to("/etc"), "link: not listed in bundle.json"),
    ],
    ids=["missing", "cut short", "changed", "extra", "linked folder"],
)
def test_every_change_is_found_and_named(write: Write, tmp_path: Path, damage, problem: str) -> None:
    bundle = write(tmp_path / "bundle")
    damage(bundle.root)
    assert check(open_bundle(bundle.root)) == [problem]


def test_a_model_replaced_by_a_link_is_missing(write: Write, tmp_path: Path) -> None:
    bundle = write(tmp_path / "bundle")
    shutil.move(bundle.root / INT8, tmp_path / "elsewhere")
    (bundle.root / INT8).symlink_to(tmp_path / "elsewhere")
    assert check(bundle) == [f"{INT8}: missing"]


def test_a_manifest_cannot_point_outside(write: Write, tmp_path: Path) -> None:
    bundle = write(tmp_path / "bundle")
    (tmp_path / "secret").write_bytes(b"secret")
    manifest = json.loads((bundle.root / "bundle.json").read_bytes())
    manifest["files"].append({"path": "../secret", "bytes": 6, "sha256": "0" * 64})
    (bundle.root / "bundle.json").write_text(json.dumps(manifest))
    opened = open_bundle(bundle.root)
    assert check(opened) == ["../secret: missing"]
    with pytest.raises(BundleError, match="secret"):
        opened.read("../secret")


@pytest.mark.parametrize("prefix", ["", "my-bundle/"])
def test_a_zip_opens_like_its_folder(write: Write, tmp_path: Path, prefix: str) -> None:
    bundle = write(tmp_path / "bundle")
    opened = open_bundle(zipped(bundle.root, tmp_path / "b.zip", prefix))
    assert check(opened) == [] and content(opened.root) == content(bundle.root)
    assert opened.default_artefact().read_bytes() == bundle.default_artefact().read_bytes()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "C:\\evil", "a\\..\\evil"])
def test_a_zip_with_unsafe_names_is_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("bundle.json", "{}")
        member = zipfile.ZipInfo("x")
        member.filename = name
        file.writestr(member, "evil")
    with pytest.raises(BundleError, match="unsafe name"):
        open_bundle(archive)


def test_a_zip_with_a_link_is_refused(tmp_path: Path) -> None:
    member = zipfile.ZipInfo("link")
    member.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as file:
        file.writestr(member, "/etc/passwd")
    with pytest.raises(BundleError, match="unsafe name or link"):
        open_bundle(tmp_path / "link.zip")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGEST_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bundle.json", b"0" * 2000)
    monkeypatch.setattr(zipfile.ZipFile, "extract", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(BundleError, match="too large"):
        open_bundle(tmp_path / "bomb.zip")


def damaged(data: bytes) -> Iterator[bytes]:
    yield b""
    yield b"not a zip"
    yield data[: len(data) // 2]
    yield data[:200] + bytes(b ^ 255 for b in data[200:260]) + data[260:]


def test_damaged_zips_are_errors_not_crashes(write: Write, tmp_path: Path) -> None:
    whole = zipped(write(tmp_path / "bundle").root, tmp_path / "b.zip").read_bytes()
    for i, data in enumerate(damaged(whole)):
        path = tmp_path / f"damaged{i}.zip"
        path.write_bytes(data)
        with pytest.raises(BundleError, match=f"damaged{i}"):
            open_bundle(path)


@pytest.mark.parametrize("manifest", [None, "", "{", "[]", '{"schema": "edgefrac.bundle/2", "name": "x", "files": []}'])
def test_a_folder_that_is_no_bundle(tmp_path: Path, manifest: str | None) -> None:
    if manifest is not None:
        (tmp_path / "bundle.json").write_text(manifest)
    with pytest.raises(BundleError, match=r"bundle\.json") as caught:
        open_bundle(tmp_path)
    assert "\n" not in caught.value.message and caught.value.hint


def test_absent_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such file"):
        open_bundle(tmp_path / "absent")


def test_a_golden_png_that_is_none_is_named(write: Write, tmp_path: Path) -> None:
    bundle = write(tmp_path / "bundle")
    name = "golden/phantom-0.png"
    (bundle.root / name).write_bytes(b"text")
    manifest = bundle.manifest.model_dump(by_alias=True)
    entry = next(e for e in manifest["files"] if e["path"] == name)
    entry.update(bytes=4, sha256=file_sha256(bundle.root / name))
    (bundle.root / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"phantom-0\.png"):
        list(open_bundle(bundle.root).golden())


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
        real_rename = Path.rename

        def rename(path: Path, target: Path) -> Path:
            if path.name.endswith(".partial"):
                raise full
            return real_rename(path, target)

        monkeypatch.setattr(Path, "rename", rename)
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
