"""Writing a bundle: whole, or not at all."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from edgefrac import durable
from edgefrac.bundle.documents import (
    CERTIFICATE,
    CONTRACTS,
    MANIFEST,
    MOST_FILES,
    SIGNATURE,
    VECTORS,
    FileEntry,
    Golden,
    GoldenVector,
    Manifest,
    Vector,
    contracts_json,
    to_json,
)
from edgefrac.bundle.files import names_below
from edgefrac.bundle.names import collisions, fault_of
from edgefrac.bundle.opening import Bundle, open_bundle
from edgefrac.contract import Contract
from edgefrac.digest import file_sha256
from edgefrac.errors import BundleError, OutputError


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
    _refuse_unsafe([*(source.name for source in artefacts), *texts])
    folder = folder.resolve()
    with durable.making(folder) as building:
        for source in artefacts:
            shutil.copyfile(source, building / source.name)
        (building / CONTRACTS).write_bytes(contracts_json(contracts))
        (building / CERTIFICATE).write_bytes(certificate.encode("utf-8"))
        for file, text in texts.items():
            (building / file).write_bytes(text.encode("utf-8"))
        _write_golden(building, golden)
        entries = tuple(
            FileEntry(path=n, bytes=(building / n).stat().st_size, sha256=file_sha256(building / n))
            for n in sorted(names_below(building, MOST_FILES))
        )
        (building / MANIFEST).write_bytes(Manifest(name=name, files=entries).to_json())
    return open_bundle(folder)


def _write_golden(root: Path, golden: Sequence[GoldenVector]) -> None:
    (root / "golden").mkdir()
    vectors = []
    for vector in golden:
        names = f"{vector.name}.png", f"{vector.name}.input.png"
        for name, pixels in zip(names, (vector.raster, vector.network_input), strict=True):
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "PNG")
            (root / "golden" / name).write_bytes(stream.getvalue())
        vectors.append(
            Vector(name=vector.name, raster=names[0], network_input=names[1], expected=dict(vector.expected))
        )
    (root / VECTORS).write_bytes(to_json(Golden(vectors=tuple(vectors))))


def _refuse_unsafe(names: Sequence[str]) -> None:
    for name in names:
        if fault := fault_of(name):
            raise OutputError(f"{name!r} cannot be the name of a bundle's file: {fault}", hint="choose another name")
    if twice := collisions(names):
        raise OutputError(f"{twice[0]!r} and {twice[1]!r} are one name on some systems", hint="choose another name")


def _refuse_foreign(folder: Path) -> None:
    """Only an empty folder or one with nothing but a bundle may be replaced."""
    if not folder.is_dir():
        if folder.exists():
            raise OutputError(f"{folder}: is a file, not a folder", hint="choose another --out")
        return
    if not any(folder.iterdir()):
        return
    try:
        listed = {entry.path for entry in open_bundle(folder).manifest.files} | {MANIFEST, SIGNATURE}
    except BundleError:
        listed = set()
    foreign = sorted(set(names_below(folder, 2 * MOST_FILES)) - listed)
    if foreign or not listed:
        what = foreign[0] if foreign else "other folders"
        raise OutputError(f"{folder}: holds {what}, which is no part of a bundle", hint="choose another --out")
