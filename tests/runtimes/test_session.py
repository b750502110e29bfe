"""Which files are opened, and how the others are refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import ModelFileError
from edgefrac.runtimes.session import ModelKind, model_kind, open_session


def _file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_the_content_decides_and_not_the_name(tmp_path: Path, tiny_tflite: Path) -> None:
    renamed = _file(tmp_path, "model.bin", tiny_tflite.read_bytes())
    assert model_kind(renamed) is ModelKind.TFLITE
    assert open_session(renamed).contract.name == "tiny"


def test_onnx_and_openvino_files_are_recognised(tmp_path: Path, tiny_onnx: Path, tiny_openvino: Path) -> None:
    renamed = _file(tmp_path, "model.dat", tiny_onnx.read_bytes())
    assert model_kind(renamed) is ModelKind.ONNX and open_session(renamed).contract.name == "tiny"
    renamed = _file(tmp_path, "other.dat", tiny_openvino.read_bytes())
    _file(tmp_path, "other.bin", tiny_openvino.with_suffix(".bin").read_bytes())
    assert model_kind(renamed) is ModelKind.OPENVINO and open_session(renamed).contract.name == "tiny"


def test_a_checkpoint_is_recognised(tmp_path: Path) -> None:
    header = b'{"__metadata__":{}}     '
    path = _file(tmp_path, "weights", len(header).to_bytes(8, "little") + header)
    assert model_kind(path) is ModelKind.CHECKPOINT


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("empty.tflite", b"", "the file is empty"),
        (
            "text.tflite",
            b"not a model, but long enough to have been one",
            "neither a TFLite, ONNX, OpenVINO or ORT file nor",
        ),
        ("short.tflite", b"\x1c\x00\x00", "neither a TFLite, ONNX, OpenVINO or ORT file nor"),
        ("page.xml", b'<?xml version="1.0"?><page/>', "neither a TFLite, ONNX, OpenVINO or ORT file nor"),
        ("counter.onnx", b"\x08\x0a" + bytes(64), "neither a TFLite, ONNX, OpenVINO or ORT file nor"),
        ("picture.tflite", b"\x89PNG\r\n\x1a\n" + bytes(64), "neither a TFLite, ONNX, OpenVINO or ORT file nor"),
        ("weights.pt", b"PK\x03\x04" + bytes(64), "pickled checkpoint"),
        ("weights.safetensors", pickle.dumps({"weight": [1.0]}, protocol=4), "pickled checkpoint"),
        (
            "header.safetensors",
            (1 << 60).to_bytes(8, "little") + b"{}",
            "neither a TFLite, ONNX, OpenVINO or ORT file nor",
        ),
    ],
)
def test_foreign_files_are_refused_by_name_and_cause(tmp_path: Path, name: str, content: bytes, cause: str) -> None:
    path = _file(tmp_path, name, content)
    with pytest.raises(ModelFileError, match=cause) as caught:
        open_session(path)
    assert caught.value.message.startswith(str(path))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"absent\.tflite: no such file"):
        open_session(tmp_path / "absent.tflite")
    with pytest.raises(ModelFileError, match="cannot be read"):
        open_session(tmp_path)


def test_checkpoints_keep_their_own_number_of_threads() -> None:
    """Torch has one for the whole process; the last that was opened would set it for all."""
    torch = pytest.importorskip("torch")
    from edgefrac.prediction import REFERENCE_CHECKPOINT

    first, second = (open_session(REFERENCE_CHECKPOINT, threads) for threads in (1, 2))
    image = np.zeros((first.contract.input.size,) * 2, np.uint8)
    for session, threads in ((first, 1), (second, 2), (first, 1)):
        session.predict(image)
        assert torch.get_num_threads() == threads
