"""The bundle: everything an app needs for one model, in one folder or .zip, with checksums.

    bundle.json           ``edgefrac.bundle/1``: name, and size and SHA-256 of every other file
    contract.json         the contract of each model file, by file name
    certificate.json      what the gate found (``edgefrac.certificate/1``)
    certificate.html      the same as a page, MODEL_CARD.md in short with what the model is
    plan.json             the exact plan of the int8 files (``edgefrac.plan/1``), where they have one
    *.tflite *.onnx *.ort the model files
    *.xml *.bin           an OpenVINO model file and its weights
    golden/vectors.json   ``edgefrac.golden/1``: rasters, network inputs, and what each model file answers to them
    golden/*.png          the rasters and network inputs, 8-bit grey

Same content, same bytes. A bundle is built in a folder beside its own and renamed, so that there is never half of one.
"""

from __future__ import annotations

import atexit
import errno
import io
import json
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from edgefrac.contract import Contract
from edgefrac.digest import file_sha256, is_file
from edgefrac.errors import BundleError, OutputError
from edgefrac.targets.registry import available, of_name

MANIFEST, CONTRACTS, CERTIFICATE = "bundle.json", "contract.json", "certificate.json"
MODEL_CARD, CERTIFICATE_PAGE, PLAN = "MODEL_CARD.md", "certificate.html", "plan.json"
VECTORS = "golden/vectors.json"
_LARGEST_BYTES = 1 << 30
_MOST_FILES = 10_000
_CONTRACTS = TypeAdapter(dict[str, Contract])
_Model = TypeVar("_Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class FileEntry(_Strict):
    """One file of the bundle; ``path`` is relative, with forward slashes."""

    path: str
    bytes: int = Field(ge=0)
    sha256: str


class Manifest(_Strict):
    """``bundle.json``."""

    schema_id: Literal["edgefrac.bundle/1"] = Field(default="edgefrac.bundle/1", alias="schema")
    name: str
    files: tuple[FileEntry, ...]


class Expected(_Strict):
    """What one model file answers to one network input, and how far another runtime may be from it."""

    probability: tuple[float, ...]
    evidence: tuple[tuple[tuple[float, ...], ...], ...] | None = None
    probability_tolerance: float = Field(ge=0)
    evidence_tolerance: float = Field(ge=0)


class Vector(_Strict):
    """One golden vector: two PNGs beside ``vectors.json`` and the answer of each model file, by its name."""

    name: str
    raster: str
    network_input: str = Field(alias="input")
    expected: dict[str, Expected]


class Golden(_Strict):
    """``golden/vectors.json``."""

    schema_id: Literal["edgefrac.golden/1"] = Field(default="edgefrac.golden/1", alias="schema")
    vectors: tuple[Vector, ...]


@dataclass(frozen=True)
class GoldenVector:
    """A golden vector in memory: ``raster`` uint8 [H, W], ``network_input`` uint8 [S, S], answers by file name."""

    name: str
    raster: NDArray[np.uint8]
    network_input: NDArray[np.uint8]
    expected: Mapping[str, Expected]


def expected(
    probability: NDArray[np.float32],
    evidence: NDArray[np.float32] | None,
    *,
    probability_tolerance: float,
    evidence_tolerance: float,
) -> Expected:
    """Answer float32 [K] and [h, w, K] as JSON numbers, the shortest that read back as the same float32."""
    return Expected.model_validate(
        {
            "probability": _shortest(probability),
            "evidence": None if evidence is None else _shortest(evidence),
            "probability_tolerance": probability_tolerance,
            "evidence_tolerance": evidence_tolerance,
        }
    )


@dataclass(frozen=True)
class Bundle:
    """An opened bundle; a .zip has been unpacked to ``root``, a temporary folder that goes when the process ends."""

    source: Path
    root: Path
    manifest: Manifest

    def read(self, name: str) -> bytes:
        """Content of one file; raises ``BundleError`` if it is missing or not as the manifest says."""
        problem = self._problem(name)
        if problem:
            raise BundleError(f"{self.source}: {problem}", hint="get or export the bundle again")
        return (self.root / name).read_bytes()

    def contracts(self) -> dict[str, Contract]:
        """Contract of each model file, by file name."""
        try:
            return _CONTRACTS.validate_json(self.read(CONTRACTS))
        except ValidationError as error:
            raise BundleError(f"{self.source}: {CONTRACTS}: {_first(error)}") from None

    def golden(self) -> Iterator[GoldenVector]:
        """The golden vectors, one after the other."""
        for vector in _parse(Golden, self.read(VECTORS), f"{self.source}: {VECTORS}").vectors:
            raster, network_input = (self._png(f"golden/{name}") for name in (vector.raster, vector.network_input))
            yield GoldenVector(vector.name, raster, network_input, vector.expected)

    def default_artefact(self) -> Path:
        """The model file to predict with: of the first target that is here, int8, else the smallest; it is checked."""
        contracts = self.contracts()
        listed = {entry.path: entry.bytes for entry in self.manifest.files}
        order = available()
        ranked = []
        for name in contracts:
            target = of_name(name)
            if target and name in listed:
                files = [name, *(str(file) for file in target.companions(Path(name)))]
                size = sum(listed.get(file, 0) for file in files)
                ranked.append((order.index(target), contracts[name].precision != "int8", size, files))
        if not ranked:
            raise BundleError(f"{self.source}: no model file in this bundle")
        files = min(ranked)[-1]
        for file in files:
            if problem := self._problem(file):
                raise BundleError(f"{self.source}: {problem}", hint="get or export the bundle again")
        return self.root / files[0]

    def problems(self) -> list[str]:
        """One line for each file that is missing, changed or unexpected."""
        listed = {entry.path for entry in self.manifest.files}
        extra = sorted(set(_files(self.root)) - listed - {MANIFEST})
        found = [problem for name in sorted(listed) if (problem := self._problem(name))]
        return found + [f"{name}: not listed in {MANIFEST}" for name in extra]

    def _problem(self, name: str) -> str:
        entry = next((e for e in self.manifest.files if e.path == name), None)
        path = self.root / name
        if entry is None:
            return f"{name}: not listed in {MANIFEST}"
        if not _is_plain(name) or not is_file(path) or path.is_symlink():
            return f"{name}: missing"
        if path.stat().st_size != entry.bytes:
            return f"{name}: changed ({path.stat().st_size} bytes instead of {entry.bytes})"
        return "" if file_sha256(path) == entry.sha256 else f"{name}: changed (another SHA-256)"

    def _png(self, name: str) -> NDArray[np.uint8]:
        try:
            with Image.open(io.BytesIO(self.read(name)), formats=["PNG"]) as image:
                return np.asarray(image.convert("L"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise BundleError(f"{self.source}: {name}: not a readable PNG ({error})") from None


def check(bundle: Bundle) -> list[str]:
    """Every file that is missing, changed or unexpected, one line each, the file named first; empty if intact."""
    return bundle.problems()


def open_bundle(path: Path) -> Bundle:
    """Open a bundle folder or .zip (also one with the folder inside); contents are checked when read.

    Raises ``BundleError`` for what is not a bundle, and for a .zip with names that leave it, links, more than 10,000
    files or more than 1 GiB.
    """
    if not path.exists():
        raise BundleError(f"{path}: no such file or folder")
    root = path if path.is_dir() else _unpack(path)
    try:
        manifest = (root / MANIFEST).read_bytes()
    except OSError:
        hint = "give the folder or .zip that 'edgefrac export' wrote"
        raise BundleError(f"{path}: not a bundle, it has no {MANIFEST}", hint=hint) from None
    return Bundle(path, root, _parse(Manifest, manifest, f"{path}: {MANIFEST}"))


def write_bundle(
    folder: Path,
    *,
    name: str,
    artefacts: Sequence[Path],
    contracts: Mapping[str, Contract],
    certificate: str,
    texts: Mapping[str, str],
    golden: Sequence[GoldenVector],
) -> Bundle:
    """Write a bundle to ``folder``, replacing a bundle that is there only when the new one is complete.

    ``artefacts`` are model files and their companions, ``contracts`` those of the model files, by file name;
    ``certificate`` is the text to store, ``texts`` are further ones by file name. Raises ``OutputError`` if the folder
    holds anything but a bundle, cannot be written, or the disk is full; nothing is left behind then, and a former
    bundle stays as it was.
    """
    _refuse_foreign(folder)
    folder = folder.resolve()
    building = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        building.mkdir(parents=True)
        for source in artefacts:
            shutil.copyfile(source, building / source.name)
        _write(building / CONTRACTS, _contracts_json(contracts))
        _write(building / CERTIFICATE, certificate.encode("utf-8"))
        for file, text in texts.items():
            _write(building / file, text.encode("utf-8"))
        _write_golden(building, golden)
        entries = tuple(
            FileEntry(path=n, bytes=(building / n).stat().st_size, sha256=file_sha256(building / n))
            for n in sorted(_files(building))
        )
        _write(building / MANIFEST, _json(Manifest(name=name, files=entries)))
        _flush(building)
        _replace(folder, building)
    except OSError as error:
        hint = "free some space or choose another --out" if error.errno == errno.ENOSPC else "choose another --out"
        raise OutputError(f"{folder}: cannot write the bundle ({error.strerror or error})", hint=hint) from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return open_bundle(folder)


def _write_golden(root: Path, golden: Sequence[GoldenVector]) -> None:
    (root / "golden").mkdir()
    vectors = []
    for vector in golden:
        names = f"{vector.name}.png", f"{vector.name}.input.png"
        for name, pixels in zip(names, (vector.raster, vector.network_input), strict=True):
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "PNG")
            _write(root / "golden" / name, stream.getvalue())
        vectors.append(
            Vector(name=vector.name, raster=names[0], network_input=names[1], expected=dict(vector.expected))
        )
    _write(root / VECTORS, _json(Golden(vectors=tuple(vectors))))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _flush(root: Path) -> None:
    """Force files and folders to the disk, so that the rename cannot come before its content."""
    for path in [root, root / "golden", *(root / name for name in _files(root))]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _replace(folder: Path, building: Path) -> None:
    if not folder.exists():
        building.rename(folder)
        return
    former = building.with_suffix(".former")
    folder.rename(former)
    try:
        building.rename(folder)
    except OSError:
        former.rename(folder)
        raise
    shutil.rmtree(former, ignore_errors=True)


def _refuse_foreign(folder: Path) -> None:
    """Only an empty folder or one with nothing but a bundle may be replaced."""
    if not folder.is_dir():
        if folder.exists():
            raise OutputError(f"{folder}: is a file, not a folder", hint="choose another --out")
        return
    if not any(folder.iterdir()):
        return
    try:
        listed = {entry.path for entry in open_bundle(folder).manifest.files} | {MANIFEST}
    except BundleError:
        listed = set()
    foreign = sorted(set(_files(folder)) - listed)
    if foreign or not listed:
        what = foreign[0] if foreign else "other folders"
        raise OutputError(f"{folder}: holds {what}, which is no part of a bundle", hint="choose another --out")


def _unpack(path: Path) -> Path:
    """Unpack a .zip into a temporary folder and return where its bundle begins."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.filename.endswith("/")]
            _refuse_unsafe(path, members)
            root = Path(tempfile.mkdtemp(prefix="edgefrac-bundle-"))
            atexit.register(shutil.rmtree, root, ignore_errors=True)
            for member in members:
                archive.extract(member, root)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: not a readable .zip ({error})") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be unpacked ({error.strerror or error})") from None
    inner = list(root.iterdir())
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else root


def _refuse_unsafe(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    names = [m.filename for m in members]
    if len(names) > _MOST_FILES or sum(m.file_size for m in members) > _LARGEST_BYTES:
        raise BundleError(f"{path}: too large for a bundle (over {_MOST_FILES} files or {_LARGEST_BYTES >> 30} GiB)")
    for member in members:
        if not _is_plain(member.filename) or stat.S_ISLNK(member.external_attr >> 16):
            raise BundleError(f"{path}: unsafe name or link in the .zip: {member.filename!r}")
    if len(set(names)) != len(names):
        raise BundleError(f"{path}: the same name twice in the .zip")


def _is_plain(name: str) -> bool:
    """Whether a name stays inside its folder on every system."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and not set(name) & set("\\:\0")


def _files(root: Path) -> list[str]:
    """All files and links below a folder, relative, with forward slashes; links are not followed."""
    return [
        (Path(folder) / name).relative_to(root).as_posix()
        for folder, folders, names in os.walk(root)
        for name in [*names, *(f for f in folders if (Path(folder) / f).is_symlink())]
    ]


def _shortest(values: NDArray[np.float32]) -> object:
    """Nested lists of doubles with the shortest decimals that identify each float32."""
    if values.ndim == 0:
        return float(str(values))
    return [_shortest(value) for value in values]


def _json(model: BaseModel) -> bytes:
    """Canonical: sorted keys, no spaces, a final newline."""
    return _canonical(model.model_dump(mode="json", by_alias=True))


def _contracts_json(contracts: Mapping[str, Contract]) -> bytes:
    return _canonical({name: contract.document() for name, contract in contracts.items()})


def _canonical(value: object) -> bytes:
    return (json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n").encode("utf-8")


def _parse(model: type[_Model], content: bytes, where: str) -> _Model:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise BundleError(f"{where}: {_first(error)}", hint="get or export the bundle again") from None


def _first(error: ValidationError) -> str:
    """The first thing wrong, in one line."""
    problem = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}".lstrip(": ")
