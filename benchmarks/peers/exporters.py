"""What each peer's exporter and quantizer make of the student, with the time it took."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.entrants import THREADS, Entrant, Runnable
from benchmarks.peers.peer_files import LiteRTFile, OnnxFile, OpenVinoFile
from benchmarks.peers.workshop import Images, Workshop, size_of
from edgefrac.contract import Precision
from edgefrac.errors import EdgeFracError
from edgefrac.progress import Note
from edgefrac.targets.quiet import cannot_convert, quiet_converter
from edgefrac.targets.registry import find


@dataclass(frozen=True)
class Peer:
    """Another way from the float32 graph of a format to a file: ``write`` takes it, calibration images and a path."""

    maker: str
    form: str
    precision: Precision
    write: Callable[[Any, Images, Path], None]
    open: Callable[[Path], Runnable]


def exported_by_peers(workshop: Workshop, note: Note) -> Iterator[Entrant]:
    """Every peer's file; one that cannot be made is unavailable, and says why."""
    for number, peer in enumerate(PEERS):
        note(f"making: {peer.maker}, {peer.form}, {peer.precision}")
        target = find(peer.form)
        contract = workshop.contract(target, peer.precision)
        path = workshop.folder / f"peer-{number}{target.suffix}"
        try:
            target.require()
            graph, seconds = workshop.graph(target)
            started = time.perf_counter()
            _by_peer(peer, graph, workshop.calibration, path)
            seconds += time.perf_counter() - started
        except EdgeFracError as error:
            yield Entrant(peer.maker, peer.form, peer.precision, None, contract, reason=error.message)
            continue
        yield Entrant(
            peer.maker,
            peer.form,
            peer.precision,
            lambda open_file=peer.open, path=path: open_file(path),  # type: ignore[misc]
            contract,
            export_seconds=seconds,
            size_bytes=size_of(target, path),
        )


def _by_peer(peer: Peer, graph: Any, calibration: Images, path: Path) -> None:
    with quiet_converter():
        try:
            peer.write(graph, calibration, path)
        except EdgeFracError:
            raise
        except Exception as error:  # quantizers raise whatever their many layers raise
            raise cannot_convert(peer.maker, error) from error


def _litert(graph: bytes, _: Images, path: Path) -> None:
    path.write_bytes(graph)


def _ai_edge_quantizer(graph: bytes, calibration: Images, path: Path) -> None:
    """Its recipe ``static_wi8_ai8``: every operator that it can, inputs and outputs too."""
    from ai_edge_quantizer import quantizer, recipe

    from edgefrac.runtimes.litert import make_interpreter

    ((key, names),) = make_interpreter(graph, THREADS).get_signature_list().items()
    (name,) = names["inputs"]
    data = {key: [{name: ((image.astype(np.float32) - 128) / 128)[None, :, :, None]} for image in calibration]}
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        made = quantizer.Quantizer(graph, recipe.static_wi8_ai8())
        path.write_bytes(bytes(made.quantize(made.calibrate(data, num_threads=THREADS)).quantized_model))


def _onnx(graph: Any, _: Images, path: Path) -> None:
    import onnx

    onnx.save(graph, str(path))


def _onnx_static(activation: str | None) -> Callable[[Any, Images, Path], None]:
    """``quantize_static`` with its defaults (QDQ), but a scale for each channel; ``activation`` names another type."""

    def write(graph: Any, calibration: Images, path: Path) -> None:
        import onnx
        from onnxruntime import quantization as ort

        class Reader(ort.CalibrationDataReader):  # type: ignore[misc]
            def __init__(self) -> None:
                self.feeds = iter(calibration)

            def get_next(self) -> dict[str, Any] | None:
                image = next(self.feeds, None)
                return None if image is None else {"image": image[None, :, :, None]}

        given, prepared = (path.with_name(f"{path.stem}-{stage}.onnx") for stage in ("float", "prepared"))
        onnx.save(graph, str(given))
        ort.shape_inference.quant_pre_process(given, prepared, skip_symbolic_shape=True)
        chosen = {"activation_type": ort.QuantType[activation]} if activation else {}
        ort.quantize_static(prepared, path, Reader(), per_channel=True, **chosen)

    return write


def _openvino(graph: Any, _: Images, path: Path) -> None:
    from edgefrac.targets.openvino_import import ov

    ov.save_model(graph.clone(), path, compress_to_fp16=False)


def _nncf(graph: Any, calibration: Images, path: Path) -> None:
    from edgefrac.targets.openvino_import import ov
    from edgefrac.targets.openvino_quantize import quantize

    ov.save_model(quantize(graph, calibration), path)


PEERS = (
    Peer("litert-torch", "tflite", "fp32", _litert, LiteRTFile),
    Peer("ai-edge-quantizer, static_wi8_ai8", "tflite", "int8", _ai_edge_quantizer, LiteRTFile),
    Peer("torch.onnx", "onnx", "fp32", _onnx, OnnxFile),
    Peer("ONNX Runtime static, its defaults", "onnx", "int8", _onnx_static(None), OnnxFile),
    Peer("ONNX Runtime static, uint8 activations", "onnx", "int8", _onnx_static("QUInt8"), OnnxFile),
    Peer("ov.convert_model", "openvino", "fp32", _openvino, OpenVinoFile),
    Peer("NNCF", "openvino", "int8", _nncf, OpenVinoFile),
)
