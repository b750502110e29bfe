"""How commands end before their time: by signals, and for want of memory or space, in plain words."""

from __future__ import annotations

import errno
import mmap
import os
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from edgefrac.cli import main
from edgefrac.errors import ImageError, OutputError
from edgefrac.shortage import is_memory, require_memory
from tests.cli.test_main import _fail_with

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was, after tests in which a command ends for want of memory."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)


def _said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ") and hint.startswith("hint: ")
    return error, hint


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried …"),
        RuntimeError("std::bad_alloc"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
    ],
)
def test_want_of_memory_is_no_internal_error(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_with(monkeypatch, error)
    assert main.main(["doctor"]) == 2
    said, hint = _said(capsys)
    assert said == "error: not enough memory for edgefrac doctor"
    assert hint == "hint: end other programs, or take a machine with more memory"


def test_want_of_memory_behind_an_error_of_our_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ImageError("a.dcm: damaged")
    error.__cause__ = MemoryError()
    _fail_with(monkeypatch, error)
    assert main.main(["doctor"]) == 2
    assert _said(capsys)[0] == "error: not enough memory for edgefrac doctor"


def test_space_that_runs_out_where_nobody_looked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_with(monkeypatch, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "scratch.bin"))
    assert main.main(["doctor"]) == 2
    said, hint = _said(capsys)
    assert said == "error: scratch.bin: cannot be written (No space left on device)" and "free some space" in hint


def test_a_full_disk_without_a_place_for_temporary_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    none = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp', '/var/tmp']")
    _fail_with(monkeypatch, none)
    assert main.main(["doctor"]) == 2
    said, hint = _said(capsys)
    assert said == "error: temporary files cannot be written anywhere" and "TMPDIR" in hint


@pytest.mark.parametrize("limited", [True, False])
def test_an_extension_that_fails_without_a_word(limited: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a limit of memory it is that; without one it is a fault to report."""
    limit = 1 << 40 if limited else resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, resource.RLIM_INFINITY))
    assert is_memory(SystemError("error return without exception set")) == limited


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("train", "same command and --resume"),
        ("export", "no bundle was changed"),
        ("sweep", "trials that are done stay"),
    ],
)
def test_the_next_step_is_that_of_the_command(
    command: str, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OutputError("x: cannot be written (No space left on device)", hint="free some space")

    monkeypatch.setattr("edgefrac.recipes.find_recipe", fail)
    monkeypatch.setattr("edgefrac.pipeline.export.export_bundle", fail)
    assert main.main([command, "toy"]) == 2
    said = _said(capsys)[1]
    assert said.startswith("hint: free some space; then ") and hint in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_in_one_line_with_the_next_step(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "phantoms"
    command = [sys.executable, "-m", "edgefrac", "data", "phantom", str(out), "-n", "2000", "--json"]
    heard = partial(signal.signal, number, signal.SIG_DFL)  # what started the tests in the background ignores SIGINT
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while len(list(out.rglob("*.png"))) < 3 and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(number)
            said, told = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 128 + number
    lines = [line for line in told.splitlines() if line.strip() and "writing phantoms" not in line]
    assert (
        lines[0] == f"error: ended by {number.name}" and "give the same command again" in lines[1] and len(lines) == 2
    )
    assert f'"error": "ended by {number.name}"' in said
    assert not list(out.rglob(".*")) and not (out / "phantoms.json").exists()


def test_a_signal_that_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``nohup``, and as shells do for what runs in the background."""
    seen = []
    monkeypatch.setattr(
        "edgefrac.runtimes.devices.targets", lambda: seen.append(signal.getsignal(signal.SIGINT)) or sys.exit(0)
    )
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert main.main(["doctor"]) == 0
        assert seen == [signal.SIG_IGN] == [signal.getsignal(signal.SIGINT)]
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", [["--version"], ["doctor"], ["doctor", "--json"], ["predict", "absent.png"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_standard_output_on_a_full_disk(arguments: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        command = [sys.executable, "-m", "edgefrac", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    if arguments[0] != "predict":  # which prints nothing there
        assert done.stderr.count("error: standard output") == 1 and "No space left on device" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere data has no limit that is kept")
@pytest.mark.parametrize(("threads", "mebibytes"), [(1, 70), (1, 90), (2, 120), (2, 165)])
def test_a_limit_under_which_openblas_would_ask_for_ever(threads: int, mebibytes: int) -> None:
    limit = partial(resource.setrlimit, resource.RLIMIT_DATA, (mebibytes << 20, mebibytes << 20))
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "edgefrac", "bench", "nothing.tflite"]  # which imports SciPy before it looks
    done = subprocess.run(command, preexec_fn=limit, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("error: not enough memory for edgefrac bench\nhint: end other programs")


@pytest.mark.parametrize("threads", ["1", "3", "many", ""])
def test_without_a_limit_nothing_is_asked(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    monkeypatch.setattr(mmap, "mmap", None)
    require_memory()
