"""Inputs by number: first the seeds as they are, then mutated ones, the same for the same three names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random

from benchmarks.fuzzing.mutation import mutated
from benchmarks.fuzzing.reader import Reader

_HERE = Path(__file__).parent
_REPOSITORY = _HERE.parents[1]
CORPUS = _REPOSITORY / "tests" / "fuzzing" / "corpus"
FINDINGS = CORPUS.with_name("findings")
CACHE = _REPOSITORY / "build" / "fuzzing" / "seeds"
BOMB = "bomb"
"""How the names of seeds begin that are large once unpacked."""
FINDING = "finding"
"""And of those that once broke the promise."""
AS_THEY_ARE = (BOMB, FINDING)
"""These are run as they are, not mutated."""
_SMALL = 4096
"""Bytes; of files that are larger, the smaller are mutated more often, since more of what they hold matters."""
_MENDED = 0.75
_KEPT = "corpus"
_FROM_CORPUS = 0.3
"""Most of what coverage-guided fuzzing keeps is refused early, and there is a lot of it."""


def make_input(reader: Reader, seed: int, number: int) -> bytes:
    """Input ``number`` of a run."""
    originals = seeds(reader)
    if number < len(originals):
        return list(originals.values())[number]
    random = Random(f"{reader.name}/{seed}/{number}")
    is_corpus = random.random() < _FROM_CORPUS and any(name.startswith(_KEPT) for name in originals)
    small = [
        data
        for name, data in originals.items()
        if not name.startswith(AS_THEY_ARE) and name.startswith(_KEPT) == is_corpus
    ]
    weights = [1 / (len(data) + _SMALL) for data in small]
    data = mutated(random, random.choices(small, weights)[0], small, reader.changes, reader.guarded)
    return mended(reader, data) if reader.guarded or random.random() < _MENDED else data


def mended(reader: Reader, data: bytes) -> bytes:
    """``data`` with its checksums right, where it is sound enough to have any."""
    if reader.mend is None:
        return data
    try:
        return reader.mend(data)
    except Exception:  # the product's own functions, on files for which they are not made
        return data


@cache
def seeds(reader: Reader) -> Mapping[str, bytes]:
    """Sound files made by the project, what coverage-guided fuzzing found worth keeping, and findings; by name."""
    folder = CACHE / _version() / reader.name
    if not folder.is_dir():
        building = folder.with_name(f".{folder.name}.partial")
        building.mkdir(parents=True, exist_ok=True)
        for name, data in reader.seeds().items():
            (building / name).write_bytes(data)
        building.rename(folder)
    found = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    for kind, kept in ((_KEPT, CORPUS), (FINDING, FINDINGS)):
        found |= {f"{kind}-{path.name}": path.read_bytes() for path in sorted((kept / reader.name).glob("*"))}
    return found


def seeds_sha256(reader: Reader) -> str:
    """Tells whether two runs had the same seeds, and so the same inputs."""
    hashed = hashlib.sha256()
    for name, data in seeds(reader).items():
        hashed.update(f"{name} {len(data)}\n".encode() + data)
    return hashed.hexdigest()


@cache
def _version() -> str:
    """Another one whenever what makes the seeds has changed."""
    hashed = hashlib.sha256()
    for path in sorted(_HERE.glob("seeds*.py")):
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:12]
