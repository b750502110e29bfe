"""Downloads from a publisher on this machine, over real HTTP."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edgefrac.datasets.catalogue import PUBLIC_SETS, PublicSet
from edgefrac.datasets.fetch import ATTEMPTS, fetch, find_public_set
from edgefrac.errors import DatasetError, OutputError, UsageError
from tests.datasets.web import Publisher, publishing
from tests.disk import full_disk

LARGE = random.Random(0).randbytes(3_500_000)
FILES = {"images.zip": LARGE, "dataset.csv": b"file,label\n"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefrac.datasets.fetch._WAIT", 0.0)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing(dict(FILES)) as serving:
        yield serving


def wanted(publisher: Publisher, kind: Any = "figshare", files: tuple[str, ...] = ()) -> PublicSet:
    page = "https://example.org/page"
    return PublicSet("A set", page, "4 MB", "CC-BY-4.0", "Somebody", kind, f"{publisher.address}/{kind}/1", files)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["figshare", "zenodo"])
def test_all_files_arrive_whole(publisher: Publisher, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "new" / "folder"
    fetched = fetch(wanted(publisher, kind), out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == FILES
    assert fetched.location == out and [path.name for path, _ in fetched.files] == list(FILES)


def test_only_the_files_wanted(publisher: Publisher, tmp_path: Path) -> None:
    fetched = fetch(wanted(publisher, files=("dataset.csv",)), tmp_path)
    assert names(tmp_path) == ["dataset.csv"] and fetched.location == tmp_path / "dataset.csv"


def test_what_is_there_whole_is_left_alone(publisher: Publisher, tmp_path: Path) -> None:
    fetch(wanted(publisher), tmp_path)
    publisher.requests.clear()
    notes: list[str] = []
    fetch(wanted(publisher), tmp_path, note=notes.append)
    assert publisher.requests == [] and len([n for n in notes if "already there" in n]) == 2
    (tmp_path / "images.zip").write_bytes(LARGE[:-1] + bytes([LARGE[-1] ^ 1]))  # same size, one bit flipped
    fetch(wanted(publisher), tmp_path)
    assert (tmp_path / "images.zip").read_bytes() == LARGE


def test_interruptions_are_resumed_within_a_call(publisher: Publisher, tmp_path: Path) -> None:
    publisher.drop_after = [1_200_000, 0, 500_000]
    notes: list[str] = []
    fetch(wanted(publisher, files=("images.zip",)), tmp_path, note=notes.append)
    assert (tmp_path / "images.zip").read_bytes() == LARGE and names(tmp_path) == ["images.zip"]
    assert [asked for _, asked in publisher.requests] == [
        None,
        "bytes=1200000-",
        "bytes=1200000-",
        "bytes=1700000-",
    ]
    assert "broke off after 1.1 of 3.3 MiB" in notes[0]


def test_interruptions_are_resumed_by_the_next_call(publisher: Publisher, tmp_path: Path) -> None:
    publisher.drop_after = [1_000_000] + [0] * (ATTEMPTS - 1)
    with pytest.raises(DatasetError, match=r"images\.zip: broke off after 1\.0 of 3\.3 MiB") as error:
        fetch(wanted(publisher), tmp_path)
    assert "same command again" in error.value.hint
    assert names(tmp_path) == [".images.zip.part"]  # nothing half-written under the final name
    fetch(wanted(publisher), tmp_path)
    assert publisher.requests[-2] == ("images.zip", "bytes=1000000-")
    assert (tmp_path / "images.zip").read_bytes() == LARGE


def test_a_server_that_cannot_go_on_starts_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher.drop_after, publisher.ranges = [1_200_000], False
    notes: list[str] = []
    fetch(wanted(publisher, files=("images.zip",)), tmp_path, note=notes.append)
    assert (tmp_path / "images.zip").read_bytes() == LARGE
    assert any("starting again" in n for n in notes)


def test_wrong_checksum_is_deleted_and_named(publisher: Publisher, tmp_path: Path) -> None:
    publisher.md5["images.zip"] = "0" * 32
    with pytest.raises(DatasetError, match=r"images\.zip: what came is not what the publisher states \(MD5 0{32}\)"):
        fetch(wanted(publisher, files=("images.zip",)), tmp_path)
    assert names(tmp_path) == []


def test_a_foreign_beginning_is_caught(publisher: Publisher, tmp_path: Path) -> None:
    """Left over from an older version of the file: the end fits on it, the checksum does not."""
    part = tmp_path / ".images.zip.part"
    part.write_bytes(bytes(1000))
    with pytest.raises(DatasetError, match="not what the publisher states"):
        fetch(wanted(publisher), tmp_path)
    assert not part.exists()
    part.write_bytes(bytes(len(LARGE) + 5))
    fetch(wanted(publisher), tmp_path)
    assert (tmp_path / "images.zip").read_bytes() == LARGE


def test_a_file_that_is_gone(publisher: Publisher, tmp_path: Path) -> None:
    publisher.record = publisher.document("figshare")
    del publisher.files["images.zip"]
    with pytest.raises(DatasetError, match=r"images\.zip: cannot be had \(HTTP status 404\)"):
        fetch(wanted(publisher), tmp_path)
    assert len(publisher.requests) == 1 and names(tmp_path) == []


def test_a_server_that_is_busy_for_a_while(publisher: Publisher, tmp_path: Path) -> None:
    publisher.statuses = [503, 429]
    fetch(wanted(publisher, files=("images.zip",)), tmp_path)
    assert (tmp_path / "images.zip").read_bytes() == LARGE


def test_full_disk(publisher: Publisher, tmp_path: Path) -> None:
    with full_disk(1_500_000), pytest.raises(OutputError, match=r"images\.zip\.part: cannot be written") as error:
        fetch(wanted(publisher), tmp_path)
    assert "goes on from there" in error.value.hint
    assert names(tmp_path) == [".images.zip.part"] and (tmp_path / ".images.zip.part").stat().st_size == 1_500_000
    fetch(wanted(publisher), tmp_path)
    assert (tmp_path / "images.zip").read_bytes() == LARGE


def test_too_little_space_is_said_before_anything_is_asked(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = publisher.document("figshare")
    record["files"][0]["size"] = shutil.disk_usage(tmp_path).free + (1 << 40)
    publisher.record = record
    with pytest.raises(OutputError, match=r"MiB are needed, .* MiB are free"):
        fetch(wanted(publisher), tmp_path)
    assert publisher.requests == []


def test_no_folder_can_be_made(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        fetch(wanted(publisher), tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "../evil.zip"}, "no plain file name"),
        ({"name": ".bashrc"}, "no plain file name"),
        ({"computed_md5": "", "supplied_md5": ""}, "no MD5 checksum of images.zip"),
        ({"size": "large"}, "not the answer expected"),
        ({"download_url": "file:///etc/hostname"}, "is no web address"),
    ],
)
def test_records_that_are_not_to_be_trusted(
    publisher: Publisher, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    record = publisher.document("figshare")
    record["files"][0].update(change)
    publisher.record = record
    with pytest.raises(DatasetError, match=says):
        fetch(wanted(publisher), tmp_path / "out")
    assert not list(tmp_path.rglob("*.zip"))


@pytest.mark.parametrize("answer", [b"<html>sign in</html>", b"[]", b'{"message": "not found"}', b'{"files": null}'])
def test_answers_that_are_no_record(publisher: Publisher, tmp_path: Path, answer: bytes) -> None:
    publisher.record = answer
    with pytest.raises(DatasetError, match="not the answer expected") as error:
        fetch(wanted(publisher), tmp_path)
    assert "by hand from https://example.org/page" in error.value.hint


def test_a_record_without_the_file(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"lists no other\.zip"):
        fetch(wanted(publisher, files=("other.zip",)), tmp_path)


def test_nobody_answers(tmp_path: Path) -> None:
    with publishing({}) as gone:
        pass
    with pytest.raises(DatasetError, match=r"figshare/1: cannot be had \(Connection refused\)"):
        fetch(wanted(gone), tmp_path)


def test_progress_counts_mebibytes(publisher: Publisher, tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    def track(items: Sequence[Any], what: str, /) -> Sequence[Any]:
        seen.append((what, len(items)))
        return items

    fetch(wanted(publisher, files=("images.zip",)), tmp_path, track=track)
    assert seen == [("images.zip (MiB)", 4), ("checking images.zip (MiB)", 4)]


def test_the_catalogue() -> None:
    for name, known in PUBLIC_SETS.items():
        assert known.licence and known.attribution and known.page.startswith("https://")
        assert known.api == "" or find_public_set(name.upper()) is known
    with pytest.raises(UsageError, match="licence must be accepted first") as error:
        find_public_set("mura")
    assert "https://stanfordmlgroup.github.io/competitions/mura/" in error.value.hint
    with pytest.raises(UsageError, match="no data set is named 'x'") as error:
        find_public_set("x")
    assert "fracatlas" in error.value.hint
