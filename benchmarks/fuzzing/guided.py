"""Coverage-guided fuzzing of one reader by atheris, from the same seeds and with the same mutators.

    python -m benchmarks.fuzzing.guided READER [--seconds 60] [--longest 4096]

Inputs that reach new branches of EdgeFrac or of the Python packages that it reads with go to
``build/fuzzing/guided/READER``. Of those, what adds coverage to the committed corpus is then copied to
``tests/fuzzing/corpus/READER``, the smallest first. An exception that is not EdgeFrac's own ends the run; its input
goes to ``build/fuzzing/findings/READER``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from random import Random

import atheris

# only what is imported inside of this block has its branches counted
with atheris.instrument_imports(include=["edgefrac", "pydicom", "PIL", "nibabel", "yaml", "csv", "zipfile", "json"]):
    from benchmarks.fuzzing.inputs import CORPUS, mended, seeds
    from benchmarks.fuzzing.mutation import mutated
    from benchmarks.fuzzing.readers import READERS

from edgefrac.errors import EdgeFracError

_BUILD = Path(__file__).parents[2] / "build" / "fuzzing"
_MOST_KEPT = 6_000
"""Bytes of a reader's committed corpus."""


def main() -> int:
    """Fuzz, then keep what is worth it; the exit status is libFuzzer's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--longest", type=int, default=4096, help="bytes of an input")
    parser.add_argument("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child is not None:
        _fuzz(chosen.reader, chosen.child)
    found = _BUILD / "guided" / chosen.reader
    findings = _BUILD / "findings" / chosen.reader
    for folder in (found, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds(READERS[chosen.reader]).items():
        if len(data) <= chosen.longest:
            (found / name).write_bytes(data)
    limits = [f"-max_total_time={chosen.seconds}", f"-max_len={chosen.longest}", f"-artifact_prefix={findings}/guided-"]
    status = _child(chosen.reader, *limits, "-timeout=5", "-rss_limit_mb=3000", "-print_final_stats=1", str(found))
    _keep(chosen.reader, found)
    return status


def _child(reader: str, *arguments: str) -> int:
    """libFuzzer ends the process that it runs in, and starts its own name again, which must be a program's."""
    program = _BUILD / "guided" / f"{reader}.sh"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m benchmarks.fuzzing.guided {reader} --child "$@"\n')
    program.chmod(0o755)
    repository = str(Path(__file__).parents[2])
    places = os.pathsep.join(filter(None, (repository, os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": places}
    return subprocess.run([program, *arguments], check=False, env=environment).returncode


def _fuzz(name: str, arguments: list[str]) -> None:
    reader = READERS[name]
    originals = list(seeds(reader).values())

    def one(data: bytes) -> None:
        with suppress(EdgeFracError):
            reader.read(data)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.3:
            return bytes(atheris.Mutate(data, longest))
        return mended(reader, mutated(random, data, originals, reader.changes))[:longest]

    atheris.Setup([str(_BUILD / "guided" / f"{name}.sh"), *arguments], one, custom_mutator=mutate)
    atheris.Fuzz()


def _keep(name: str, found: Path) -> None:
    """Add to the committed corpus what covers more than it and the seeds do, as long as it stays small."""
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        base, merged = Path(folder, "base"), Path(folder, "merged")
        for place in (base, merged):
            place.mkdir()
        for number, data in enumerate(seeds(READERS[name]).values()):
            (base / f"{number}").write_bytes(data)
        # what covers nothing that the first folder lacks is left out, the smaller of two that cover the same is taken
        shutil.copytree(base, merged, dirs_exist_ok=True)
        _child(name, "-merge=1", str(merged), str(found))
        new = [path for path in merged.iterdir() if not (base / path.name).exists()]
        left = _MOST_KEPT - sum(path.stat().st_size for path in corpus.iterdir())
        for path in sorted(new, key=lambda path: path.stat().st_size):
            if (left := left - path.stat().st_size) < 0:
                break
            shutil.copyfile(path, corpus / path.name[:16])


if __name__ == "__main__":
    sys.exit(main())
