"""The work of predicting an archive's files, for any runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefrac.archive.listing import ArchiveFile, list_files
from edgefrac.errors import EdgeFracError, ImageError, UsageError
from edgefrac.prediction import FilePrediction, OverlayFolder, predict_read
from edgefrac.progress import Track, silent
from edgefrac.runtimes.portable import PortableModel
from edgefrac.runtimes.unopened import unopened
from edgefrac.workers.child import UnopenedError
from edgefrac.workers.document import NUMBER, Kind, fits, numbers
from edgefrac.workers.framing import Message
from edgefrac.workers.pool import Pool
from edgefrac.workers.runner import Lost, Runner, run_tracked

if TYPE_CHECKING:
    from edgefrac.imaging.voi import WindowChoice
    from edgefrac.runtimes.session import Session

Predicted = tuple[FilePrediction | None, bytes]
"""A row, None for a file that is no image, and the overlay as PNG where one was wanted."""


@dataclass(frozen=True)
class Predicting:
    """``predict_file`` for the files of an archive.

    Rows call the model ``model_name``, wherever its copy was opened. With ``keep_going`` an error inside EdgeFrac costs
    the image its answer, and not the run.
    """

    model: PortableModel
    model_name: str
    window: WindowChoice | None = None
    drawing: bool = False
    keep_going: bool = False

    def open(self) -> Callable[[ArchiveFile], Predicted]:
        """Load the model."""
        return partial(self._predict, self.model.open())

    def packed(self) -> Predicting:
        """The same with the model's content."""
        return replace(self, model=self.model.packed())

    def to_message(self, answer: Predicted) -> Message:
        """The row, and the overlay as blob."""
        row, overlay = answer
        return {"row": row}, [overlay]

    def from_message(self, item: ArchiveFile, message: Message) -> Predicted:
        """Raises ValueError for a row that is none of ``item``."""
        head, (overlay,) = message
        row: FilePrediction | None = head["row"]
        if row is not None:
            if not _is_row(row):
                raise ValueError("not a row")
            row["file"] = item.name
        return row, overlay

    def _predict(self, session: Session, file: ArchiveFile) -> Predicted:
        if file.problem:
            return {"file": file.name, "error": file.problem}, b""
        try:
            if not file.is_image():
                return None, b""
            row, overlay = predict_read(session, file.name, partial(file.read, self.window), drawing=self.drawing)
        except ImageError as error:
            return {"file": file.name, "error": error.message}, b""
        except EdgeFracError:
            raise
        except Exception as error:
            if not self.keep_going:
                raise
            cause = f"internal error ({type(error).__name__}); predicted alone with --debug it tells more"
            return {"file": file.name, "error": f"{file.name}: {cause}"}, b""
        if "model" in row:
            row["model"] = self.model_name
        return row, overlay


def predict_files(
    model: Path,
    places: Sequence[Path],
    *,
    runner: Runner | None = None,
    window: WindowChoice | None = None,
    overlays: OverlayFolder | None = None,
    track: Track = silent,
) -> list[FilePrediction]:
    """Rows of all radiographs below ``places`` (files, folders, zips), in order; by default by one guarded process.

    Raises ``UsageError`` where there is no image, ``ModelFileError``, and what ``runner`` raises.
    """
    files = list_files(places)
    work = Predicting(PortableModel(model), str(model), window, overlays is not None)
    rows: dict[int, FilePrediction] = {}
    with model_opened(model):
        for index, answer in run_tracked(runner or Pool(1), work, files, "radiographs", track):
            row, overlay = as_row(files[index], answer)
            if row is not None and overlays is not None and overlay:
                row["overlay"] = str(overlays.write(overlay, Path(files[index].name)))
            if row is not None:
                rows[index] = row
    if not rows:
        raise no_image(places, len(files))
    return [rows[index] for index in sorted(rows)]


@contextmanager
def model_opened(model: Path) -> Iterator[None]:
    """A process that is lost while it opens the model is lost by the model."""
    try:
        yield
    except UnopenedError as error:
        raise unopened(model, error.reason) from None


def no_image(places: Sequence[Path], files: int) -> UsageError:
    """The error for ``places`` without a single image among their ``files``."""
    from edgefrac.imaging.read import FORMATS

    what = f"none of its {files} files is an image" if files else "no files there"
    return UsageError(f"{', '.join(map(str, places))}: {what}", hint=f"EdgeFrac reads {FORMATS}")


def as_row(file: ArchiveFile, answer: Predicted | Lost) -> Predicted:
    """The row of a file; that of a ``Lost`` one says why."""
    if isinstance(answer, Lost):
        return {"file": file.name, "error": f"{file.name}: {answer.reason}"}, b""
    return answer


_KINDS: dict[str, Kind] = {
    "file": str,
    "error": str,
    "missing_extra": str,
    "probability": NUMBER,
    "label": str,
    "positive": bool,
    "threshold": NUMBER,
    "evidence_peak": (list, type(None)),
    "tasks": dict,
    "foreign": str,
    "identifying": str,
    "model": str,
    "milliseconds": NUMBER,
}
_ANSWERED = ("probability", "label", "positive", "threshold", "evidence_peak", "model", "milliseconds")


def _is_row(row: Any) -> bool:
    """Whether what a process said is a ``FilePrediction``."""
    if not fits(row, _KINDS, ["error"] if isinstance(row, dict) and "error" in row else _ANSWERED):
        return False
    peak, tasks = row.get("evidence_peak"), row.get("tasks", {}).values()
    each = [value for classes in tasks for value in dict(classes).values()]
    return (peak is None or numbers(peak, 2)) and numbers(each, len(each))
