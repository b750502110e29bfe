"""Run ONNX files on Qualcomm's emulator of its HTP, in a Python with NumPy, onnx and ``onnxruntime-qnn``.

    python exactness_htp.py JOB

JOB and the answers are those of ``edgefrac.runtimes.bare_script``. What is emulated is the HTP of a Snapdragon 8 Gen 3;
the file is compiled for it, too, to count the parts that the NPU would get and those left to the processor.
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import onnxruntime_qnn

OUTPUTS = ("probability", "evidence")
_PROVIDER = "QNNExecutionProvider"
_TARGET = {"soc_model": "57", "htp_arch": "75"}  # without them the emulated HTP is an older one, which rounds otherwise


def main(job: dict[str, Any]) -> None:
    """Write [N, …] of each output of each file, and what ran it."""
    onnxruntime.set_default_logger_severity(3)
    onnxruntime.register_execution_provider_library(_PROVIDER, onnxruntime_qnn.get_library_path())
    images = np.load(job["images"])
    found: dict[str, Any] = {}
    about = []
    for number, name in enumerate(job["files"]):
        session = _session(name, {})
        (given,) = session.get_inputs()
        answers = [session.run(OUTPUTS, {given.name: image[None, :, :, None]}) for image in images]
        for output, values in zip(OUTPUTS, zip(*answers, strict=True), strict=True):
            found[f"{number}:{output}"] = np.concatenate(values)
        version = onnxruntime_qnn.__version__
        about.append(f"onnxruntime-qnn {version}, HTP emulator ({placement(name)})")
    np.savez(job["answers"], about=np.array(about), **found)


def placement(name: str) -> str:
    """What the compiled file consists of: one EPContext is one part on the NPU, all else runs on the processor."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "compiled.onnx"
        entries = {"ep.context_enable": "1", "ep.context_file_path": str(compiled), "ep.context_embed_mode": "0"}
        _session(name, entries)
        nodes = Counter(node.op_type for node in onnx.load(str(compiled), load_external_data=False).graph.node)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(nodes.items()))


def _session(name: str, entries: dict[str, str]) -> Any:
    options = onnxruntime.SessionOptions()
    for key, value in {"session.disable_cpu_ep_fallback": "0", **entries}.items():
        options.add_session_config_entry(key, value)
    settings = {"backend_path": onnxruntime_qnn.get_qnn_htp_path(), **_TARGET}
    devices = [device for device in onnxruntime.get_ep_devices() if device.ep_name == _PROVIDER]
    options.add_provider_for_devices(devices[:1], settings)
    return onnxruntime.InferenceSession(name, options)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
