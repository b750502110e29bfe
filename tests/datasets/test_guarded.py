"""Data sets whose files crash, stall or flood their decoder: each costs itself, and good ones are as they ever were."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import RLELossless

from edgefrac.auditing import audit
from edgefrac.datasets import open_dataset
from edgefrac.datasets.sample import FileReader, ZipReader
from edgefrac.errors import ImageError, MissingDecoderError
from edgefrac.evaluation import collect
from edgefrac.explanation import explain
from edgefrac.imaging import guarded
from edgefrac.imaging.guarded import Decoder, read_guarded
from edgefrac.imaging.message import from_message, to_message
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import decode_radiograph, read_radiograph
from edgefrac.imaging.voi import WindowChoice
from edgefrac.prediction import load, predict_file
from edgefrac.progress import silent
from edgefrac.training.cache import pack
from edgefrac.workers.framing import Message
from edgefrac.workers.helpers import helpers
from edgefrac.workers.limits import Limits
from edgefrac.workers.pool import Pool
from tests.imaging.files import dataset, dicom, encode, noise, png, save
from tests.processes import children
from tests.workers.jobs import Plain

REPOSITORY = Path(__file__).parents[2]
CRASH, HANG, BOMB = 61, 62, 63
# what a decoder may do on a bad day, by the width of the image, and a machine without an optional one
_DECODER = f"""
import ctypes, sys, time
import PIL.Image
real = PIL.Image.open
sys.modules["jpeg_ls"] = None

def harmful(*given, **named):
    image = real(*given, **named)
    if image.width == {CRASH}:
        ctypes.string_at(0)
    if image.width == {HANG}:
        time.sleep(1000)
    if image.width == {BOMB}:
        image.load = lambda: bytearray(3 << 30)
    return image

PIL.Image.open = harmful
"""
LOST = {
    "b": "its process was ended by SIGSEGV",
    "c": "no answer within 3 seconds",
    "d": "it needs more than 2048 MB of memory",
}


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoder]:
    """This process's own, fresh."""
    guarded._decoder.close()  # that of tests before
    fresh = Decoder(Limits())
    monkeypatch.setattr(guarded, "_decoder", fresh)
    yield fresh
    fresh.close()


@pytest.fixture
def harmful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: Decoder) -> Path:
    """A data set of two classes with images that do harm, to the decoders of processes that are started from now on."""
    folder = tmp_path / "decoder"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_DECODER)
    monkeypatch.setattr(decoder, "_limits", Limits(seconds=3.0))
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{REPOSITORY}")
    for seed, (name, width) in enumerate({"a": 64, "b": CRASH, "c": HANG, "d": BOMB, "e": 64}.items()):
        for group in ("fracture", "normal") if width == 64 else ("normal",):
            (tmp_path / "data" / group).mkdir(parents=True, exist_ok=True)
            content = png(noise(80 + len(group), width, seed=10 * len(group) + seed))
            (tmp_path / "data" / group / f"{name}.png").write_bytes(content)
    return tmp_path / "data"


def _decoders() -> list[int]:
    """Guarded processes of this one; multiprocessing has helpers too."""
    return [child for child in children(os.getpid()) if b"child_process" in Path(f"/proc/{child}/cmdline").read_bytes()]


def _named(folder: Path) -> list[str]:
    return [f"{folder / 'normal' / name}.png: {reason}" for name, reason in LOST.items()]


def test_an_audit_names_them_and_goes_on(harmful: Path) -> None:
    document = audit(open_dataset(harmful)).audit
    (finding,) = [finding for finding in document.findings if finding.kind == "unreadable"]
    assert [item[0] for item in finding.items] == [f"normal/{name}.png" for name in LOST]
    assert document.excluded == tuple(f"normal/{name}.png" for name in LOST)


def test_a_training_packs_the_others(harmful: Path, tmp_path: Path) -> None:
    packed = pack(open_dataset(harmful), 64, tmp_path / "cache", silent)
    assert packed.unreadable == tuple(_named(harmful)) and len(packed.kept) == 4


def test_what_verifies_and_exports_counts_them_as_unreadable(harmful: Path, tiny_tflite: Path) -> None:
    collection = collect([load(tiny_tflite)], open_dataset(harmful).samples)
    assert collection.unreadable == _named(harmful) and len(collection.cases) == 4


def test_calls_from_python_survive_them(harmful: Path, tiny_tflite: Path) -> None:
    session = load(tiny_tflite)
    for line in _named(harmful):
        path, _, _ = line.partition(": ")
        assert predict_file(session, path)["error"] == line
        with pytest.raises(ImageError, match=line):
            explain(session, path)
    assert predict_file(session, harmful / "normal" / "a.png")["probability"] > 0


