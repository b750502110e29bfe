"""Explain: what a model's evidence map says of one radiograph, in numbers that add up, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from edgefrac.errors import ImageError, UsageError
from edgefrac.prediction import drawn
from edgefrac.runtimes.unopened import unopened
from edgefrac.workers.child import Answering, Child, ChildLostError, UnopenedError
from edgefrac.workers.document import NUMBER, Kind, fits, numbers
from edgefrac.workers.framing import Message
from edgefrac.workers.limits import Limits

# who only has a guarded process explain needs none of these, and starts the sooner
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edgefrac.imaging.radiograph import Radiograph
    from edgefrac.imaging.regions import Region
    from edgefrac.imaging.voi import WindowChoice
    from edgefrac.runtimes.session import Prediction, Session

Finding = Literal["nothing", "localised", "diffuse"]
IN_WORDS: dict[Finding, str] = {
    "localised": "it stands out in",
    "diffuse": "no place stands out, so none explains this answer; most such answers were wrong where it was measured",
    "nothing": "no place speaks for a fracture",
}
"""What a finding means, after "log-odds +0.54 in all; "; regions follow where it is localised."""


class RegionRow(TypedDict):
    """``box`` is [x, y, width, height] in pixels of the source image, for the other two see ``regions.Region``."""

    box: list[float]
    log_odds: float
    share: float


class ExplanationRow(TypedDict, total=False):
    """One row of ``edgefrac explain --json``.

    ``log_odds`` is that of ``probability``: what all places of the network's input add up to. ``finding`` says whether
    evidence is ``localised`` in regions; else a positive answer is ``diffuse``, and a negative one has ``nothing`` to
    show. ``foreign``, where it is there, says why the image is not of the kind that the network was trained on: neither
    answer nor map then counts. ``identifying``, where it is there, says why the picture itself may tell who the patient
    is. ``correlation`` is that of the map with the first model's, where several are compared.
    """

    file: str
    model: str
    precision: str
    probability: float
    threshold: float
    positive: bool
    label: str
    log_odds: float
    finding: Finding
    peak: list[float]
    regions: list[RegionRow]
    foreign: str
    identifying: str
    correlation: float
    overlay: str


@dataclass(frozen=True)
class Explained:
    """What one model says of a radiograph, with its map [h, w] in log-odds."""

    session: Session
    row: ExplanationRow
    evidence: NDArray[np.float32]
    regions: list[Region]


def explain(session: Session, path: str | Path, window: WindowChoice | None = None) -> ExplanationRow:
    """What the model sees on one image file; raises ImageError, and UsageError for a model without evidence map."""
    from edgefrac.imaging.guarded import read_guarded

    return explained(session, read_guarded(Path(path), window=window), Path(path)).row


def explained(session: Session, radiograph: Radiograph, path: Path) -> Explained:
    """What the model's fracture task sees on a radiograph that was read from ``path``; raises UsageError."""
    from edgefrac.imaging.preprocess import preprocess

    network_input = preprocess(radiograph.pixels, session.contract.input.size)
    return located(session, radiograph, network_input, session.predict(network_input), path)


def located(
    session: Session, radiograph: Radiograph, network_input: NDArray[np.uint8], prediction: Prediction, path: Path
) -> Explained:
    """What a prediction that was made for ``network_input`` [S, S] means on the radiograph; raises UsageError."""
    import numpy as np

    from edgefrac.imaging.burned_in import identifying
    from edgefrac.imaging.evidence import evidence_peak
    from edgefrac.imaging.familiarity import foreign
    from edgefrac.imaging.preprocess import Placement
    from edgefrac.imaging.regions import evidence_regions

    contract = session.contract
    task = contract.task()
    if prediction.evidence is None:
        raise UsageError(f"{contract.name}: the model has no evidence map to explain with")
    evidence = prediction.evidence[:, :, task.first_channel]
    placement = Placement(radiograph.height, radiograph.width, contract.input.size)
    regions = evidence_regions(evidence, placement, task.bias[0], task.temperature)
    probability = float(prediction.probability[task.first_channel])
    row: ExplanationRow = {
        "file": str(path),
        "model": str(session.path),
        "precision": contract.precision,
        "probability": probability,
        "threshold": task.threshold,
        "positive": probability >= task.threshold,
        "label": task.classes[int(probability >= task.threshold)],
        "log_odds": float((evidence.mean(dtype=np.float64) + task.bias[0]) / task.temperature),
        "finding": _finding(regions, probability >= task.threshold),
        "peak": [round(value, 1) for value in evidence_peak(evidence, placement)],
        "regions": [_row(region) for region in regions],
    }
    if reason := foreign(radiograph, network_input, contract.familiar):
        row["foreign"] = reason
    if reason := identifying(radiograph):
        row["identifying"] = reason
    return Explained(session, row, evidence, regions)


