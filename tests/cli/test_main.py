"""How the command line behaves as a process: start-up, failures, exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgefrac.cli import main
from edgefrac.cli.output import track
from edgefrac.errors import GateError, MissingExtraError, UsageError
from tests import processes


def test_help_is_quick() -> None:
    assert processes.cpu_seconds("--help") <= 0.25


def test_help_names_every_command() -> None:
    out = processes.run("--help").stdout
    for command in ("export", "verify", "predict", "evaluate", "train", "sweep", "data", "inspect", "doctor"):
        assert f"  {command} " in out


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    from edgefrac import __version__

    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out == f"edgefrac {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["predict"], ["predict", "x.png", "--no-such-option"], ["no-such-command"], ["evaluate"], ["data", "split"]],
)
def test_wrong_usage_is_status_2_without_traceback(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(arguments) == 2
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err and printed.err and not printed.out


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("a.png: wrong", hint="do this"), 2),
        (GateError("b.tflite: failed", hint="do this"), 1),
        (MissingExtraError("c", "train"), 3),
        (RuntimeError("surprise\nand more"), 2),
    ],
)
def test_every_failure_is_one_line_a_hint_and_a_status(
    error: Exception, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_with(monkeypatch, error)
    assert main.main(["doctor", "--json"]) == status
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error", "hint"]
    assert json.loads(printed.out) == {"error": lines[0][7:], "hint": lines[1][6:]}


def test_an_unexpected_error_points_to_debug_and_debug_shows_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_with(monkeypatch, RuntimeError("surprise"))
    main.main(["doctor"])
    assert "internal error: RuntimeError: surprise" in (err := capsys.readouterr().err) and "--debug" in err
    with pytest.raises(RuntimeError, match="surprise"):
        main.main(["doctor", "--debug"])


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["doctor"], "tflite"),
        (["train", "reference"], "train"),
        (["export", "reference", "--target", "onnx,tflite"], "onnx"),
    ],
)
def test_a_missing_module_names_the_extra_that_brings_it(
    command: list[str], extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(name="torch")

    monkeypatch.setattr("edgefrac.recipes.find_recipe", fail)
    monkeypatch.setattr("edgefrac.runtimes.devices.targets", fail)
    monkeypatch.setattr("edgefrac.pipeline.export.export_bundle", fail)
    assert main.main(command) == 3
    assert f"pip install 'edgefrac[{extra}]'" in capsys.readouterr().err


def test_a_missing_module_of_our_own_is_an_internal_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_with(monkeypatch, ModuleNotFoundError("No module named 'edgefrac.gone'", name="edgefrac.gone"))
    assert main.main(["doctor"]) == 2
    assert "internal error" in capsys.readouterr().err


def test_an_interrupt_is_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_with(monkeypatch, KeyboardInterrupt())
    assert main.main(["doctor"]) == 130


def test_json_output_holds_the_document_only(tmp_path: Path, tiny_tflite: Path) -> None:
    """Even a library that prints to the descriptor of standard output, as C++ code does, cannot get in between."""
    code = f"""
import os, sys
import edgefrac.prediction as prediction
from edgefrac.cli.main import main
chosen = prediction.chosen_model
def noisy(model):
    os.write(1, b"from C\\n")
    print("from Python")
    return chosen(model)
prediction.chosen_model = noisy
sys.exit(main(["predict", "absent.png", "--model", {str(tiny_tflite)!r}, "--json"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout) == [{"file": "absent.png", "error": "absent.png: no such file"}]
    assert "from C\n" in done.stderr and "from Python\n" in done.stderr


def test_a_reader_that_goes_away_causes_no_traceback(tiny_tflite: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "edgefrac", "predict", "absent.png", "--model", str(tiny_tflite), "--json"]
    # buffered, as for users: what is left in the buffer must not fail when the interpreter ends
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, env=environment)
    os.close(write_end)
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


def _fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let ``edgefrac doctor`` fail in its work."""

    def fail() -> None:
        raise error

    monkeypatch.setattr("edgefrac.runtimes.devices.targets", fail)


def test_a_bar_is_for_terminals(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("edgefrac.cli.output._QUIET_SECONDS", -1)
    assert list(track(range(3), "steps")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # which Rich takes for a terminal
    assert list(track(range(3), "steps")) == [0, 1, 2]
    assert "steps" in capsys.readouterr().err
