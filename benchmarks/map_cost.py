"""What does the evidence map cost in an exported file?

    python benchmarks/map_cost.py [CHECKPOINT] [--threads 1 2] [--openings 12] [--turns 30]

In LiteRT, ONNX Runtime and OpenVINO, float32 and the exact int8 plan, beside the file with its map:
- the same graph without the output for the map;
- float32 only: the conventional network, which averages its last features first and then has a linear layer;
- the same file once more, which tells what two equal files differ by.
All are run in turns in one process, in another order each turn, on one image. Where the memory of a session comes to
lie matters too, so that all are opened several times. Printed is how much longer the file with its map takes,
the median over all turns, with a 95 % bootstrap interval over openings. With one thread the time is the processor's,
which is the latency of a machine that does nothing else; with several it is the time that passes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgefrac.contract import Precision
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.imaging.preprocess import preprocess
from edgefrac.models.exportable import Exportable, ExportNet
from edgefrac.pipeline.quantizing import carried_exact
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.pipeline.subject import Subject, load_subject
from edgefrac.runtimes.session import open_session
from edgefrac.targets import onnx_graph, onnx_integers, openvino_graph, openvino_integers, tflite_graph, tflite_integers
from edgefrac.targets.openvino_import import ov
from edgefrac.targets.registry import find

MAP, AGAIN, WITHOUT, POOLED = "with the map", "the same file again", "without the output", "pooled first"
WARM_UP = 4
Files = dict[str, Path]


class Conventional(nn.Module):
    """An answer from pooled features: float32 (1, 1, S, S) -> probability (1, K), and no map on the way.

    The same as the network's, unless its map has a second scale: that is left out.
    """

    def __init__(self, network: ExportNet, channels: int) -> None:
        super().__init__()
        *stages, last = network.evidence.children()
        self.features, conv = nn.Sequential(*stages), getattr(last, "conv", last)
        assert isinstance(conv, nn.Conv2d)
        self.linear = nn.Linear(conv.in_channels, channels, bias=False)
        # a finer map has several kernels a channel, and the mean over it is what their mean gives
        self.linear.weight.data = conv.weight.detach().reshape(-1, channels, conv.in_channels).mean(0)
        self.probability = network.probability

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.probability(self.linear(self.features(image).mean((2, 3))))


@dataclass(frozen=True)
class Format:
    """How a target's int8 graph is made, how a graph loses its second output, and how one is written."""

    integers: Callable[[Any, int], Any]
    cut: Callable[[Any], Any]
    write: Callable[[Any, Any, Path], Any]


def _cut_tflite(data: bytes) -> bytes:
    model = tflite_graph.read_graph(data)
    graph = model.subgraphs[0]
    graph.outputs = graph.outputs[:1]
    model.signatureDefs[0].outputs = model.signatureDefs[0].outputs[:1]
    wanted, kept = set(graph.outputs), []
    for operator in reversed(graph.operators):  # LiteRT would run what nobody reads
        if wanted.intersection(operator.outputs):
            wanted.update(operator.inputs)
            kept.append(operator)
    graph.operators = kept[::-1]
    return tflite_graph.pack_graph(model)


def _cut_onnx(model: Any) -> Any:
    cut = type(model)()
    cut.CopyFrom(model)
    del cut.graph.output[1:]
    return cut


def _cut_openvino(model: ov.Model) -> ov.Model:
    copy = model.clone()
    return ov.Model([copy.output("probability").get_node()], copy.get_parameters(), "cut")


FORMATS = {
    "tflite": Format(
        tflite_integers.integer_graph, _cut_tflite, lambda g, c, path: path.write_bytes(tflite_graph.finish(g, c))
    ),
    "onnx": Format(
        onnx_integers.integer_model, _cut_onnx, lambda g, c, path: path.write_bytes(onnx_graph.finish(g, c))
    ),
    "openvino": Format(openvino_integers.integer_model, _cut_openvino, openvino_graph.save),
}


