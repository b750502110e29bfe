"""The Android backends, over a FAKE adb and a FAKE benchmark tool (see their files): no phone was asked anything.

The fake tool runs the real file in LiteRT, so that what is pushed, how it is run, and what comes back is tested by
its numbers.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import DeviceError
from edgefrac.runtimes import android
from edgefrac.runtimes.adb import phone
from edgefrac.runtimes.backends.android import AndroidCpu, AndroidGpu
from edgefrac.runtimes.computed_precision import probe_images
from edgefrac.runtimes.session import ModelKind, open_session
from tests.tflite_model import SIZE

FAKES = Path(__file__).parents[1]
PIXEL = {"ro.product.manufacturer": "Nobody", "ro.product.model": "Fake 1", "ro.build.version.release": "15"}


def _script(path: Path, *command: object) -> Path:
    path.write_text(f'#!/bin/sh\nexec {" ".join(map(str, command))} "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a fake phone that adb sees, and for which there is a fake tool."""
    folder, tools = tmp_path / "phone", tmp_path / "bin"
    (folder / "data/local/tmp").mkdir(parents=True)
    tools.mkdir()
    (folder / "devices").write_text("fake-1\tdevice\n")
    (folder / "properties").write_text(json.dumps(PIXEL))
    _script(tools / "adb", sys.executable, FAKES / "fake_adb.py", folder)
    tool = _script(tmp_path / "tool", sys.executable, FAKES / "fake_benchmark_model.py")
    monkeypatch.setenv("PATH", f"{tools}:{os.defpath}")
    monkeypatch.setenv(android.TOOL, str(tool))
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    return folder


def test_answers_are_those_of_the_file_and_nothing_stays_on_the_phone(fake: Path, tiny_tflite: Path) -> None:
    images = probe_images(SIZE, 3)
    session = open_session(tiny_tflite)
    found = AndroidCpu().answers(tiny_tflite, images)
    expected = [session.predict(image) for image in images]
    assert np.array_equal(found.probability, [one.probability for one in expected])
    assert found.evidence is not None
    assert np.array_equal(found.evidence, [one.evidence for one in expected])
    assert list((fake / "data/local/tmp").iterdir()) == []


def test_a_session_there_answers_one_image(fake: Path, tiny_tflite: Path) -> None:
    (image,) = probe_images(SIZE, 1)
    assert AndroidCpu().takes(ModelKind.TFLITE, "int8") and not AndroidCpu().takes(ModelKind.ONNX, "int8")
    found = AndroidCpu().open(tiny_tflite).predict(image)
    assert np.array_equal(found.probability, open_session(tiny_tflite).predict(image).probability)


def test_speed_is_what_the_tool_printed_last(fake: Path, tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reported = AndroidCpu().reported(tiny_tflite)
    assert reported.evidence_level == "measured"
    assert reported.runs == 50 and 0 < reported.median_ms < 1000
    monkeypatch.setattr(
        android, "_carry_out", lambda *_: "count=3 a p5=1 median=9 p95=9\ncount=7 p5=1 median=2.5e+06 p95=3"
    )
    assert AndroidCpu().reported(tiny_tflite).median_ms == 2500.0


def test_a_cpu_runs_all_operators_and_says_what_xnnpack_took(fake: Path, tiny_tflite: Path) -> None:
    placed = AndroidCpu().placement(tiny_tflite)
    assert placed.on_device["AVERAGE_POOL_2D:float32"] == 1 and not placed.elsewhere
    assert placed.note.startswith("Nobody Fake 1, Android 15; TfLiteXNNPackDelegate takes ")
    assert "equal to the CPU" in placed.note


def test_a_gpu_in_half_precision_is_found_out(fake: Path, tiny_tflite: Path) -> None:
    placed = AndroidGpu().placement(tiny_tflite)
    assert placed.on_device["AVERAGE_POOL_2D:float32"] == 1 and not placed.elsewhere
    assert "computed in float16" in placed.note


def test_what_a_gpu_leaves_to_the_cpu_is_counted(
    fake: Path, tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_GPU_NODES", "67/74")
    placed = AndroidGpu().placement(tiny_tflite)
    assert (placed.on_device, placed.elsewhere) == ({"operators": 67}, {"operators": 7})
    monkeypatch.setenv("FAKE_GPU_NODES", "0/74")
    with pytest.raises(DeviceError, match="Gpu delegate takes none of its operators on Nobody Fake 1"):
        AndroidGpu().placement(tiny_tflite)


def test_an_emulator_is_not_measured(fake: Path, tiny_tflite: Path) -> None:
    (fake / "properties").write_text(json.dumps({**PIXEL, "ro.hardware": "ranchu"}))
    assert AndroidCpu().evidence_level == "emulated"
    assert AndroidCpu().reported(tiny_tflite).evidence_level == "emulated"
    assert AndroidCpu().available() == "Nobody Fake 1, Android 15 (an emulator)"


def test_a_tool_that_fails_is_an_error_with_its_last_line_and_leaves_nothing(
    fake: Path, tiny_tflite: Path, tmp_path: Path
) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\necho 'ERROR: Failed to read model'; exit 1\n")
    with pytest.raises(DeviceError, match=r"adb shell stopped with status 1 \(ERROR: Failed to read model\)"):
        AndroidCpu().answers(tiny_tflite, probe_images(SIZE, 1))
    assert list((fake / "data/local/tmp").iterdir()) == []


def test_answers_of_another_length_are_refused(fake: Path, tiny_tflite: Path, tmp_path: Path) -> None:
    (tmp_path / "tool").write_text(
        "#!/bin/sh\nfor a; do case $a in --output_filepath=*) printf 1234 > ${a#*=};; esac; done\n"
    )
    with pytest.raises(DeviceError, match="the device wrote 1 values, where its contract promises 65"):
        AndroidCpu().answers(tiny_tflite, probe_images(SIZE, 1))


@pytest.mark.parametrize(
    ("listed", "message", "hint"),
    [
        ("", "adb sees no Android device", "USB debugging"),
        ("a\tunauthorized\n", "a has not authorized", "on its screen"),
        ("a\toffline\n", "a is offline", "adb reconnect"),
        ("a\tdevice\nb\tdevice\n", "several Android devices: a, b", "ANDROID_SERIAL"),
    ],
)
def test_a_phone_that_cannot_be_used_is_an_error_with_the_next_step(
    listed: str, message: str, hint: str, fake: Path, tiny_tflite: Path
) -> None:
    (fake / "devices").write_text(listed)
    for ask in (AndroidCpu().available, lambda: AndroidCpu().placement(tiny_tflite), phone):
        with pytest.raises(DeviceError, match=message) as raised:
            _call(ask)
        assert hint in raised.value.hint
    assert AndroidCpu().evidence_level == "unavailable"


def _call(ask: Callable[[], object]) -> None:
    ask()


def test_one_of_several_is_named(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (fake / "devices").write_text("a\tdevice\nb\tdevice\n")
    monkeypatch.setenv("ANDROID_SERIAL", "b")
    assert phone().serial == "b"
    monkeypatch.setenv("ANDROID_SERIAL", "c")
    with pytest.raises(DeviceError, match="no device c"):
        phone()


def test_without_adb_or_the_tool_the_error_says_where_to_get_it(
    fake: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(android.TOOL)
    with pytest.raises(DeviceError, match="LiteRT's benchmark tool") as raised:
        AndroidCpu().available()
    assert "android_aarch64_benchmark_model" in raised.value.hint
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match="adb is not on the path") as raised:
        AndroidCpu().available()
    assert "apt-get install adb" in raised.value.hint
