"""Every reader on sound files, on the corpus, on findings and on some mutated files: only EdgeFrac's own errors.

Readers that hand files to a native runtime run in a child process here as in the product; the others run in this one.
"""

from __future__ import annotations

import time

import pytest
import yaml

pytest.importorskip("imagecodecs", reason="seeds of compressed DICOM are made with the extra 'dicom'")
pytest.importorskip("nibabel", reason="NIfTI needs the extra 'dicom'")
pytest.importorskip("onnx", reason="the seeds of models are made with all targets")
pytest.importorskip("openvino", reason="the seeds of models are made with all targets")

from benchmarks.fuzzing.campaign import Driver, shares
from benchmarks.fuzzing.inputs import BOMB, FINDINGS, make_input, seeds
from benchmarks.fuzzing.limits import SECONDS
from benchmarks.fuzzing.reader import Reader
from benchmarks.fuzzing.readers import READERS
from benchmarks.fuzzing.record import Row
from edgefrac.errors import EdgeFracError

GUARDED = [reader for reader in READERS.values() if reader.guarded]
OTHERS = [reader for reader in READERS.values() if not reader.guarded]
KEPT = ("corpus", "finding")
SOME = 25
SEED = 20


def refused(reader: Reader, data: bytes) -> str:
    """Why it is refused, or nothing where it is read; the quickest of three where the first was slow."""
    for _ in range(3):
        started = time.perf_counter()
        try:
            reader.read(data)
            why = ""
        except EdgeFracError as error:
            why = error.message
        if time.perf_counter() - started <= SECONDS:
            return why
    raise AssertionError(f"longer than {SECONDS} s")


def run_guarded(reader: Reader, first: int, stop: int) -> Row:
    driver = Driver(reader, SEED)
    try:
        row = Row(reader=reader.name, guarded=True, seeds_sha256="")
        driver.run(first, stop, row)
        return row
    finally:
        driver.close()


@pytest.mark.parametrize("reader", OTHERS, ids=lambda reader: reader.name)
def test_sound_files_are_read_and_bombs_are_not(reader: Reader) -> None:
    for name, data in seeds(reader).items():
        if name.startswith(KEPT):
            refused(reader, data)
        else:
            assert bool(refused(reader, data)) == name.startswith(BOMB), name


@pytest.mark.parametrize("reader", OTHERS, ids=lambda reader: reader.name)
def test_mutated_files_raise_nothing_but_own_errors(reader: Reader) -> None:
    first = len(seeds(reader))
    whys = [refused(reader, make_input(reader, SEED, number)) for number in range(first, first + SOME)]
    assert any(whys) or reader.name == "dicom-identity", "no input was damaged enough to be refused"


@pytest.mark.parametrize("reader", GUARDED, ids=lambda reader: reader.name)
def test_native_runtimes_in_their_child(reader: Reader) -> None:
    sound = len([name for name in seeds(reader) if not name.startswith(KEPT)])
    row = run_guarded(reader, 0, len(seeds(reader)) + SOME)
    assert row.inputs == len(seeds(reader)) + SOME
    assert row.read >= sound
    assert not row.broken, row.noticed


def notes() -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load((FINDINGS / "notes.yaml").read_text())
    return found


def test_every_finding_has_a_note() -> None:
    assert {str(path.relative_to(FINDINGS)) for path in FINDINGS.glob("*/*")} == set(notes())
    assert {path.name for path in FINDINGS.iterdir() if path.is_dir()} <= set(READERS)


@pytest.mark.parametrize("name", [name for name in notes() if not READERS[name.partition("/")[0]].guarded])
def test_findings_stay_fixed(name: str) -> None:
    refused(READERS[name.partition("/")[0]], (FINDINGS / name).read_bytes())


def test_a_million_inputs_give_every_runtime_twenty_thousand() -> None:
    dealt = shares(list(READERS.values()), 1_000_000)
    assert sum(dealt.values()) == 1_000_000
    assert min(dealt[reader.name] for reader in GUARDED) >= 20_000
