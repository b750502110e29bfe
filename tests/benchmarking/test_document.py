"""Documents of other days and machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefrac.benchmarking import host as hosts
from edgefrac.benchmarking.document import Document, changes, read_document, same_machine
from edgefrac.benchmarking.host import Moment, flags
from edgefrac.errors import UsageError
from tests.benchmarking.examples import here, row


def test_a_document_comes_back_as_it_was_written(tmp_path: Path) -> None:
    document = Document(rows=(row(3.0),), host=here())
    path = tmp_path / "old.json"
    path.write_text(document.model_dump_json())
    assert read_document(path) == document


@pytest.mark.parametrize(("text", "cause"), [("{", "JSON"), ("[]", "content"), ('{"rows": []}', "host")])
def test_what_is_no_document_is_named(text: str, cause: str, tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=rf"old\.json: not a benchmark document .*{cause}"):
        read_document(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_document(tmp_path / "absent.json")


@pytest.mark.parametrize(("now", "verdict"), [(3.3, "slower"), (2.7, "faster"), (3.02, "no difference shown")])
def test_the_same_file_is_found_again_and_judged(now: float, verdict: str) -> None:
    (change,) = changes((row(now, path="elsewhere.tflite"),), Document(rows=(row(3.0),), host=here()))
    assert (change.path, change.then_ms, change.now_ms) == ("elsewhere.tflite", 3.0, now)
    assert change.difference.verdict == verdict


@pytest.mark.parametrize("other", [{"sha256": "1" * 64}, {"threads": 2}, {"device": "gpu"}, {"median_ms": None}])
def test_what_was_not_measured_then_is_not_compared(other: dict[str, object]) -> None:
    assert changes((row(3.0, **other),), Document(rows=(row(3.0),), host=here())) == ()


@pytest.mark.parametrize("other", [{"cpu": "another"}, {"cores": 999}, {"flags": ("mmx",)}, {"machine": "vax"}])
def test_another_machine_is_refused(other: dict[str, object]) -> None:
    same_machine(Document(rows=(), host=here(load_after=9.0, kernel="0")), here())
    with pytest.raises(UsageError, match="another machine"):
        same_machine(Document(rows=(), host=here(**other)), here())


def test_the_host_says_how_long_it_waited() -> None:
    found = hosts.host(Moment(1.0, 1_000, 0), Moment(2.0, 4_000, 1_000))
    assert (found.load_before, found.load_after, found.waiting) == (1.0, 2.0, 0.25)
    assert found.cores >= 1 and found.cpu and "numpy" in found.versions


def test_the_flags_are_those_that_choose_kernels(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: X\nflags\t\t: fpu mmx avx2 avx512_vnni\n")
    assert flags(cpuinfo) == ("avx2", "avx512_vnni")
    cpuinfo.write_text("Features\t: fp aes asimddp\n")
    assert flags(cpuinfo) == ("asimddp",)
    assert flags(tmp_path / "absent") == ()
