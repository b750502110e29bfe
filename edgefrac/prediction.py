"""Predict: a model and image files in, probabilities and where to look out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from edgefrac import durable
from edgefrac.errors import ImageError, MissingDecoderError, UsageError

# who only hands work to guarded processes needs none of these, and starts the sooner
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edgefrac.contract import Contract, Task
    from edgefrac.imaging.radiograph import Radiograph
    from edgefrac.imaging.regions import Region
    from edgefrac.imaging.voi import WindowChoice
    from edgefrac.runtimes.session import Prediction, Session

_REFERENCE = Path(__file__).parent / "models" / "reference"
REFERENCE_CHECKPOINT = _REFERENCE / "reference.safetensors"
# exported from that checkpoint; it answers without torch
_REFERENCE_INT8 = _REFERENCE / "reference-int8.tflite"


class FilePrediction(TypedDict, total=False):
    """One row of ``edgefrac predict --json``.

    A row with ``error`` has only that, ``file`` and, where an optional part would read the image, ``missing_extra``.
    ``evidence_peak`` is (x, y) in pixels of the source image, or None where the model has no evidence map; ``tasks``
    holds the probability of each class of the model's further tasks, where it has any; ``foreign`` says, where it is
    there, why the image is not of the kind that the model was trained on, so that its answer is worth nothing,
    ``identifying`` why the picture itself may tell who the patient is (``imaging.burned_in``), and ``expired`` the last
    day on which the model's bundle was valid, where that has passed;
    ``milliseconds`` spans reading, preprocessing and running, not the drawing of the ``overlay``.
    """

    file: str
    error: str
    missing_extra: str
    probability: float
    label: str
    positive: bool
    threshold: float
    evidence_peak: list[float] | None
    tasks: dict[str, dict[str, float]]
    foreign: str
    identifying: str
    expired: str
    model: str
    milliseconds: float
    overlay: str


def load(model: str | Path | None = None, threads: int = 1) -> Session:
    """Open a model file, a bundle (folder or .zip) or, by default, the bundled reference model.

    A file that is new to this machine is tried in a guarded process first (``runtimes.admission``).
    Raises ``ModelFileError`` or ``BundleError`` for what cannot be used.
    """
    from edgefrac.runtimes.admission import admit
    from edgefrac.runtimes.session import open_session

    path = chosen_model(model)
    if path.parent != _REFERENCE:
        admit(path)
    return open_session(path, threads)


def chosen_model(model: str | Path | None) -> Path:
    """The model file that is meant, of a bundle its default one; raises ``BundleError``."""
    if model is None:
        return reference_model()
    path = Path(model)
    if is_bundle(path):
        from edgefrac.bundle import open_bundle

        return open_bundle(path).default_artefact()
    return path


def is_bundle(path: Path) -> bool:
    """Whether a path is to be opened as a bundle: a folder or a .zip."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def reference_model() -> Path:
    """The model that EdgeFrac brings along: its int8 TFLite file, else its checkpoint."""
    return _REFERENCE_INT8 if _REFERENCE_INT8.is_file() else REFERENCE_CHECKPOINT


def drawn(
    radiograph: Radiograph,
    evidence: NDArray[np.float32],
    contract: Contract,
    probability: float,
    regions: Sequence[Region] = (),
    caution: str = "",
) -> Image:
    """The evidence map [h, w] of a model's first task over the radiograph, ``regions`` framed.

    ``caution`` as in ``draw_overlay``.
    """
    from edgefrac.imaging.overlay import draw_overlay
    from edgefrac.imaging.preprocess import Placement

    task = contract.task()
    return draw_overlay(
        radiograph,
        evidence,
        Placement(radiograph.height, radiograph.width, contract.input.size),
        probability=probability,
        threshold=task.threshold,
        label=task.classes[int(probability >= task.threshold)],
        bias=task.bias[0],
        temperature=task.temperature,
        regions=regions,
        caution=caution,
    )


