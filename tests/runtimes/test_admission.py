"""Model files that crash, hang or fill memory: no command opens one before a guarded process survived it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgefrac.errors import ModelFileError
from edgefrac.prediction import load
from edgefrac.runtimes import admission
from edgefrac.runtimes.admission import admit, is_admitted, remember
from edgefrac.workers.limits import Limits
from tests import tflite_model
from tests.disk import full_disk
from tests.imaging.files import noise, png
from tests.processes import children
from tests.runtimes import harmful_models

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The register of an empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "edgefrac" / "admitted"


@pytest.fixture
def crashing(tmp_path: Path) -> Path:
    path = tmp_path / "crashing.tflite"
    path.write_bytes(harmful_models.crashing())
    return path


def _edgefrac(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "edgefrac", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


@pytest.mark.parametrize(
    "command",
    ["predict IMAGE --model", "explain IMAGE --model", "evaluate --data DATA --model", "inspect", "verify", "bench"],
)
def test_no_command_goes_down_with_its_runtime(command: str, crashing: Path, tmp_path: Path, register: Path) -> None:
    for name in ("fracture", "normal"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "image.png").write_bytes(png(noise(64, 64)))
    words = {"IMAGE": tmp_path / "data" / "normal" / "image.png", "DATA": tmp_path / "data"}
    done = _edgefrac(*(words.get(word, word) for word in command.split()), crashing)
    assert done.returncode == 2 and done.stdout == ""
    error, hint = done.stderr.splitlines()
    assert error == f"error: {crashing}: its runtime fails on it (its process was ended by SIGSEGV)"
    assert hint.startswith("hint: the file is damaged")
    assert not register.exists()


def test_it_would_have_crashed_the_one_who_opens_it(crashing: Path) -> None:
    code = "import pathlib, sys; from edgefrac.runtimes.session import open_session as o; o(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(crashing)]
    assert subprocess.run(command, capture_output=True, cwd=REPOSITORY).returncode == -signal.SIGSEGV


def test_a_model_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "TRIAL", Limits(opening_seconds=3.0))
    path = tmp_path / "hanging.tflite"
    path.write_bytes(harmful_models.hanging())
    before, started = set(children(os.getpid())), time.monotonic()
    with pytest.raises(
        ModelFileError, match=r"hanging\.tflite: its runtime fails on it \(no answer within 3 seconds\)"
    ):
        load(path)
    assert time.monotonic() - started < 10
    assert set(children(os.getpid())) <= before


def test_a_model_that_wants_all_memory_does_not_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "greedy.tflite"
    path.write_bytes(harmful_models.greedy(600))
    monkeypatch.setattr(admission, "TRIAL", Limits(opening_megabytes=400))
    with pytest.raises(ModelFileError, match=r"greedy\.tflite: .*(LiteRT cannot|its runtime fails)"):
        admit(path)
    assert not is_admitted(path)
    monkeypatch.setattr(admission, "TRIAL", Limits(opening_megabytes=1200))
    admit(path)


def test_what_a_runtime_refuses_is_said_as_ever(tmp_path: Path) -> None:
    (tmp_path / "cut.tflite").write_bytes(tflite_model.build(tflite_model.contract())[:1000])
    with pytest.raises(ModelFileError, match="cut short"):
        load(tmp_path / "cut.tflite")
    with pytest.raises(ModelFileError, match="no such file"):
        load(tmp_path / "absent.tflite")


@pytest.mark.parametrize("kind", ["tflite", "onnx", "openvino", "ort"])
def test_a_trial_is_paid_once(
    kind: str, request: pytest.FixtureRequest, register: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path: Path = request.getfixturevalue(f"tiny_{kind}")
    assert not is_admitted(path)
    load(path)
    assert is_admitted(path) and len(list(register.iterdir())) == 1

    def never(*_: object) -> None:
        raise AssertionError("tried again")

    monkeypatch.setattr(admission, "Child", never)
    load(path)
    monkeypatch.setattr(admission.metadata, "version", lambda name: "9.9.9")
    assert not is_admitted(path), "by another version of the runtime"


def test_all_that_belongs_to_a_file_is_what_it_is_known_by(tiny_openvino: Path, tmp_path: Path) -> None:
    copies = [tmp_path / f"copy{suffix}" for suffix in (".xml", ".bin")]
    for copy in copies:
        copy.write_bytes(tiny_openvino.with_suffix(copy.suffix).read_bytes())
    remember(copies[0])
    assert is_admitted(tiny_openvino), "it is known by its content"
    copies[1].write_bytes(copies[1].read_bytes() + b"\0")
    assert not is_admitted(copies[0])


def test_a_file_that_is_remembered_is_not_tried(crashing: Path) -> None:
    remember(crashing)  # as one that a trusted signature speaks for
    admit(crashing)


def test_a_file_that_changes_during_its_trial_is_not_opened(
    tiny_tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "changing.tflite"
    path.write_bytes(tiny_tflite.read_bytes())
    monkeypatch.setattr(admission, "_survived", lambda path: path.write_bytes(harmful_models.crashing()))
    with pytest.raises(ModelFileError, match="changed while it was tried"):
        load(path)
    assert not is_admitted(path)


def test_a_register_that_cannot_be_kept_costs_a_trial_and_no_more(tiny_tflite: Path, register: Path) -> None:
    register.parent.mkdir(parents=True)
    register.write_bytes(b"no folder")
    for _ in range(2):
        load(tiny_tflite)
    assert not is_admitted(tiny_tflite)
    register.unlink()
    with full_disk(0):
        load(tiny_tflite)
    assert is_admitted(tiny_tflite), "which takes no space"


def test_the_register_does_not_grow_for_ever(
    tiny_tflite: Path, register: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_REMEMBERED", 10)
    register.mkdir(parents=True)
    for number in range(10):
        (register / f"{number:064}").touch()
        os.utime(register / f"{number:064}", (number, number))
    load(tiny_tflite)
    left = sorted(file.name for file in register.iterdir())
    assert len(left) == 5 and is_admitted(tiny_tflite) and f"{9:064}" in left
