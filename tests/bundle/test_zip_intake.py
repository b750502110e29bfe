"""A .zip from a stranger: what no bundle needs is refused, quickly, and nothing stays behind."""

from __future__ import annotations

import io
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edgefrac.bundle import check, open_bundle, zip_intake
from edgefrac.bundle.scratch import discard, scratch_folder
from edgefrac.errors import BundleError
from tests.bundle.material import Write, content, zipped

END = struct.Struct("<4s4H2IH")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where things are unpacked in this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def refused(path: Path, temporary: Path, match: str) -> None:
    """Within a second and a few megabytes, with one line that names the file, and nothing is left."""
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(BundleError, match=match) as caught:
        open_bundle(path)
    seconds = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(path) in caught.value.message and "\n" not in caught.value.message
    assert seconds < 1 and peak < 100 << 20
    assert list(temporary.iterdir()) == []


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
    monkeypatch.setattr(zip_intake, "LARGEST_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bundle.json", b"0" * 2000)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
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


def test_a_zip_is_unpacked_once(write: Write, tmp_path: Path, temporary: Path) -> None:
    path = zipped(write(tmp_path / "bundle").root, tmp_path / "b.zip")
    assert open_bundle(path).root == open_bundle(path).root
    assert sum(entry.is_dir() for entry in temporary.iterdir()) == 1
    assert stat.S_IMODE(open_bundle(path).root.stat().st_mode) == 0o700


