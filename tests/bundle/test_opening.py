"""An opened bundle is what its manifest says: every change is found and named, and no name or link leads outside."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgefrac.bundle import check, open_bundle, write_bundle
from edgefrac.digest import file_sha256
from edgefrac.errors import BundleError
from tests.bundle.material import FP32, INT8, Write, endless, folder, golden, pipe, within
from tests.verification.examples import contract


def test_what_is_written_is_read_back(write: Write, tmp_path: Path) -> None:
    bundle = open_bundle(write(tmp_path / "bundle").root)
    assert bundle.contracts() == {INT8: contract("int8"), FP32: contract("fp32")}
    for before, after in zip(golden(), bundle.golden(), strict=True):
        assert np.array_equal(before.raster, after.raster) and after.raster.dtype == np.uint8
        assert np.array_equal(before.network_input, after.network_input)
        assert before.expected == after.expected


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
    with pytest.raises(BundleError, match=r"bundle\.json: .*unsafe name '\.\./secret'"):
        open_bundle(bundle.root)
    with pytest.raises(BundleError, match="not listed"):
        bundle.read("../secret")


@pytest.mark.parametrize("manifest", [None, "", "{", "[]", '{"schema": "other/2"}'])
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


@pytest.mark.parametrize(
    ("schema", "says", "next_step"),
    [
        ("edgefrac.bundle/2", "newer than this EdgeFrac, which reads edgefrac.bundle/1", "--upgrade"),
        ("edgefrac.bundle/0", "older than edgefrac.bundle/1", "export"),
    ],
)
def test_another_version_of_the_format_is_not_called_damage(
    tmp_path: Path, schema: str, says: str, next_step: str
) -> None:
    (tmp_path / "bundle.json").write_text(json.dumps({"schema": schema, "name": "x", "entries": {}}))
    with pytest.raises(BundleError, match=says) as caught:
        open_bundle(tmp_path)
    assert next_step in caught.value.hint


def relisted(root: Path, *names: str) -> None:
    """List files in the manifest as they are now, by names that may be those of others."""
    manifest = json.loads((root / "bundle.json").read_bytes())
    kept = [entry for entry in manifest["files"] if entry["path"] not in names]
    added = [{"path": name, "bytes": 1, "sha256": "0" * 64} for name in names]
    (root / "bundle.json").write_text(json.dumps({**manifest, "files": [*kept, *added]}))


@pytest.mark.parametrize(
    "names",
    [
        ("MODEL_CARD.md", "model_card.md"),
        ("\u00e9.txt", "e\u0301.txt"),
        ("ﬁle", "file"),
        ("BUNDLE.json",),
        ("Model.sig",),
    ],
)
def test_names_that_are_one_on_some_systems_are_refused(write: Write, tmp_path: Path, names: tuple[str, ...]) -> None:
    root = write(tmp_path / "bundle").root
    relisted(root, *names)
    with pytest.raises(BundleError, match="one on some systems"):
        open_bundle(root)


@pytest.mark.parametrize("instead", [pipe, endless, folder])
@pytest.mark.parametrize("name", ["bundle.json", INT8, "golden/vectors.json"])
def test_pipes_and_devices_are_not_waited_for(write: Write, tmp_path: Path, name: str, instead) -> None:
    bundle = write(tmp_path / "bundle")
    (bundle.root / name).unlink()
    instead(bundle.root / name)
    with within(5):
        if name == "bundle.json":
            with pytest.raises(BundleError, match=r"bundle\.json"):
                open_bundle(bundle.root)
        else:
            assert f"{name}: missing" in check(open_bundle(bundle.root))
            with pytest.raises(BundleError, match="missing"):
                open_bundle(bundle.root).read(name)


def test_a_document_that_is_huge_is_not_read(write: Write, tmp_path: Path) -> None:
    root = write(tmp_path / "bundle").root
    relisted(root, "certificate.json")
    manifest = (root / "bundle.json").read_text().replace('"bytes": 1,', '"bytes": 9000000000,')
    (root / "bundle.json").write_text(manifest)
    (root / "certificate.json").unlink()
    (root / "certificate.json").symlink_to("/dev/zero")
    with within(5), pytest.raises(BundleError, match="over 64 MiB"):
        open_bundle(root).read("certificate.json")


def test_a_pipe_is_no_zip(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    with within(5), pytest.raises(BundleError, match="neither a folder nor a file"):
        open_bundle(tmp_path / "pipe.zip")


def test_a_folder_that_is_a_link_leads_nowhere(write: Write, tmp_path: Path) -> None:
    bundle = write(tmp_path / "bundle")
    shutil.move(bundle.root / "golden", tmp_path / "elsewhere")
    (bundle.root / "golden").symlink_to(tmp_path / "elsewhere")
    assert "golden/vectors.json: missing" in check(open_bundle(bundle.root))
    with pytest.raises(BundleError, match="missing"):
        bundle.read("golden/vectors.json")


def test_a_hard_link_is_a_file_and_what_it_leads_to_is_never_written(write: Write, tmp_path: Path) -> None:
    bundle = write(tmp_path / "bundle")
    os.link(bundle.root / "bundle.json", tmp_path / "other")
    before = (tmp_path / "other").read_bytes()
    assert check(open_bundle(bundle.root)) == []
    write(tmp_path / "bundle", certificate="changed")  # type: ignore[call-arg]
    assert (tmp_path / "other").read_bytes() == before != (tmp_path / "bundle" / "bundle.json").read_bytes()


def test_a_folder_of_countless_files_is_not_listed_to_its_end(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefrac.bundle.opening.MOST_FILES", 3)
    bundle = write(tmp_path / "bundle")
    for number in range(20):
        (bundle.root / f"{number}.txt").touch()
    assert check(bundle) == ["more than 3 files that are not listed in bundle.json"]
