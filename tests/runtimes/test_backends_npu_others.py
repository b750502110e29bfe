"""OpenVINO's NPU and LiteRT's ahead-of-time compilation: tried for real, and precise about what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefrac.errors import DeviceError, ModelFileError
from edgefrac.runtimes import litert_aot
from edgefrac.runtimes.backend import backends
from edgefrac.runtimes.backends.litert_npu import GoogleTensor, MediaTek, Qualcomm
from edgefrac.runtimes.backends.openvino_npu import OpenVinoNpu
from edgefrac.runtimes.compiled_tflite import placed
from edgefrac.runtimes.session import ModelKind

# what the plugins in ai-edge-litert 2.3.0 said without their vendors' compilers, cut short
QUALCOMM = """WARNING: [compiler_plugin.cc:312] Failed to load plugin at: /x/libLiteRtCompilerPlugin_Qualcomm.so \
with error: ERROR: [litert/compiler/plugin/compiler_plugin.cc:259]
└ Could not load shared library /x/libLiteRtCompilerPlugin_Qualcomm.so: libQnnHtp.so: cannot open shared \
object file: No such file or directory.
[LITERT_TOOLS:APPLY] Loaded 0 plugins
[LITERT_TOOLS:APPLY] 	Failed
"""
MEDIATEK = """INFO: [neuron_adapter_api.cc:309] libneuron_sys_util.mtk.so not found
ERROR: [neuron_adapter_api.cc:65] Failed to load NeuronAdapter shared library: Failed to load NeuronAdapter shared \
library
ERROR: [apply_plugin.cc:455] ERROR: [litert/compiler/plugin/compiler_plugin.cc:483]
INFO: [accelerator_registry.cc:43] DestroyAccelerator: ptr=0x55d902e9ca20, name=CpuAccelerator
"""


def test_openvinos_npu_is_named_where_it_is_not(tiny_openvino: Path) -> None:
    import openvino

    if "NPU" in openvino.Core().available_devices:
        assert OpenVinoNpu().placement(tiny_openvino).elsewhere == {}
        return
    for ask in (OpenVinoNpu().open, OpenVinoNpu().placement):
        with pytest.raises(DeviceError, match=r"OpenVINO finds no NPU here, only CPU") as raised:
            ask(tiny_openvino)
        assert "driver" in raised.value.hint


def test_openvino_says_which_operators_a_device_takes(tiny_openvino: Path) -> None:
    from edgefrac.runtimes.openvino import OpenVinoSession, operators_taken

    taken, refused = operators_taken(tiny_openvino, "CPU")  # the only plugin that is everywhere
    assert taken["AvgPool"] == 1 and taken["Sigmoid"] == 1 and not refused
    assert "Constant" not in taken
    assert OpenVinoSession(tiny_openvino, device="CPU").contract.name == "tiny"


def test_a_damaged_file_is_an_error(tmp_path: Path, tiny_openvino: Path, tiny_tflite: Path) -> None:
    xml, tflite = tmp_path / "cut.xml", tmp_path / "cut.tflite"
    xml.write_bytes(tiny_openvino.read_bytes()[:900])
    tflite.write_bytes(tiny_tflite.read_bytes()[:900])
    with pytest.raises(ModelFileError, match=r"cut\.xml"):
        OpenVinoNpu().open(xml)
    with pytest.raises(ModelFileError, match=r"cut\.tflite"):
        Qualcomm().placement(tflite)


def test_each_vendor_is_a_backend_for_tflite_files() -> None:
    titles = [one.title for one in backends("npu") if one.takes(ModelKind.TFLITE, "fp16")]
    assert titles == [f"LiteRT NPU ({name})" for name in ("Qualcomm SM8650", "MediaTek MT6989", "Google Tensor G5")]


@pytest.mark.parametrize("backend", [Qualcomm(), MediaTek(), GoogleTensor()], ids=lambda backend: backend.vendor)
def test_the_compiler_is_tried_and_says_what_it_lacks(
    backend: Qualcomm, tiny_tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = sorted(tiny_tflite.parent.iterdir())
    try:
        found = backend.placement(tiny_tflite)
    except DeviceError as error:
        assert backend.soc in error.message
        assert f"ai-edge-litert-sdk-{backend.vendor.replace('_', '-')}" in error.message
        assert any(word in error.message for word in (".so: cannot open shared object file", "Failed to load"))
    else:  # the vendor's compiler is installed
        assert sum(found.on_device.values()) > 0
    with pytest.raises(DeviceError, match=backend.soc):
        backend.open(tiny_tflite)
    assert sorted(tiny_tflite.parent.iterdir()) == before
    assert list(tmp_path.iterdir()) == []


def test_a_chip_that_litert_does_not_know_is_an_error(tiny_tflite: Path) -> None:
    with pytest.raises(DeviceError, match=r"stopped with status 1 \(.*'SM0' is not a valid SocModel"):
        litert_aot.compile_ahead(tiny_tflite, "qualcomm", "SM0")


def test_the_cause_is_the_library_that_is_missing_else_the_last_error() -> None:
    assert litert_aot.cause(QUALCOMM) == "libQnnHtp.so: cannot open shared object file"
    assert litert_aot.cause(MEDIATEK) == "Failed to load NeuronAdapter shared library"
    assert litert_aot.cause("ERROR: this\nERROR: that\nbye") == "ERROR: that"
    assert litert_aot.cause("") == "no message"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("ai_edge_litert_sdk_probe/__init__.py,,\n", ", without the vendor's files"),
        ("ai_edge_litert_sdk_probe/data/lib/libProbe.so,,\n", ""),
    ],
)
def test_an_empty_package_is_told_from_a_full_one(
    record: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "ai_edge_litert_sdk_probe-2.3.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ai-edge-litert-sdk-probe\nVersion: 2.3.0\n")
    (about / "RECORD").write_text(record)
    assert litert_aot.sdk("probe") == "ai-edge-litert-sdk-probe is not installed"
    monkeypatch.syspath_prepend(tmp_path)
    assert litert_aot.sdk("probe") == f"ai-edge-litert-sdk-probe 2.3.0 is installed{said}"


def test_what_a_compiler_left_alone_is_elsewhere(tiny_tflite: Path) -> None:
    data = tiny_tflite.read_bytes()
    found = placed(data, data, "DISPATCH_OP", "why")
    assert sum(found.on_device.values()) == 0
    assert found.elsewhere["AVERAGE_POOL_2D"] == 1
    assert found.note == "0 parts on the NPU; why"
