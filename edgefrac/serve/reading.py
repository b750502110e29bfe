"""What a reader does with one image: decode, predict, explain, and leave its numbers where the server wants them."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.digest import file_sha256
from edgefrac.errors import ImageError
from edgefrac.explanation import Explained, located, picture_of
from edgefrac.imaging.burned_in import identifying
from edgefrac.imaging.familiarity import foreign
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import decode_radiograph, read_bytes
from edgefrac.imaging.voi import WindowChoice
from edgefrac.prediction import chosen_model
from edgefrac.runtimes.session import Prediction, open_session
from edgefrac.serve.answer import NAMELESS, Answer, Display, Picture, RegionOfEvidence, Scale
from edgefrac.serve.numbers import leave
from edgefrac.serve.pictures import png
from edgefrac.serve.state import store
from edgefrac.workers.framing import Message


class Reader:
    """A model, open in its runtime; raises what ``prediction.load`` raises, and is for a process that may crash."""

    def __init__(self, model: Path | None, threads: int) -> None:
        self._session = open_session(chosen_model(model), threads)
        self.contract = self._session.contract
        self.sha256 = file_sha256(self._session.path)

    def make_ready(self) -> None:
        """Do once what is slow the first time, a fifth of a second: load what decodes DICOM, run the network."""
        self.do({"do": "answer"}, [_blank_dicom()])

    def do(self, head: dict[str, Any], blobs: list[bytes]) -> Message:
        """One job as ``reader_process`` describes it; raises ``ImageError`` and what else may go wrong."""
        if head["do"] == "tell":
            return {"contract": self.contract.document(), "sha256": self.sha256}, []
        window = head.get("window")
        data = blobs[0] if blobs else read_bytes(Path(head["incoming"]))
        if head.get("envelope"):
            _keep_envelope(data, Path(head["envelope"]))
        radiograph, answer, explained = self._read(data, tuple(window) if isinstance(window, list) else window)
        reply = {"answer": answer.model_dump(mode="json")}
        if head["do"] == "picture" and explained:
            return reply, [png(picture_of(explained, radiograph))]
        if head["do"] == "read":
            leave(radiograph.numbers, explained.evidence if explained else None, Path(head["into"]))
        return reply, []

    def _read(self, data: bytes, window: WindowChoice | None) -> tuple[Radiograph, Answer, Explained | None]:
        started = time.perf_counter()
        radiograph = decode_radiograph(data, NAMELESS, window=window)
        network_input = preprocess(radiograph.pixels, self.contract.input.size)
        prediction = self._session.predict(network_input)
        milliseconds = (time.perf_counter() - started) * 1000
        explained = None
        if prediction.evidence is not None:
            explained = located(self._session, radiograph, network_input, prediction, Path(NAMELESS))
        answer = self._answer(radiograph, network_input, prediction, explained)
        return radiograph, answer.model_copy(update={"milliseconds": round(milliseconds, 2)}), explained

    def _answer(
        self,
        radiograph: Radiograph,
        network_input: NDArray[np.uint8],
        prediction: Prediction,
        explained: Explained | None,
    ) -> Answer:
        contract = self.contract
        task = contract.task()
        probability = float(prediction.probability[task.first_channel])
        row = explained.row if explained else {}
        return Answer(
            task=task.name,
            probability=probability,
            threshold=task.threshold,
            positive=probability >= task.threshold,
            label=task.classes[int(probability >= task.threshold)],
            log_odds=row.get("log_odds"),
            finding=row.get("finding"),
            peak=row.get("peak"),
            regions=tuple(RegionOfEvidence.model_validate(region) for region in row.get("regions", ())),
            scale=Scale(size=contract.input.size, bias=task.bias[0], temperature=task.temperature)
            if explained
            else None,
            foreign=row.get("foreign") if explained else foreign(radiograph, network_input, contract.familiar),
            identifying=row.get("identifying") if explained else identifying(radiograph),
            tasks={
                other.name: dict(zip(other.classes, map(float, prediction.probability[other.span]), strict=True))
                for other in contract.tasks
                if other != task
            },
            picture=_picture(radiograph),
            model=contract.name,
            model_version=contract.version,
            model_sha256=self.sha256,
            precision=contract.precision,
            milliseconds=0,
        )


def _keep_envelope(data: bytes, path: Path) -> None:
    """First of all, so that an image that cannot be read can be answered, too; raises ``OutputError``."""
    from edgefrac.serve.dicom.envelope import envelope_of

    try:
        envelope = envelope_of(data, NAMELESS)
    except ImageError:
        return  # nothing can be sent about it, whatever is in it
    store(path, envelope.to_json().encode())


def _blank_dicom(side: int = 64) -> bytes:
    """An image of nothing."""
    from pydicom.dataset import Dataset
    from pydicom.filewriter import dcmwrite
    from pydicom.uid import ExplicitVRLittleEndian

    image = Dataset()
    image.Modality, image.PhotometricInterpretation, image.SamplesPerPixel = "DX", "MONOCHROME2", 1
    image.Rows = image.Columns = side
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.PixelData = np.arange(side * side, dtype="<u2").tobytes()
    image.ensure_file_meta()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    written = io.BytesIO()
    dcmwrite(written, image, enforce_file_format=False)
    return written.getvalue()


def _picture(radiograph: Radiograph) -> Picture:
    return Picture(
        width=radiograph.width,
        height=radiograph.height,
        source_format=radiograph.source_format,
        modality=radiograph.modality,
        view=radiograph.view,
        side=radiograph.side,
        spacing_mm=radiograph.spacing_mm,
        notes=radiograph.notes,
        display=Display.of(radiograph.numbers),
    )
