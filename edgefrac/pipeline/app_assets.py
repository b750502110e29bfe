"""What an app needs of a bundle, in one folder: the model, what it promises, and goldens for all that the app computes.

    edgefrac/app.json        ``edgefrac.app/1``: the model file's name, how evidence is shown, every file's checksum
    edgefrac/contract.json   the model's contract
    edgefrac/*.tflite        the model
    edgefrac/golden/         vectors.json (``edgefrac.app-golden/1``) with its PNGs, 8-bit grey and RGB
    edgefrac/certificate.json, certificate.html, MODEL_CARD.md   for the reader

An app has no constant of its own about size, normalisation, labels, threshold or colours; it reads them here.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from edgefrac import durable
from edgefrac.bundle import (
    CERTIFICATE,
    CERTIFICATE_PAGE,
    MODEL_CARD,
    Bundle,
    Expected,
    FileEntry,
    GoldenVector,
    check,
    expected,
    expired,
)
from edgefrac.contract import Contract
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.digest import file_sha256
from edgefrac.errors import BundleError, GateError
from edgefrac.explanation import Explained, explained, heat_of, located
from edgefrac.imaging.appearance import APPEARANCE
from edgefrac.imaging.familiarity import COLOURED, distance
from edgefrac.imaging.heat import CONTOURS, FULL_SCALE, RAMP
from edgefrac.imaging.preprocess import preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.regions import LEAST, OUTLINE
from edgefrac.runtimes.admission import admit
from edgefrac.runtimes.session import Session, open_session
from edgefrac.targets.registry import find, of_name
from edgefrac.verification.certificate import Certificate

FOLDER = "edgefrac"
_TRIED, _PHANTOM_SEED = 40, 3
APP, CONTRACT, VECTORS = "app.json", "contract.json", "golden/vectors.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Display(_Strict):
    """How evidence is shown, ``edgefrac.overlay/1`` (``imaging.heat``), and from where on it is a region."""

    schema_id: Literal["edgefrac.overlay/1"] = Field(default="edgefrac.overlay/1", alias="schema")
    full_scale: float = FULL_SCALE
    contours: tuple[float, float] = CONTOURS
    ramp: tuple[tuple[int, int, int], ...] = RAMP
    outline: float = OUTLINE
    least: float = LEAST
    coloured: float = COLOURED


class App(_Strict):
    """``app.json``; ``files`` are all others, ``model`` is one of them."""

    schema_id: Literal["edgefrac.app/1"] = Field(default="edgefrac.app/1", alias="schema")
    name: str
    version: str
    model: str
    display: Display
    files: tuple[FileEntry, ...]


def write_app_assets(bundle: Bundle, folder: Path) -> App:
    """Write the assets for a bundle's TFLite file into ``folder``/edgefrac, in place of what was there.

    The int8 file is taken, for want of one the smallest. Raises ``BundleError`` for a bundle that is not intact or has
    no such file, ``GateError`` for a file without passed gate, ``OutputError`` where the folder cannot be written.
    """
    if problems := check(bundle):
        raise BundleError(f"{bundle.source}: {problems[0]}", hint="get or export the bundle again")
    if day := expired(bundle):
        hint = "get a newer version from its maker"
        raise BundleError(f"{bundle.source}: was valid until {day}, and an app would carry it for years", hint=hint)
    name = _model_of(bundle)
    certificate = Certificate.from_json(bundle.read(CERTIFICATE)).artefact(name)
    if certificate is None or certificate.verdict.verdict != "passed":
        raise GateError(f"{bundle.source}: the gate did not pass {name}", hint="export it again with --data")
    admit(bundle.root / name)
    target = folder / FOLDER
    with durable.making(target) as building:
        return _write(bundle, name, building)


def _model_of(bundle: Bundle) -> str:
    sizes = {entry.path: entry.bytes for entry in bundle.manifest.files}
    wanted = {name: contract for name, contract in bundle.contracts().items() if of_name(name) is find("tflite")}
    if not wanted:
        raise BundleError(f"{bundle.source}: no TFLite file in it", hint="edgefrac export --target tflite")
    return min(wanted, key=lambda name: (wanted[name].precision != "int8", sizes[name]))


def _write(bundle: Bundle, name: str, building: Path) -> App:
    shutil.copyfile(bundle.root / name, building / name)
    for text in (CERTIFICATE, CERTIFICATE_PAGE, MODEL_CARD):
        (building / text).write_bytes(bundle.read(text))
    session = open_session(building / name)
    contract = session.contract
    (building / CONTRACT).write_text(contract.to_json(), encoding="utf-8")
    (building / "golden").mkdir()
    goldens = list(bundle.golden())
    goldens += _telling(session, name, goldens)
    vectors = [_vector(vector, name, session, building) for vector in goldens]
    document = {"schema": "edgefrac.app-golden/1", "appearance": APPEARANCE, "vectors": vectors}
    (building / VECTORS).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    app = App(
        name=contract.name, version=contract.version, model=name, display=Display(), files=tuple(_entries(building))
    )
    (building / APP).write_text(app.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
    return app


def _telling(session: Session, name: str, goldens: Sequence[GoldenVector]) -> list[GoldenVector]:
    """A phantom that looks familiar and has a region, and a familiar one without: else apps would never show either.

    What a bundle's own goldens lack; not every model has such among the phantoms that are tried.
    """
    missing = {"localised", "nothing"} - {_finding(session, golden.raster) for golden in goldens}
    found: list[GoldenVector] = []
    for sample in phantom_dataset(_TRIED, _PHANTOM_SEED).samples:
        if not missing:
            break
        raster = sample.read().pixels
        finding = _finding(session, raster)
        if finding in missing:
            missing.remove(finding)
            network_input = preprocess(raster, session.contract.input.size)
            found.append(
                GoldenVector(
                    sample.id, raster, network_input, {name: _answer(session, network_input, goldens[0].expected[name])}
                )
            )
    return found


def _finding(session: Session, raster: NDArray[np.uint8]) -> str:
    """What is shown of a raster: "foreign", or what stands out."""
    row = explained(session, Radiograph(raster, "PNG"), Path("phantom")).row
    return "foreign" if "foreign" in row else row["finding"]


def _answer(session: Session, network_input: NDArray[np.uint8], like: Expected) -> Expected:
    """This machine's answer, from which another may be as far as from one of the bundle's goldens."""
    answer = session.predict(network_input)
    return expected(
        answer.probability,
        answer.evidence,
        probability_tolerance=like.probability_tolerance,
        evidence_tolerance=like.evidence_tolerance,
    )


def _entries(root: Path) -> Iterator[FileEntry]:
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = path.relative_to(root).as_posix()
        yield FileEntry(path=name, bytes=path.stat().st_size, sha256=file_sha256(path))


def _vector(vector: GoldenVector, name: str, session: Session, building: Path) -> dict[str, Any]:
    """One golden vector as JSON, with its PNGs: what goes in, what comes out, and what the app is to show."""
    wanted = vector.expected[name]
    answer = session.predict(vector.network_input)
    radiograph = Radiograph(vector.raster, "PNG")
    found = located(session, radiograph, vector.network_input, answer, Path(vector.name))
    files = {"raster": vector.raster, "input": vector.network_input, "overlay": heat_of(found, radiograph)}
    for kind, pixels in files.items():
        stream = io.BytesIO()
        Image.fromarray(pixels.copy()).save(stream, "PNG")
        (building / "golden" / f"{vector.name}.{kind}.png").write_bytes(stream.getvalue())
    return {
        "name": vector.name,
        **{kind: f"{vector.name}.{kind}.png" for kind in files},
        "probability": list(wanted.probability),
        "evidence": wanted.evidence,
        "probability_tolerance": wanted.probability_tolerance,
        "evidence_tolerance": wanted.evidence_tolerance,
        **_shown(found, vector, session.contract),
    }


def _shown(found: Explained, vector: GoldenVector, contract: Contract) -> dict[str, Any]:
    row = found.row
    familiar = contract.familiar
    return {
        "positive": row["positive"],
        "label": row["label"],
        "finding": row["finding"],
        "peak": row["peak"],
        "regions": row["regions"],
        "distance": None if familiar is None else distance(vector.network_input, familiar),
    }
