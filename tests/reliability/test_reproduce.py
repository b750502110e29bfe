"""Same inputs, same bytes: the benchmark in short, and that it notices a difference."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.reliability.reproduce import Made, artefacts, compare, two_worlds


def _worlds(folder: Path) -> list[Path]:
    (folder / "empty").mkdir()
    return two_worlds(folder / "empty", folder)


def test_phantoms_are_the_same_in_two_worlds(tmp_path: Path) -> None:
    found = compare(Made("phantoms", ("data", "phantom", "made/p", "-n", "2")), _worlds(tmp_path))
    assert (found.identical, found.differing, found.failed) == (3, {}, "")


def test_a_difference_is_noticed(tmp_path: Path, tiny_tflite: Path) -> None:
    """How long a prediction took is never the same."""
    Image.new("L", (64, 64), 90).save(tmp_path / "image.png")
    arguments = ("predict", str(tmp_path / "image.png"), "--model", str(tiny_tflite), "--json")
    found = compare(Made("predict", arguments, standard_output=True), _worlds(tmp_path))
    assert (found.identical, found.failed) == (0, "") and found.differing["output"] > 0


def test_a_command_that_fails_is_no_artefact(tmp_path: Path) -> None:
    found = compare(Made("split", ("data", "split", "nowhere")), _worlds(tmp_path))
    assert found.failed.startswith("status 2: ")


@pytest.mark.slow
def test_a_bundle_is_the_same_in_two_worlds(toy: Path, tmp_path: Path) -> None:
    made = next(made for made in artefacts() if made.name == "export to tflite")
    found = compare(made, two_worlds(toy, tmp_path))
    assert found.identical >= 11 and (found.differing, found.failed) == ({}, "")