def test_the_next_image_gets_a_new_process(harmful: Path, decoder: Decoder) -> None:
    good, bad = FileReader(harmful / "normal" / "a.png"), FileReader(harmful / "normal" / "b.png")
    for _ in range(2):
        with pytest.raises(ImageError, match="SIGSEGV"):
            bad.read()
        assert good.read().sha256 == read_radiograph(good.path).sha256
    (process,) = _decoders()
    os.kill(process, signal.SIGKILL)
    time.sleep(0.2)
    assert good.read().height == 86  # the image is not to blame for what befell an idle process


def test_an_image_without_its_decoder_says_what_to_install(harmful: Path, decoder: Decoder, tmp_path: Path) -> None:
    decoder._limits = Limits()
    imagecodecs = pytest.importorskip("imagecodecs")
    from pydicom.uid import JPEGLSLossless

    from tests.imaging.files import encapsulated

    stored = noise(33, 46)
    frames = [imagecodecs.jpegls_encode(stored)]
    path = tmp_path / "x.dcm"
    path.write_bytes(save(encapsulated(dataset(stored), JPEGLSLossless, frames)))
    with pytest.raises(MissingDecoderError) as raised:
        FileReader(path).read()
    assert (raised.value.extra, raised.value.hint) == ("dicom", "pip install 'edgefrac[dicom]'")
    assert raised.value.message.startswith(f"{path}: no decoder is installed for ")


def _nifti() -> bytes:
    nibabel = pytest.importorskip("nibabel")
    return bytes(nibabel.Nifti1Image(noise(40, 50, 1, high=900).astype(np.int16), np.diag([2, 0.5, 1, 1])).to_bytes())


def _compressed() -> bytes:
    compressed = dataset(noise(33, 46, high=4096), BitsStored=12, HighBit=11)
    compressed.compress(RLELossless)
    return save(compressed)


FILES: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: png(noise(40, 50)),
    "16-bit PNG": lambda: png(noise(40, 50, high=4000)),
    "JPEG": lambda: encode(Image.fromarray(noise(40, 50)), "JPEG"),
    "coloured JPEG": lambda: encode(Image.fromarray(noise(40, 50, 3)), "JPEG"),
    "truncated JPEG": lambda: encode(Image.fromarray(noise(90, 90)), "JPEG")[:3000],
    "DICOM": lambda: dicom(
        noise(40, 50, high=4096), BitsStored=12, HighBit=11, Modality="DX", PixelSpacing=[0.139, 0.2], ViewPosition="AP"
    ),
    "signed DICOM": lambda: dicom(noise(40, 50, high=65_536).view(np.int16), PhotometricInterpretation="MONOCHROME1"),
    "windowed CT": lambda: dicom(
        noise(40, 50, high=4096), Modality="CT", RescaleSlope="0.5", RescaleIntercept=-1024, ImageLaterality="L"
    ),
    "compressed DICOM": _compressed,
    "NIfTI": _nifti,
}


