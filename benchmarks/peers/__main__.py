"""The same trained student through EdgeFrac and through others' exporters, in one interleaved run on one thread.

    python -m benchmarks.peers [CHECKPOINT] [--bundle DIR] [--data DIR] [--images N] [--calibration-images N]
        [--seconds S] [--executorch PYTHON] [--out peers.json] [--markdown]

EdgeFrac's files (TFLite, ONNX, OpenVINO; fp32, fp16, int8) are made as ``edgefrac export`` makes them, or are those of
--bundle. Beside them: litert-torch with ai-edge-quantizer, ONNX Runtime's static quantization, NNCF with OpenVINO,
ExecuTorch with XNNPACK (--executorch names a Python with ``executorch`` and torch); in torch eager the student itself,
and VGG16 and ResNet-50 of the registry, which are for speed alone: their weights are random. Parity is against the
student in torch, on at most --images radiographs that it has not seen; peers calibrate on --calibration-images of its
training split. Without --data both are phantoms, of two seeds. --seconds is for each row, on average.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from benchmarks.peers.document import TIMES_FASTER, Document, goals_of, rows_of
from benchmarks.peers.entrants import THREADS, Entrant
from benchmarks.peers.executorch_files import ANCHOR_HERE, ANCHOR_THERE, Worker, executorch_entrants
from benchmarks.peers.exporters import exported_by_peers
from benchmarks.peers.measure import judge, time_in_turns
from benchmarks.peers.our_files import bundled_files, our_files
from benchmarks.peers.peer_files import Eager
from benchmarks.peers.radiographs import Radiographs, choose
from benchmarks.peers.table import markdown
from benchmarks.peers.workshop import Workshop
from edgefrac.benchmarking.figures import Difference, difference
from edgefrac.benchmarking.host import host, now
from edgefrac.benchmarking.measure import phantom
from edgefrac.benchmarking.stopwatch import Turns
from edgefrac.cli.output import note, track
from edgefrac.errors import EdgeFracError
from edgefrac.models.network import FractureNet
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.pipeline.subject import Subject, load_subject


def compare(subject: Subject, entrants: Sequence[Entrant], radiographs: Radiographs, seconds: float) -> Document:
    """Time and judge all entrants."""
    before = now()
    timed = [number for number, entrant in enumerate(entrants) if entrant.open is not None]
    places = {number: place for place, number in enumerate(timed)}
    size = subject.exportable.size
    turns = time_in_turns([entrants[number] for number in timed], phantom(size), seconds, track)
    here = host(before, now())
    judged = [number for number in timed if entrants[number].contract is not None]
    found, collection = judge(subject, [entrants[number] for number in judged], radiographs.judged, track)
    return Document(
        rows=rows_of(entrants, turns, dict(zip(judged, found, strict=True)), places),
        goals=goals_of(entrants, turns, places),
        bridge=_bridge(entrants, turns, places),
        input_size=size,
        checkpoint_sha256=subject.identity.checkpoint_sha256,
        judged_on=radiographs.judged_on,
        judged=len(collection.cases),
        judged_positives=sum(case.label for case in collection.cases),
        data_sha256=collection.data_sha256,
        calibrated_on=radiographs.calibrated_on,
        host=here,
    )


def _bridge(entrants: Sequence[Entrant], turns: Turns, places: dict[int, int]) -> Difference | None:
    named = {entrants[number].maker: place for number, place in places.items()}
    if ANCHOR_HERE not in named:
        return None
    return difference(turns, named[ANCHOR_THERE], named[ANCHOR_HERE])


def in_torch(subject: Subject) -> Iterator[Entrant]:
    """The student, and networks of published classifiers with random weights, each in torch float32."""
    student = subject.exportable
    contract = student.contract("fp32", subject.identity)
    yield Entrant("student", "torch", "fp32", lambda: Eager(student.module), contract)
    for name in TIMES_FASTER:
        torch.manual_seed(0)
        network = FractureNet(name).eval()
        yield Entrant(name, "torch", "fp32", lambda network=network: Eager(network))  # type: ignore[misc]


def run(chosen: argparse.Namespace) -> Document:
    """Make, time and judge everything that was asked for."""
    torch.set_num_threads(THREADS)
    subject = load_subject(chosen.checkpoint, None, ExportRecipe())
    seen = subject.identity.training_data.seen_hashes()
    size = subject.exportable.size
    radiographs = choose(chosen.data, seen, size, chosen.images, chosen.calibration_images, track)
    worker = Worker(chosen.executorch) if chosen.executorch else None
    try:
        with tempfile.TemporaryDirectory(prefix="edgefrac-peers-") as folder:
            workshop = Workshop(subject, radiographs.calibration, Path(folder))
            ours = bundled_files(chosen.bundle, subject) if chosen.bundle else our_files(workshop, note)
            entrants = [*ours, *exported_by_peers(workshop, note)]
            entrants += [*executorch_entrants(workshop, worker, note), *in_torch(subject)]
            return compare(subject, entrants, radiographs, chosen.seconds)
    finally:
        if worker is not None:
            worker.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the status is that of ``edgefrac``."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", nargs="?", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--data")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--calibration-images", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--executorch", type=Path, metavar="PYTHON")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--markdown", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        document = run(chosen)
    except EdgeFracError as error:
        note(f"{error.message}{f' ({error.hint})' if error.hint else ''}")
        return error.exit_status
    text = document.model_dump_json(indent=2)
    if chosen.out:
        written = chosen.out.with_name(f"{chosen.out.name}.part")
        written.write_text(text + "\n")
        written.replace(chosen.out)
    print(markdown(document) if chosen.markdown else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
