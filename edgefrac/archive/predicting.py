"""The work of predicting an archive's files, for any runner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edgefrac.archive.listing import ArchiveFile, list_files
from edgefrac.errors import EdgeFracError, ImageError, UsageError
from edgefrac.imaging.read import FORMATS
from edgefrac.imaging.voi import WindowChoice
from edgefrac.prediction import FilePrediction, OverlayFolder, predict_read
from edgefrac.progress import Track, silent
from edgefrac.runtimes.portable import Model, OpenModel, PortableModel
from edgefrac.runtimes.session import Session
from edgefrac.workers.runner import Here, Lost, Runner, run_tracked


@dataclass(frozen=True)
class Predicting:
    """``predict_file`` for the files of an archive; a file that is no image gives None.

    Rows call the model ``model_name``, wherever its copy was opened. With ``keep_going`` an error inside EdgeFrac costs
    the image its answer, and not the run; ``overlays`` are for one process alone.
    """

    model: Model
    model_name: str
    window: WindowChoice | None = None
    overlays: OverlayFolder | None = None
    keep_going: bool = False

    def open(self) -> Callable[[ArchiveFile], FilePrediction | None]:
        """Load the model."""
        return partial(self._predict, self.model.open())

    def packed(self) -> Predicting:
        """The same with the model's content."""
        return replace(self, model=self.model.packed())

    def _predict(self, session: Session, file: ArchiveFile) -> FilePrediction | None:
        if file.problem:
            return {"file": file.name, "error": file.problem}
        try:
            if not file.is_image():
                return None
            row = predict_read(session, file.name, partial(file.read, self.window), self.overlays)
        except ImageError as error:
            return {"file": file.name, "error": error.message}
        except EdgeFracError:
            raise
        except Exception as error:
            if not self.keep_going:
                raise
            cause = f"internal error ({type(error).__name__}); predicted alone with --debug it tells more"
            return {"file": file.name, "error": f"{file.name}: {cause}"}
        if "model" in row:
            row["model"] = self.model_name
        return row


def predict_files(
    session: Session,
    places: Sequence[Path],
    *,
    runner: Runner | None = None,
    window: WindowChoice | None = None,
    overlays: OverlayFolder | None = None,
    track: Track = silent,
) -> list[FilePrediction]:
    """Rows of all radiographs below ``places`` (files, folders, zips), in order; by default made in this process.

    Raises ``UsageError`` where there is no image, and what ``Predicting`` and ``runner`` raise.
    """
    files = list_files(places)
    model = PortableModel(session.path) if runner else OpenModel(session)
    work = Predicting(model, str(session.path), window, overlays)
    answers = dict(run_tracked(runner or Here(), work, files, "radiographs", track))
    rows = [row for index, file in enumerate(files) if (row := as_row(file, answers[index])) is not None]
    if not rows:
        raise no_image(places, len(files))
    return rows


def no_image(places: Sequence[Path], files: int) -> UsageError:
    """The error for ``places`` without a single image among their ``files``."""
    what = f"none of its {files} files is an image" if files else "no files there"
    return UsageError(f"{', '.join(map(str, places))}: {what}", hint=f"EdgeFrac reads {FORMATS}")


def as_row(file: ArchiveFile, answer: FilePrediction | Lost | None) -> FilePrediction | None:
    """The row of a file; that of a ``Lost`` one says why."""
    if isinstance(answer, Lost):
        return {"file": file.name, "error": f"{file.name}: {answer.reason}"}
    return answer
