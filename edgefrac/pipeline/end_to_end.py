"""From an image file to decision and overlay: each step and the whole, timed in the same turns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from edgefrac.benchmarking.document import EndToEnd, Stage
from edgefrac.benchmarking.figures import median_of, paired
from edgefrac.benchmarking.stopwatch import Run, take_turns
from edgefrac.datasets.sample import FileReader, ZipReader
from edgefrac.explanation import explained, heat_of, located, picture_of
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import decode_radiograph
from edgefrac.pipeline.parity import Panel
from edgefrac.progress import Track
from edgefrac.runtimes.session import Session
from edgefrac.verification.statistics import Estimate

_READ, _RUN, _WHOLE, _PICTURE = "read and decode", "run the model", "whole", "picture"


def end_to_end(name: str, runtime: str, session: Session, panel: Panel, seconds: float, track: Track) -> EndToEnd:
    """Time a session on the panel's radiograph of median size, as a file: what users wait for between the two.

    The overlay is the heat map over the radiograph at its own resolution, as an app shows it; beside it the captioned
    picture that ``edgefrac explain`` draws. Neither is compressed or written.
    """
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as folder:
        read = _read_of_median_size(panel, Path(folder))
        radiograph = read()
        steps = _steps(session, read, radiograph)
        turns = take_turns([partial(_itself, run) for run in steps.values()], seconds / 2, track=track)
    taken = dict(zip(steps, 1000 * turns.taken, strict=True))
    medians = {step: median_of(milliseconds, turns.opening) for step, milliseconds in taken.items()}
    whole, picture = _known(medians.pop(_WHOLE)), _known(medians.pop(_PICTURE))
    return EndToEnd(
        path=name,
        runtime=runtime,
        image=f"{radiograph.source_format} of {radiograph.width} × {radiograph.height} pixels",
        stages=tuple(_stages(medians)),
        whole_ms=whole[0],
        whole_ci=whole[1:],
        picture_ms=picture[0],
        over_bare=paired(taken[_WHOLE], taken[_READ] + taken[_RUN], turns.opening),
    )


def _itself(run: Run) -> Run:
    """There is nothing to open."""
    return run


def _read_of_median_size(panel: Panel, folder: Path) -> Callable[[], Radiograph]:
    """In this process, as ``predict`` reads where it runs the model; a guarded one has borne the file before."""
    cases = panel.collection.cases
    order = sorted(range(len(cases)), key=lambda n: cases[n].placement.height * cases[n].placement.width)
    sample = panel.samples[order[len(order) // 2]]
    if isinstance(sample.reader, FileReader | ZipReader):
        return partial(_decoded, sample.reader)
    if not panel.synthetic:
        return sample.read
    path = folder / "phantom.jpg"
    Image.fromarray(sample.read().pixels).save(path, quality=90)
    return partial(_decoded, FileReader(path))


def _decoded(reader: FileReader | ZipReader) -> Radiograph:
    return decode_radiograph(reader.data(), "radiograph")


def _steps(session: Session, read: Callable[[], Radiograph], radiograph: Radiograph) -> dict[str, Run]:
    """Each step with what the ones before it give, and the whole, which starts from the file."""
    size, nowhere = session.contract.input.size, Path("radiograph")
    network_input = preprocess(radiograph.pixels, size)
    prediction = session.predict(network_input)
    found = located(session, radiograph, network_input, prediction, nowhere)

    def whole() -> object:
        anew = read()
        return heat_of(explained(session, anew, nowhere), anew)

    return {
        _READ: read,
        "preprocess": lambda: preprocess(radiograph.pixels, size),
        _RUN: lambda: session.predict(network_input),
        "decide and locate": lambda: located(session, radiograph, network_input, prediction, nowhere),
        "draw the overlay": lambda: heat_of(found, radiograph),
        _WHOLE: whole,
        _PICTURE: lambda: picture_of(found, radiograph),
    }


def _stages(medians: dict[str, Estimate]) -> Iterator[Stage]:
    total = sum(_known(found)[0] for found in medians.values())
    for name, found in medians.items():
        value, low, high = _known(found)
        yield Stage(name=name, median_ms=value, median_ci=(low, high), share=value / total)


def _known(found: Estimate) -> tuple[float, float, float]:
    """The stopwatch opens often enough for an interval."""
    assert found.value is not None and found.low is not None and found.high is not None
    return found.value, found.low, found.high
