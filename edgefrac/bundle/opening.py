"""An opened bundle: its files are checked as they are read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from edgefrac.bundle.documents import (
    CONTRACTS,
    MANIFEST,
    MOST_FILES,
    SIGNATURE,
    VECTORS,
    FileEntry,
    Golden,
    GoldenVector,
    Manifest,
    first_fault,
    parse,
    read_manifest,
)
from edgefrac.bundle.files import NotPlainError, fault_of_content, names_below, read_plain
from edgefrac.bundle.zip_intake import unpacked
from edgefrac.contract import Contract
from edgefrac.errors import BundleError
from edgefrac.targets.registry import available, of_name

_LARGEST_MANIFEST, _LARGEST_DOCUMENT = 8 << 20, 64 << 20
_AGAIN = "get or export the bundle again"
_CONTRACTS = TypeAdapter(dict[str, Contract])


@dataclass(frozen=True)
class Bundle:
    """An opened bundle; a .zip has been unpacked to ``root``, a temporary folder that goes when the process ends.

    ``manifest_sha256`` is that of the bytes that ``manifest`` was read from.
    """

    source: Path
    root: Path
    manifest: Manifest
    manifest_sha256: str

    def read(self, name: str) -> bytes:
        """Content of a document or picture; raises ``BundleError`` if it is missing or not as the manifest says."""
        entry = self._entries.get(name)
        if entry is None:
            raise BundleError(f"{self.source}: {name}: not listed in {MANIFEST}", hint=_AGAIN)
        if entry.bytes > _LARGEST_DOCUMENT:
            raise BundleError(
                f"{self.source}: {name}: over {_LARGEST_DOCUMENT >> 20} MiB, too large to be read", hint=_AGAIN
            )
        try:
            content = read_plain(self.root, name, entry.bytes)
        except OSError:
            raise BundleError(f"{self.source}: {name}: missing", hint=_AGAIN) from None
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise BundleError(f"{self.source}: {self._problem(name)}", hint=_AGAIN)
        return content

    def contracts(self) -> dict[str, Contract]:
        """Contract of each model file, by file name."""
        try:
            return _CONTRACTS.validate_json(self.read(CONTRACTS))
        except ValidationError as error:
            raise BundleError(f"{self.source}: {CONTRACTS}: {first_fault(error)}") from None

    def golden(self) -> Iterator[GoldenVector]:
        """The golden vectors, one after the other."""
        for vector in parse(Golden, self.read(VECTORS), f"{self.source}: {VECTORS}").vectors:
            raster, network_input = (self._png(f"golden/{name}") for name in (vector.raster, vector.network_input))
            yield GoldenVector(vector.name, raster, network_input, vector.expected)

    def default_artefact(self) -> Path:
        """The model file to predict with: of the first target that is here, int8, else the smallest; it is checked."""
        contracts = self.contracts()
        order = available()
        ranked = []
        for name in contracts:
            target = of_name(name)
            if target and name in self._entries:
                files = [name, *(str(file) for file in target.companions(Path(name)))]
                size = sum(self._entries[file].bytes for file in files if file in self._entries)
                ranked.append((order.index(target), contracts[name].precision != "int8", size, files))
        if not ranked:
            raise BundleError(f"{self.source}: no model file in this bundle")
        files = min(ranked)[-1]
        for file in files:
            if problem := self._problem(file):
                raise BundleError(f"{self.source}: {problem}", hint=_AGAIN)
        return self.root / files[0]

    def problems(self) -> list[str]:
        """One line for each file that is missing, changed or unexpected."""
        found = [problem for name in sorted(self._entries) if (problem := self._problem(name))]
        present = names_below(self.root, len(self._entries) + MOST_FILES)
        if len(present) > len(self._entries) + MOST_FILES:
            return [*found, f"more than {MOST_FILES} files that are not listed in {MANIFEST}"]
        extra = sorted(set(present) - set(self._entries) - {MANIFEST, SIGNATURE})
        return found + [f"{name}: not listed in {MANIFEST}" for name in extra]

    @cached_property
    def _entries(self) -> dict[str, FileEntry]:
        return {entry.path: entry for entry in self.manifest.files}

    def _problem(self, name: str) -> str:
        entry = self._entries.get(name)
        if entry is None:
            return f"{name}: not listed in {MANIFEST}"
        fault = fault_of_content(self.root, name, entry.bytes, entry.sha256)
        return f"{name}: {fault}" if fault else ""

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

    Raises ``BundleError`` for what is not a bundle, for a format of another version, for names that are not safe on
    every system, and for a .zip that ``zip_intake`` refuses.
    """
    if not path.exists():
        raise BundleError(f"{path}: no such file or folder")
    root = path if path.is_dir() else unpacked(path)
    try:
        manifest = read_plain(root, MANIFEST, _LARGEST_MANIFEST)
    except NotPlainError:
        raise BundleError(f"{path}: {MANIFEST} is a link, pipe or device, not a file", hint=_AGAIN) from None
    except OSError:
        hint = "give the folder or .zip that 'edgefrac export' wrote"
        raise BundleError(f"{path}: not a bundle, it has no {MANIFEST}", hint=hint) from None
    if len(manifest) > _LARGEST_MANIFEST:
        raise BundleError(f"{path}: {MANIFEST} is over {_LARGEST_MANIFEST >> 20} MiB", hint=_AGAIN)
    return Bundle(path, root, read_manifest(manifest, path), hashlib.sha256(manifest).hexdigest())
