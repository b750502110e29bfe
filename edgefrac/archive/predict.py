"""Predict a whole archive into a folder of results, or go on with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgefrac.archive.listing import ArchiveFile, list_files
from edgefrac.archive.predicting import Predicting, as_row, model_opened, no_image
from edgefrac.archive.results import Manifest, Results, open_results
from edgefrac.digest import file_sha256
from edgefrac.errors import ModelFileError
from edgefrac.imaging.read import check_window
from edgefrac.imaging.voi import WindowChoice
from edgefrac.prediction import FilePrediction
from edgefrac.progress import Note, Track, silent
from edgefrac.runtimes.portable import PortableModel
from edgefrac.workers.pool import Pool
from edgefrac.workers.runner import Runner, run_tracked

_NAMED = 20
"""Unreadable files that are named one by one; the others are rows like them."""


@dataclass
class Tally:
    """What became of an archive's files: ``predicted`` and ``unreadable`` now, ``there_before`` in earlier runs.

    ``positive`` are of those predicted; ``no_image`` are files that neither their name nor their content calls an
    image; ``errors`` are those of the first unreadable ones, ``undecoded`` how many lack only an optional part.
    """

    there_before: int = 0
    predicted: int = 0
    positive: int = 0
    unreadable: int = 0
    undecoded: int = 0
    no_image: int = 0
    errors: list[str] = field(default_factory=list)

    def count(self, row: FilePrediction | None) -> None:
        """Add one file with its row, None for one that is no image."""
        if row is None:
            self.no_image += 1
        elif "error" in row:
            self.unreadable += 1
            self.undecoded += "missing_extra" in row
            if len(self.errors) < _NAMED:
                self.errors.append(row["error"])
        else:
            self.predicted += 1
            self.positive += row["positive"]


def predict_archive(
    model: Path,
    places: Sequence[Path],
    out: Path,
    *,
    runner: Runner | None = None,
    window: WindowChoice | None = None,
    note: Note = lambda line: None,
    track: Track = silent,
) -> Tally:
    """Predict every radiograph below ``places`` (files, folders, zips) into the folder ``out``; files have full paths.

    Goes on where an earlier run was stopped: what has an answer and the same size and time of change is not read again,
    what had none is tried again. ``runner`` is by default a ``Pool`` on every core. Raises ``UsageError`` where there
    are no files or ``out`` has another model's answers, ``ModelFileError``, ``OutputError``, ``MissingExtraError``,
    ``WorkersError``.
    """
    check_window(window)
    manifest = Manifest(model=model.name, model_sha256=_sha256(model), window=window)
    listed = [file for file in list_files([place.absolute() for place in places]) if not _inside(file, out)]
    files = list({file.name: file for file in listed}.values())  # each once
    if not files:
        raise no_image(places, 0)
    tally = Tally()
    with open_results(out, manifest, note) as results, model_opened(model):
        wanted = _wanted(files, results, tally)
        work = Predicting(PortableModel(model.absolute()), str(model.absolute()), window, keep_going=True)
        for index, answer in run_tracked(runner or Pool(), work, wanted, "radiographs", track):
            file = wanted[index]
            row, _ = as_row(file, answer)
            tally.count(row)
            if row is not None:
                results.add(file, row)
    if tally.no_image == len(files):
        raise no_image(places, len(files))
    return tally


def _wanted(files: Sequence[ArchiveFile], results: Results, tally: Tally) -> list[ArchiveFile]:
    """The files without an answer, what earlier runs said of them forgotten."""
    wanted = [file for file in files if not results.has(file)]
    tally.there_before = len(files) - len(wanted)
    results.forget({file.name for file in wanted})
    return wanted


def _sha256(model: Path) -> str:
    try:
        return file_sha256(model)
    except OSError as error:
        raise ModelFileError(f"{model}: cannot be read ({error.strerror})") from None


def _inside(file: ArchiveFile, folder: Path) -> bool:
    """Results may lie in the very folder that is predicted."""
    return file.path.is_relative_to(folder.absolute())
