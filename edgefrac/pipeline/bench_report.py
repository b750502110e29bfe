"""What the report of a benchmark shows besides its document: answers, maps of phantoms, where the time goes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgefrac.benchmarking.layer_costs import layers
from edgefrac.benchmarking.measure import ModelFile, opened
from edgefrac.benchmarking.roofline import measure_roofline
from edgefrac.bundle import CERTIFICATE, open_bundle
from edgefrac.contract import Contract
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.evaluation import collect
from edgefrac.explanation import explained, picture_of
from edgefrac.pipeline.bench import Bench
from edgefrac.prediction import is_bundle
from edgefrac.progress import Track
from edgefrac.reporting.bench_report import Answer, Answers, BenchReport, Picture
from edgefrac.reporting.roofline_plot import draw_roofline
from edgefrac.runtimes.session import ModelKind, Session, model_kind, open_session
from edgefrac.targets.tflite_graph import read_graph
from edgefrac.verification.certificate import Certificate

_PHANTOMS, _PHANTOM_SEED = 6, 41
_WIDTH = 720


def report_of(bench: Bench, models: Sequence[str | Path], data: str | None, command: str, track: Track) -> BenchReport:
    """The report of a benchmark of ``models``, on ``data``, that ``command`` made.

    Answers are those of one file (int8 and TFLite, if there is one) in its own runtime on the CPU, to all radiographs
    of ``data`` that it was not trained on, for calibration and predictive values depend on how many are fractured. The
    certificate is that of the first bundle.
    """
    sessions = list(opened(bench.files))
    file, session = max(sessions, key=_preferred)
    bundles = [open_bundle(Path(model)) for model in models if is_bundle(Path(model))]
    return BenchReport(
        document=bench.document,
        contract=session.contract,
        certificate=Certificate.from_json(bundles[0].read(CERTIFICATE)) if bundles else None,
        answers=_answers(bench, file, session, data, track),
        examples=tuple(_examples(sessions, session.contract, track)),
        roofline=_roofline(bench.files),
        command=command,
    )


def _preferred(pair: tuple[ModelFile, Session]) -> tuple[bool, bool]:
    file, session = pair
    return session.contract.precision == "int8", file.path.suffix == ".tflite"


def _answers(bench: Bench, file: ModelFile, session: Session, data: str | None, track: Track) -> Answers | None:
    if bench.panel is None:
        return None
    collection, channel = bench.panel.collection, session.contract.task().first_channel
    if data:
        seen = session.contract.training_data.seen_hashes()
        collection = collect([session], fracture_task(open_dataset(data)).samples, leave_out=seen, track=track)
        probability = collection.answers[0].probability[:, channel]
    else:
        probability = bench.answers[file.shown].probability[:, channel]
    row = next(row for row in bench.document.rows if row.path == file.shown)
    given = [
        Answer(id=case.raster_sha256, label=1 if case.label else 0, probability=float(said), group=case.group)
        for case, said in zip(collection.cases, probability, strict=True)
    ]
    return Answers(file=file.path.name, runtime=row.runtime, device=row.device, given=tuple(given))


def _examples(sessions: Sequence[tuple[ModelFile, Session]], contract: Contract, track: Track) -> Iterator[Picture]:
    """Phantoms under the evidence of each precision of one format, side by side."""
    if not contract.has_evidence:
        return
    from edgefrac.imaging.overlay import beside

    suffix = sessions[0][0].path.suffix
    shown = {session.contract.precision: session for file, session in sessions if file.path.suffix == suffix}
    for sample in track(phantom_dataset(_PHANTOMS, _PHANTOM_SEED).samples, "maps of phantoms"):
        radiograph = sample.read()
        found = [explained(session, radiograph, Path(sample.id)) for session in shown.values()]
        pictures = [picture_of(one, radiograph) for one in found]
        sheet = beside(pictures, list(shown))
        sheet.thumbnail((_WIDTH * len(pictures), _WIDTH * 2))
        data = io.BytesIO()
        sheet.quantize(128).save(data, "PNG", optimize=True)
        truth = "fractured" if sample.label else "whole"
        said = ", ".join(f"{name} {one.row['probability']:.3f}" for name, one in zip(shown, found, strict=True))
        yield Picture(png=data.getvalue(), caption=f"A {truth} phantom, not clinical. Probability: {said}")


def _roofline(files: Sequence[ModelFile]) -> Picture | None:
    """Of the int8 and the float32 TFLite file, where there are any that have layers to speak of."""
    wanted = [
        file.path
        for file in files
        if model_kind(file.path) is ModelKind.TFLITE
        and open_session(file.path).contract.precision in ("int8", "fp32")
        and any(layer.macs for layer in layers(read_graph(file.path.read_bytes())))
    ]
    if not wanted:
        return None
    caption = "one thread; each layer cut out of the file and timed alone, in turns with the whole"
    png = draw_roofline([measure_roofline(path) for path in wanted], caption)
    return Picture(png=png, caption="Where the time goes, and how far each layer is from what this machine can do.")
