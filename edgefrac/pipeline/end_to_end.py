"""From an image file to decision and overlay: each step and the whole, timed in the same turns."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from edgefrac.benchmarking.document import EndToEnd, Stage
from edgefrac.benchmarking.figures import median_of, paired
from edgefrac.benchmarking.stopwatch import Run, take_turns
from edgefrac.datasets.sample import FileReader, Reader
from edgefrac.explanation import explained, located, picture_of
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.pipeline.parity import Panel
from edgefrac.progress import Track
from edgefrac.runtimes.session import Session
from edgefrac.verification.statistics import Estimate

_READ, _RUN, _WHOLE = "read and decode", "run the model", "whole"


def end_to_end(name: str, runtime: str, session: Session, panel: Panel, seconds: float, track: Track) -> EndToEnd:
    """Time a session on the panel's radiograph of median size, as a file: what users wait for between the two.

    The overlay is drawn, as ``edgefrac explain`` does, not compressed and not written.
    """
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as folder:
        reader = _file_of_median_size(panel, Path(folder))
        radiograph = reader.read()
        steps = _steps(session, reader, radiograph)
        turns = take_turns([partial(_itself, run) for run in steps.values()], seconds / 2, track=track)
    taken = dict(zip(steps, 1000 * turns.taken, strict=True))
    medians = {step: median_of(milliseconds, turns.opening) for step, milliseconds in taken.items()}
    whole = medians.pop(_WHOLE)
    assert whole.value is not None and whole.low is not None and whole.high is not None
    return EndToEnd(
        path=name,
        runtime=runtime,
        image=f"{radiograph.source_format} of {radiograph.width} × {radiograph.height} pixels",
        stages=tuple(_stages(medians)),
        whole_ms=whole.value,
        whole_ci=(whole.low, whole.high),
        over_bare=paired(taken[_WHOLE], taken[_READ] + taken[_RUN], turns.opening),
    )


def _itself(run: Run) -> Run:
    """There is nothing to open."""
    return run


def _file_of_median_size(panel: Panel, folder: Path) -> Reader:
    cases = panel.collection.cases
    order = sorted(range(len(cases)), key=lambda n: cases[n].placement.height * cases[n].placement.width)
    sample = panel.samples[order[len(order) // 2]]
    if not panel.synthetic:
        return sample.reader
    path = folder / "phantom.jpg"
    Image.fromarray(sample.read().pixels).save(path, quality=90)
    return FileReader(path)


def _steps(session: Session, reader: Reader, radiograph: Radiograph) -> dict[str, Run]:
    """Each step with what the ones before it give, and the whole, which starts from the file."""
    size, nowhere = session.contract.input.size, Path("radiograph")
    network_input = preprocess(radiograph.pixels, size)
    prediction = session.predict(network_input)
    found = located(session, radiograph, network_input, prediction, nowhere)

    def whole() -> object:
        read = reader.read()
        return picture_of(explained(session, read, nowhere), read)

    return {
        _READ: reader.read,
        "preprocess": lambda: preprocess(radiograph.pixels, size),
        _RUN: lambda: session.predict(network_input),
        "decide and locate": lambda: located(session, radiograph, network_input, prediction, nowhere),
        "draw the overlay": lambda: picture_of(found, radiograph),
        _WHOLE: whole,
    }


def _stages(medians: dict[str, Estimate]) -> Iterator[Stage]:
    total = sum(found.value or 0 for found in medians.values())
    for name, found in medians.items():
        assert found.value is not None and found.low is not None and found.high is not None
        yield Stage(name=name, median_ms=found.value, median_ci=(found.low, found.high), share=found.value / total)