def _facts(radiograph: Radiograph) -> dict[str, Any]:
    """Every field, and every field of its depth, arrays with their types."""
    found = {field.name: getattr(radiograph, field.name) for field in fields(Radiograph) if field.name != "depth"}
    for field in fields(radiograph.depth) if radiograph.depth else ():
        found[f"depth.{field.name}"] = getattr(radiograph.depth, field.name)
    return {
        name: (value.dtype, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
        for name, value in found.items()
    }


@pytest.mark.parametrize("kind", FILES)
def test_radiographs_are_the_same_to_the_last_field(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(FILES[kind]())
    direct, other = read_radiograph(path), FileReader(path).read()
    assert _facts(other) == _facts(direct) and repr(other) == repr(direct)
    assert (direct.depth is not None) == (kind.endswith(("16-bit PNG", "DICOM", "CT")))


@pytest.mark.parametrize("window", [(300.0, 1500.0), "bone"])
def test_a_window_counts_there_too(window: WindowChoice, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(FILES["windowed CT"]())
    windowed = read_guarded(path, window=window)
    assert _facts(windowed) == _facts(read_radiograph(path, window=window)) != _facts(read_guarded(path))


@pytest.mark.parametrize("content", [None, b"", b"text", FILES["PNG"]()[:300], FILES["DICOM"]()[:1500], bytes(99)])
def test_errors_are_the_same(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "image"
    if content is not None:
        path.write_bytes(content)
    found = []
    for read in (lambda: read_radiograph(path), FileReader(path).read):
        with pytest.raises(ImageError) as raised:
            read()
        found.append((type(raised.value), raised.value.message, raised.value.hint))
    assert found[0] == found[1]


def test_a_member_of_a_zip_is_decoded_there_too(harmful: Path, tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(harmful / "normal" / "a.png", "a.png")
        archive.write(harmful / "normal" / "b.png", "b.png")
    assert ZipReader(path, "a.png").read().height == 86
    with pytest.raises(ImageError, match=r"data\.zip:b\.png: its process was ended by SIGSEGV"):
        ZipReader(path, "b.png").read()


def test_threads_get_each_their_own_image(tmp_path: Path) -> None:
    readers = []
    for number in range(24):
        readers.append(FileReader(tmp_path / f"{number}.png"))
        readers[-1].path.write_bytes(png(noise(40, 50 + number, seed=number)))
    with ThreadPoolExecutor(8) as pool:
        found = [radiograph.sha256 for radiograph in pool.map(FileReader.read, readers)]
    assert found == [read_radiograph(reader.path).sha256 for reader in readers]


def _read_and_count(path: Path) -> tuple[str, list[int]]:
    return FileReader(path).read().sha256, _decoders()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_other_processes_have_one_of_their_own_that_ends_with_them(
    start: Any, decoder: Decoder, tmp_path: Path
) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(png(noise(40, 50)))
    digest, (ours,) = _read_and_count(path)
    with helpers(1, start) as pool:
        answers = [future.result() for future in [pool.submit(_read_and_count, path) for _ in range(4)]]
    theirs = {process for _, processes in answers for process in processes}
    assert {found for found, _ in answers} == {digest} and theirs and ours not in theirs
    assert not any(Path(f"/proc/{process}").exists() for process in theirs)
    assert _read_and_count(path) == (digest, [ours])


@dataclass(frozen=True)
class Counting(Plain):
    """Reads a file, and counts the processes that this took."""

    path: Path

    def open(self) -> Callable[[int], int]:
        return lambda number: len(_read_and_count(self.path)[1])

    def packed(self) -> Counting:
        return self


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_guarded_processes_and_phantoms_need_none(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(png(noise(40, 50)))
    assert dict(Pool(1).run(Counting(path), [0])) == {0: 0}
    open_dataset("phantom:n=1,seed=1").samples[0].read()
    assert _decoders() == []


def test_ctrl_c_leaves_no_answer_for_the_next_image(harmful: Path) -> None:
    good, slow = FileReader(harmful / "normal" / "a.png"), FileReader(harmful / "normal" / "c.png")
    good.read()
    main_thread = threading.main_thread().ident
    assert main_thread
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    try:
        threading.Timer(0.3, signal.pthread_kill, (main_thread, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            slow.read()
    finally:
        signal.signal(signal.SIGINT, before)
    assert _decoders() == []
    assert good.read().sha256 == read_radiograph(good.path).sha256


def _with(message: Message, **facts: Any) -> Message:
    return {**message[0], **facts}, message[1]


def _deep(message: Message, **facts: Any) -> Message:
    return _with(message, depth={**message[0]["depth"], **facts})


LIES: dict[str, Callable[[Message], Message]] = {
    "no radiograph": lambda _: ({}, []),
    "another size": lambda message: _with(message, shape=[50, 50]),
    "negative size": lambda message: _with(message, shape=[-40, -50]),
    "too small": lambda message: _with(message, shape=[1, 2000]),
    "three sides": lambda message: _with(message, shape=[40, 50, 1]),
    "a note that is none": lambda message: _with(message, notes=[1]),
    "a fact that is none": lambda message: _with(message, modality=["DX"]),
    "a key more": lambda message: _with(message, more=1),
    "spacing": lambda message: _with(message, spacing_mm=[1, "2"]),
    "no blob": lambda message: (message[0], message[1][:1]),
    "a blob more": lambda message: (message[0], [*message[1], b""]),
    "objects": lambda message: _deep(message, dtype="|O"),
    "wider numbers": lambda message: _deep(message, dtype="<u4"),
    "unit": lambda message: _deep(message, unit="stone"),
    "below the table": lambda message: _deep(message, first=100),
    "beyond the table": lambda message: (message[0], [*message[1][:2], b"\0"]),
    "curve": lambda message: _deep(message, curve={"center": 1}),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_radiograph_is_not_believed(lie: str) -> None:
    radiograph = decode_radiograph(FILES["DICOM"](), "image")
    message = to_message(radiograph)
    message = {**message[0], "shape": list(message[0]["shape"]), "notes": list(radiograph.notes)}, message[1]
    message[0]["spacing_mm"] = [0.139, 0.2]
    assert _facts(from_message(message, "image")) == _facts(replace(radiograph, spacing_mm=(0.139, 0.2)))
    with pytest.raises(ValueError):  # NumPy's own words, too
        from_message(LIES[lie](message), "image")