class OverlayFolder:
    """A folder that receives one overlay per image, under names that are unique within a run."""

    def __init__(self, folder: Path) -> None:
        """Make the folder now, so that an impossible one is an ``OutputError`` before any image is read."""
        self._folder = folder
        self._taken: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise durable.refused(folder, error) from None

    def write(self, png: bytes, source: Path) -> Path:
        """Write what ``overlay_of`` drew for an image; raises ``OutputError``."""
        from edgefrac.imaging.overlay import save_overlay

        path = self._folder / self._unique_name(source)
        save_overlay(png, path)
        return path

    def _unique_name(self, source: Path) -> str:
        name, count = f"{source.stem}.overlay.png", 1
        while name in self._taken:
            count += 1
            name = f"{source.stem}-{count}.overlay.png"
        self._taken.add(name)
        return name


def overlay_of(radiograph: Radiograph, prediction: Prediction, contract: Contract, caution: str = "") -> bytes:
    """The evidence map of the first task over the radiograph, as PNG; raises ``UsageError`` where there is none."""
    from edgefrac.imaging.overlay import as_png

    channel = contract.task().first_channel
    if prediction.evidence is None:
        raise UsageError(f"{contract.name}: the model has no evidence map to draw", hint="leave out --overlay")
    evidence, probability = prediction.evidence[:, :, channel], float(prediction.probability[channel])
    return as_png(drawn(radiograph, evidence, contract, probability, caution=caution))


def predict_file(
    session: Session,
    path: str | Path,
    window: WindowChoice | None = None,
    overlays: OverlayFolder | None = None,
) -> FilePrediction:
    """Predict one image file; ``window`` as in ``read_radiograph``.

    Raises nothing that is the image's fault: an unreadable image gives a row with ``error``.
    ``OutputError`` (an overlay that cannot be written) does stop the run, since it would stop every image.
    """
    from edgefrac.imaging.guarded import read_guarded

    read = partial(read_guarded, Path(path), window=window)
    row, overlay = predict_read(session, str(path), read, drawing=overlays is not None)
    if overlays is not None and overlay:
        row["overlay"] = str(overlays.write(overlay, Path(path)))
    return row


def predict_read(
    session: Session, name: str, read: Callable[[], Radiograph], *, drawing: bool = False
) -> tuple[FilePrediction, bytes]:
    """As ``predict_file``, of what ``read`` gives or why it raises ``ImageError``; the row calls it ``name``.

    With ``drawing``, the overlay as PNG comes with it.
    """
    from edgefrac.imaging.burned_in import identifying
    from edgefrac.imaging.evidence import evidence_peak
    from edgefrac.imaging.familiarity import foreign
    from edgefrac.imaging.preprocess import Placement, preprocess

    contract = session.contract
    task = contract.task()
    started = time.perf_counter()
    try:
        radiograph = read()
    except MissingDecoderError as error:
        return {"file": name, "error": error.message, "missing_extra": error.extra}, b""
    except ImageError as error:
        return {"file": name, "error": error.message}, b""
    network_input = preprocess(radiograph.pixels, contract.input.size)
    prediction = session.predict(network_input)
    milliseconds = (time.perf_counter() - started) * 1000
    probability = float(prediction.probability[task.first_channel])
    positive = probability >= task.threshold
    row: FilePrediction = {
        "file": name,
        "probability": probability,
        "label": task.classes[int(positive)],
        "positive": positive,
        "threshold": task.threshold,
        "evidence_peak": None,
        "model": str(session.path),
        "milliseconds": round(milliseconds, 2),
    }
    if prediction.evidence is not None:
        placement = Placement(radiograph.height, radiograph.width, contract.input.size)
        x, y = evidence_peak(prediction.evidence[:, :, task.first_channel], placement)
        row["evidence_peak"] = [round(x, 1), round(y, 1)]
    if reason := foreign(radiograph, network_input, contract.familiar):
        row["foreign"] = reason
    if reason := identifying(radiograph):
        row["identifying"] = reason
    if further := [other for other in contract.tasks if other != task]:
        row["tasks"] = {other.name: _classes(other, prediction) for other in further}
    overlay = overlay_of(radiograph, prediction, contract, row.get("foreign", "")) if drawing else b""
    return row, overlay


def _classes(task: Task, prediction: Prediction) -> dict[str, float]:
    values = prediction.probability[task.span]
    return {name: float(value) for name, value in zip(task.classes, values, strict=True)}
