"""A watched folder: answers are laid beside the images, through every ``kill -9``, and names stay in the folder."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from edgefrac.errors import UsageError
from edgefrac.prediction import load, predict_file
from edgefrac.serve.readers import Readers
from edgefrac.serve.service import ReadingRoom
from edgefrac.serve.state import State
from edgefrac.serve.watch import Patience, WatchedFolder
from tests.disk import full_disk
from tests.serve.running import radiograph, serving, wait_until

STILL = 0.3


@pytest.fixture(scope="module")
def folder(tiny_tflite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One that is watched, by a room in this process."""
    where = tmp_path_factory.mktemp("watched")
    room = ReadingRoom(State(where / "state"), Readers(tiny_tflite, 1))
    (where / "images").mkdir()
    watched = WatchedFolder(room, where / "images", 1 << 20, Patience(between_looks=0.05, still=STILL))
    room.start()
    watched.start()
    yield where / "images"
    watched.close()
    room.close()


def left(folder: Path, where: str = "answered") -> set[str]:
    return {path.name for path in (folder / where).iterdir()}


def test_an_answer_is_laid_beside_its_image(folder: Path, tiny_tflite: Path) -> None:
    image = radiograph()
    (folder / "Müller, Jörg 1970.dcm").write_bytes(image)
    names = {f"Müller, Jörg 1970.dcm{suffix}" for suffix in ("", ".edgefrac.json", ".edgefrac.png")}
    wait_until(lambda: names <= left(folder))
    answered = folder / "answered" / "Müller, Jörg 1970.dcm"
    assert answered.read_bytes() == image and not (folder / answered.name).exists()
    paper = json.loads(answered.with_name(f"{answered.name}.edgefrac.json").read_text())
    assert paper["answer"]["probability"] == predict_file(load(tiny_tflite), answered)["probability"]
    assert (paper["origin"], paper["state"]) == ("folder", "answered") and "Jörg" not in str(paper)
    Image.open(io.BytesIO(answered.with_name(f"{answered.name}.edgefrac.png").read_bytes())).load()


def test_an_image_that_cannot_be_read_goes_aside_and_says_why(folder: Path) -> None:
    (folder / "scan.pdf").write_bytes(b"%PDF no radiograph")
    (folder / "large.png").write_bytes(bytes((1 << 20) + 1))
    wait_until(lambda: {"scan.pdf", "scan.pdf.txt", "large.png", "large.png.txt"} <= left(folder, "unreadable"))
    assert (folder / "unreadable" / "scan.pdf.txt").read_text() == "the image: text, not an image\n"
    assert (folder / "unreadable" / "large.png.txt").read_text() == "larger than 1 MiB, not read\n"


def test_a_file_is_read_once_it_is_whole(folder: Path) -> None:
    image = radiograph(side=200)
    with (folder / "slow.png").open("wb") as file:
        for start in range(0, len(image), 8000):
            file.write(image[start : start + 8000])
            file.flush()
            time.sleep(0.4 * STILL)
    wait_until(lambda: "slow.png" in left(folder))
    assert "slow.png" not in left(folder, "unreadable")


def test_what_is_no_image_by_its_name_or_kind_is_left(folder: Path, tmp_path: Path) -> None:
    names = [".hidden.png", "half.png.part", "copy.tmp", "download.crdownload", "backup.png~"]
    for name in names:
        (folder / name).write_bytes(radiograph())
    (tmp_path / "elsewhere.png").write_bytes(radiograph())
    (folder / "link.png").symlink_to(tmp_path / "elsewhere.png")
    (folder / "subfolder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "empty.png").write_bytes(b"")
    (folder / "last.png").write_bytes(radiograph())
    wait_until(lambda: "last.png" in left(folder))
    assert set(names) | {"link.png", "subfolder", "pipe", "empty.png"} <= {path.name for path in folder.iterdir()}
    (folder / "half.png.part").rename(folder / "half.png")
    wait_until(lambda: "half.png" in left(folder))


def test_another_image_of_the_same_name_keeps_both(folder: Path) -> None:
    images = [radiograph() for _ in range(2)]
    for number, image in enumerate(images):
        (folder / "wrist.png").write_bytes(image)
        wait_until(lambda number=number: len([n for n in left(folder) if n.startswith("wrist")]) == 3 * number + 3)  # type: ignore[misc]
        wait_until(lambda: not (folder / "wrist.png").exists())
    kept = {path.read_bytes() for path in (folder / "answered").glob("wrist*.png") if "edgefrac" not in path.name}
    assert kept == set(images)
    # and the first one once more is no third one
    (folder / "wrist.png").write_bytes(images[0])
    wait_until(lambda: not (folder / "wrist.png").exists())
    assert len([name for name in left(folder) if name.startswith("wrist")]) == 6


def test_a_full_disk_leaves_the_image_where_it_is(folder: Path) -> None:
    image = radiograph()
    with full_disk(1024):
        (folder / "waits.png").write_bytes(image[:1024])
        os.truncate(folder / "waits.png", 1000)
        time.sleep(3 * STILL)
        assert "waits.png" not in left(folder) | left(folder, "unreadable")
        assert (folder / "waits.png").exists()
    (folder / "waits.png").write_bytes(image)
    wait_until(lambda: "waits.png" in left(folder))


def test_a_folder_that_cannot_be_watched_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        WatchedFolder(None, tmp_path / "nowhere", 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("kills", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_no_file_is_lost_or_answered_twice(kills: int, tiny_tflite: Path, tmp_path: Path) -> None:
    chance, folder = random.Random(kills), tmp_path / "images"
    folder.mkdir()
    images = {f"{number}.png": radiograph() for number in range(12 * kills)}
    images |= {f"{number}.txt": f"no image {number}".encode() for number in range(2 * kills)}
    coming = iter(images.items())
    ended = threading.Event()

    def come() -> None:
        for name, data in coming:
            (folder / f".{name}.part").write_bytes(data)
            (folder / f".{name}.part").rename(folder / name)
            time.sleep(0.05)
            if ended.is_set():
                return

    sender = threading.Thread(target=come)
    sender.start()
    output = ""
    try:
        for life in range(kills + 1):
            with serving(tiny_tflite, tmp_path / "state", "--readers", "1", "--watch", folder) as server:
                if life < kills:
                    time.sleep(2 + chance.uniform(0.0, 1.0))
                else:
                    sender.join()
                    wait_until(lambda: not [path for path in folder.iterdir() if path.is_file()], 60)
                server.end(signal.SIGKILL)
                output += server.output
    finally:
        ended.set()
        sender.join()
    papers = {name for name in left(folder) if name.endswith(".edgefrac.json")}
    assert papers == {f"{name}.edgefrac.json" for name in images if name.endswith(".png")}
    ids = [json.loads((folder / "answered" / name).read_text())["id"] for name in papers]
    assert len(set(ids)) == len(ids)
    for name, data in images.items():
        where = folder / ("answered" if name.endswith(".png") else "unreadable")
        assert (where / name).read_bytes() == data
    assert not [name for name in left(folder) | left(folder, "unreadable") if name.startswith(".")]
    assert ".png" not in output