def written(subject: Subject, name: str, precision: Precision, folder: Path) -> Files:
    """The files to compare in one format and precision."""
    target, form, exportable = find(name), FORMATS[name], subject.exportable
    network = exportable.module
    assert isinstance(network, ExportNet)
    mapless = replace(exportable, has_evidence=False)
    if precision == "int8":
        graph = form.integers(carried_exact(subject).network, exportable.size)
    else:
        graph = target.convert(exportable)
    made: dict[str, tuple[Any, Exportable]] = {MAP: (graph, exportable), WITHOUT: (form.cut(graph), mapless)}
    if precision == "fp32":
        conventional = replace(mapless, module=Conventional(network, exportable.channels).eval())
        made[POOLED] = (target.convert(conventional), mapless)
    paths = {}
    for number, (kind, (model, its)) in enumerate(made.items()):
        paths[kind] = folder / f"{name}-{precision}-{number}{target.suffix}"
        form.write(model, target.promise(its.contract(precision, subject.identity)), paths[kind])
    return {**paths, AGAIN: paths[MAP]}


def timed(files: Files, image: NDArray[np.uint8], threads: int, openings: int, turns: int) -> dict[str, Any]:
    """Milliseconds of each file, [openings, turns]; stops where one gives another answer."""
    taken = {kind: np.zeros((openings, turns)) for kind in files}
    clock = time.process_time if threads == 1 else time.perf_counter
    rng = np.random.default_rng(0)
    for opening in range(openings):
        sessions = {kind: open_session(files[kind], threads) for kind in rng.permutation(list(files))}
        answers = [session.predict(image).probability for kind, session in sessions.items() if kind != POOLED]
        np.testing.assert_allclose(answers, answers[:1] * len(answers), rtol=0, atol=1e-5)
        for turn in range(-WARM_UP, turns):
            for kind in rng.permutation(list(files)):
                started = clock()
                sessions[kind].predict(image)
                if turn >= 0:
                    taken[kind][opening, turn] = 1e3 * (clock() - started)
    return taken


def row(what: str, kind: str, taken: dict[str, Any], files: Files) -> str:
    """One line of the table: the file with its map beside the file of ``kind``."""
    ratios = taken[MAP] / taken[kind]
    drawn = np.random.default_rng(0).integers(0, len(ratios), (2000, len(ratios)))
    low, high = np.quantile([np.median(ratios[openings]) for openings in drawn], [0.025, 0.975])
    longer = f"{np.median(ratios) - 1:+.1%} ({low - 1:+.1%} to {high - 1:+.1%})"
    growth = "" if kind == AGAIN else f"{_bytes(files[MAP]) / _bytes(files[kind]) - 1:+.3%}"
    return f"| {what} | {kind} | {np.median(taken[kind]):.2f} | {longer} | {growth} |"


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.stem}.*"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", type=Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--openings", type=int, default=12)
    parser.add_argument("--turns", type=int, default=30)
    chosen = parser.parse_args()
    subject = load_subject(chosen.checkpoint, None, ExportRecipe())
    image = preprocess(phantom_dataset(1, 0).samples[0].read().pixels, subject.exportable.size)
    precisions: tuple[Precision, ...] = ("fp32", "int8")
    with tempfile.TemporaryDirectory() as folder:
        made = {(n, p): written(subject, n, p, Path(folder)) for n in FORMATS for p in precisions}
        for threads in chosen.threads:
            print(
                f"\n{threads} thread(s), {chosen.openings} openings of {chosen.turns} turns, load {os.getloadavg()[0]}"
            )
            print("\n| file with its map | beside | ms of that | takes longer | is larger |\n|---|---|---|---|---|")
            for (name, precision), files in made.items():
                taken = timed(files, image, threads, chosen.openings, chosen.turns)
                what = f"{find(name).runtime.partition(',')[0]} {precision}"
                for kind in [kind for kind in files if kind != MAP]:
                    print(row(what, kind, taken, files), flush=True)


if __name__ == "__main__":
    main()