def packed(path: Path, *names: str, data: bytes = b"content", compression: int = zipfile.ZIP_DEFLATED) -> bytearray:
    """A .zip of these names, to be changed byte by byte."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in names:
            member = zipfile.ZipInfo("x" * len(name.encode()))
            member.compress_type = compression
            member.filename = name
            archive.writestr(member, data)
    return bytearray(path.read_bytes())


def entries(data: bytes) -> Iterator[int]:
    """Where each entry of the directory is."""
    place = data.find(b"PK\1\2")
    while place >= 0:
        yield place
        place = data.find(b"PK\1\2", place + 4)


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (("bundle.json", "a/nul.txt"), "device of Windows"),
        (("bundle.json", "a "), "space"),
        (("bundle.json", "a\u202eb"), "invisible"),
        (("README.md", "readme.MD"), "same name twice"),
        (("\u00e9", "e\u0301"), "same name twice"),
        (("a", "a"), "same name twice"),
        (("a/", "A"), "same name twice"),
        (("//server/a",), "absolute"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names(tmp_path: Path, temporary: Path, names: tuple[str, ...], match: str) -> None:
    packed(tmp_path / "names.zip", *names)
    refused(tmp_path / "names.zip", temporary, match)


def test_a_name_that_zipfile_would_cut_at_its_nul(tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "nul.zip"
    path.write_bytes(bytes(packed(path, "bundle.jsonX")).replace(b"bundle.jsonX", b"bundle.json\0"))
    refused(path, temporary, "invisible")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_what_is_no_file(tmp_path: Path, temporary: Path, kind: int) -> None:
    member = zipfile.ZipInfo("special")
    member.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "special.zip", "w") as archive:
        archive.writestr(member, "/dev/zero")
    refused(tmp_path / "special.zip", temporary, "no plain file")


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compression(tmp_path: Path, temporary: Path, compression: int) -> None:
    packed(tmp_path / "c.zip", "bundle.json", compression=compression)
    refused(tmp_path / "c.zip", temporary, "another method than deflate")


def test_encryption(tmp_path: Path, temporary: Path) -> None:
    data = packed(tmp_path / "e.zip", "bundle.json")
    data[next(entries(data)) + 8] |= 1
    (tmp_path / "e.zip").write_bytes(data)
    refused(tmp_path / "e.zip", temporary, "encrypted, which no bundle is")


def test_files_that_share_bytes(tmp_path: Path, temporary: Path) -> None:
    """How 42 kB become 5 GB: every entry of the directory is the same compressed file."""
    data = packed(tmp_path / "o.zip", "a", "b", "c", data=bytes(100_000))
    for place in entries(bytes(data)):
        data[place + 42 : place + 46] = bytes(4)
    (tmp_path / "o.zip").write_bytes(data)
    refused(tmp_path / "o.zip", temporary, "overlaps")


def test_a_bomb_by_its_ratio(tmp_path: Path, temporary: Path) -> None:
    packed(tmp_path / "bomb.zip", "bundle.json", data=bytes(100 << 20))
    refused(tmp_path / "bomb.zip", temporary, "too large for a bundle")


@pytest.mark.parametrize("claim", [1000, 200_000])
def test_a_bomb_that_claims_to_be_none(tmp_path: Path, temporary: Path, claim: int) -> None:
    data = packed(tmp_path / "lie.zip", "bundle.json", data=bytes(100_000))
    place = next(entries(bytes(data)))
    data[place + 24 : place + 28] = data[22:26] = struct.pack("<I", claim)
    (tmp_path / "lie.zip").write_bytes(data)
    refused(tmp_path / "lie.zip", temporary, "not a readable .zip")


def test_bytes_are_counted_whatever_zipfile_lets_through(
    write: Write, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(write(tmp_path / "bundle").root, tmp_path / "b.zip")
    real = zipfile.ZipFile.open

    def generous(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> object:
        if member.filename.endswith(".tflite"):
            return io.BytesIO(bytes(3 << 20))
        return real(archive, member)

    monkeypatch.setattr(zipfile.ZipFile, "open", generous)
    refused(path, temporary, "larger than the .zip says")


@cache
def directory(count: int) -> bytes:
    return b"".join(
        b"PK\1\2" + bytes(24) + struct.pack("<H", 7) + bytes(16) + b"%07d" % number for number in range(count)
    )


def million(count: int, *, entries: int | None = None, length: int | None = None, zip64: bool = False) -> bytes:
    """A directory of ``count`` empty files, whose end record says something else."""
    local = b"PK\3\4" + bytes(22) + struct.pack("<2H", 1, 0) + b"a"
    central = directory(count)
    end = b""
    if zip64:
        record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(central), len(local))
        end = record + struct.pack("<4sIQI", b"PK\6\7", 0, len(local) + len(central), 1)
    said = min(count, 0xFFFF) if entries is None else entries
    size = len(central) if length is None else length
    return local + central + end + END.pack(b"PK\5\6", 0, 0, said, said, size, len(local), 0)


@pytest.mark.parametrize(
    ("lie", "match"),
    [
        ({"zip64": True}, "Zip64"),
        ({"entries": 50_000}, "too many files"),
        ({"entries": 100}, "too many files"),
        ({"entries": 100, "length": 5300}, "does not fit the file"),
        ({"entries": 0, "length": 0}, "does not fit the file"),
    ],
)
def test_a_million_entries_are_never_listed(tmp_path: Path, temporary: Path, lie: dict, match: str) -> None:
    path = tmp_path / "million.zip"
    path.write_bytes(million(1_000_000, **lie))
    refused(path, temporary, match)


def test_more_entries_than_the_end_record_counts(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "few.zip").write_bytes(million(2000, entries=3))
    refused(tmp_path / "few.zip", temporary, "3 files by its end record, 2000 in its directory")


@pytest.mark.parametrize("change", [lambda data: b"MZ" + data, lambda data: data + b"\0", lambda data: data[2:]])
def test_other_bytes_around_it(write: Write, tmp_path: Path, temporary: Path, change) -> None:
    path = zipped(write(tmp_path / "bundle").root, tmp_path / "b.zip")
    path.write_bytes(change(path.read_bytes()))
    refused(path, temporary, "does not fit the file|no end record")


def test_a_long_comment_and_extra_fields_are_fine(write: Write, tmp_path: Path) -> None:
    bundle = write(tmp_path / "bundle")
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"c" * 0xFFFF
        for name, data in content(bundle.root).items():
            member = zipfile.ZipInfo(name)
            member.extra = struct.pack("<2H", 0xCAFE, 1000) + bytes(1000)
            archive.writestr(member, data)
    assert check(open_bundle(tmp_path / "b.zip")) == []


def test_zip_and_shutil_write_what_is_read(write: Write, tmp_path: Path) -> None:
    """Folders of their own, times, permissions: what everyday tools put in."""
    root = write(tmp_path / "bundle").root
    archive = Path(shutil.make_archive(str(tmp_path / "made"), "zip", root.parent, root.name))
    assert check(open_bundle(archive)) == []
    if program := shutil.which("zip"):
        subprocess.run([program, "-qr", str(tmp_path / "tool.zip"), root.name], cwd=root.parent, check=True)
        assert check(open_bundle(tmp_path / "tool.zip")) == []


def test_whatever_bytes_change_only_a_bundle_error_comes(tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "fuzzed.zip"
    whole = bytes(packed(path, "bundle.json", "golden/", "golden/a.png", data=b"content" * 9))
    rng = np.random.default_rng(0)
    refusals = 0
    for _ in range(500):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            data[place] = rng.choice([0, 1, 47, 127, 255, rng.integers(256)])
        path.write_bytes(data)
        try:
            zip_intake.unpacked(path)
        except BundleError:
            refusals += 1
        for folder in zip_intake._done.values():
            discard(folder)
        zip_intake._done.clear()
    assert refusals > 200 and list(temporary.iterdir()) == []


def test_a_name_that_is_empty(tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "empty.zip"
    member = zipfile.ZipInfo("x")
    member.filename = ""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, b"")
    refused(path, temporary, "empty")


def test_no_room_is_said_before_anything_is_unpacked(
    write: Write, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(write(tmp_path / "bundle").root, tmp_path / "b.zip")
    monkeypatch.setattr(zip_intake.shutil, "disk_usage", lambda folder: SimpleNamespace(free=5000))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    refused(path, temporary, "has 0 MB free")


KILLED = """
import os, signal, sys
from pathlib import Path
from edgefrac.bundle import open_bundle
print(open_bundle(Path(sys.argv[1])).root, flush=True)
os.kill(os.getpid(), int(sys.argv[2]))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, 0])
def test_the_copy_goes_with_its_process_or_with_the_next(
    write: Write, tmp_path: Path, temporary: Path, how: int
) -> None:
    path = zipped(write(tmp_path / "bundle").root, tmp_path / "b.zip")
    mine = scratch_folder()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(int(how))],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
        check=False,
    )
    copy = Path(done.stdout.strip())
    assert copy.name and copy.parent == temporary, done.stderr
    assert copy.exists() == (how == signal.SIGKILL)
    other = scratch_folder()
    assert not copy.exists() and mine.is_dir() and other.is_dir()