def compare(sessions: Sequence[Session], radiograph: Radiograph, path: Path) -> list[Explained]:
    """What several models see on one radiograph, and how their maps correlate with the first one's.

    Raises UsageError where their maps differ in size.
    """
    from edgefrac.verification.likeness import correlation

    all_of_them = [explained(session, radiograph, path) for session in sessions]
    first = all_of_them[0]
    for other in all_of_them[1:]:
        if other.evidence.shape != first.evidence.shape:
            raise UsageError(f"{other.session.path}: its map has another size than that of {first.session.path}")
        other.row["correlation"] = correlation(first.evidence, other.evidence)
    return all_of_them


@dataclass(frozen=True)
class Explaining:
    """The service that explains one image by several model files, which it opens, and draws the sheet if wanted."""

    models: tuple[Path, ...]
    image: Path
    window: WindowChoice | None
    drawing: bool

    def open(self) -> Answering:
        """Raises what ``open_session`` raises."""
        from edgefrac.runtimes.session import open_session

        sessions = [open_session(path) for path in self.models]
        return lambda head, blobs: self._explain(sessions)

    def _explain(self, sessions: Sequence[Session]) -> Message:
        from edgefrac.imaging.overlay import as_png, beside
        from edgefrac.imaging.read import read_radiograph

        radiograph = read_radiograph(self.image, window=self.window)
        found = compare(sessions, radiograph, self.image)
        pictures = [picture_of(one, radiograph) for one in found] if self.drawing else []
        names = [session.path.name for session in sessions]
        return {"rows": [one.row for one in found]}, [as_png(beside(pictures, names))] if pictures else []


def explain_guarded(
    models: Sequence[Path], image: Path, window: WindowChoice | None = None, *, drawing: bool = False
) -> tuple[list[ExplanationRow], bytes]:
    """What ``compare`` finds, and with ``drawing`` the sheet as PNG, by a process that image and models may crash.

    Raises ImageError, UsageError and ModelFileError.
    """
    child = Child(Explaining(tuple(models), image, window, drawing), Limits())
    try:
        child.hear()
        head, blobs = child.ask({})
        rows = head.get("rows")
        if not isinstance(rows, list) or not all(map(_is_row, rows)) or len(blobs) != drawing:
            raise child.nonsense()
    except UnopenedError as error:
        raise unopened(", ".join(map(str, models)), error.reason) from None
    except ChildLostError as error:
        raise ImageError(f"{image}: {error.reason}", hint=error.hint) from None
    finally:
        child.kill()
    return rows, b"".join(blobs)


def heat_of(explained: Explained, radiograph: Radiograph) -> NDArray[np.uint8]:
    """The map over the radiograph at its own resolution, as an app shows it: uint8 [H, W, 3]."""
    from edgefrac.imaging.heat import painted
    from edgefrac.imaging.preprocess import Placement

    contract = explained.session.contract
    task, size = contract.task(), contract.input.size
    placement = Placement(radiograph.height, radiograph.width, size)
    return painted(radiograph.pixels, explained.evidence, placement, bias=task.bias[0], temperature=task.temperature)


def picture_of(explained: Explained, radiograph: Radiograph) -> Image:
    """The map over the radiograph, its regions framed, and why the answer does not count where it does not."""
    contract = explained.session.contract
    caution = explained.row.get("foreign", "")
    return drawn(radiograph, explained.evidence, contract, explained.row["probability"], explained.regions, caution)


def _finding(regions: Sequence[Region], positive: bool) -> Finding:
    if regions:
        return "localised"
    return "diffuse" if positive else "nothing"


def _row(region: Region) -> RegionRow:
    return {
        "box": [round(value, 1) for value in region.box],
        "log_odds": round(region.log_odds, 4),
        "share": round(region.share, 4),
    }


_REGION: dict[str, Kind] = {"box": list, "log_odds": NUMBER, "share": NUMBER}
_FURTHER: dict[str, Kind] = {"foreign": str, "identifying": str, "correlation": NUMBER}
_ALWAYS: dict[str, Kind] = {
    "file": str,
    "model": str,
    "precision": str,
    "probability": NUMBER,
    "threshold": NUMBER,
    "positive": bool,
    "label": str,
    "log_odds": NUMBER,
    "finding": str,
    "peak": list,
    "regions": list,
}


def _is_row(row: Any) -> bool:
    """Whether what a process said is an ``ExplanationRow``."""
    if not fits(row, _ALWAYS | _FURTHER, _ALWAYS) or row["finding"] not in IN_WORDS or not numbers(row["peak"], 2):
        return False
    return all(fits(region, _REGION, _REGION) and numbers(region["box"], 4) for region in row["regions"])
