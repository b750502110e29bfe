"""Every distribution that EdgeFrac's extras bring is under a licence of the list; GPL, AGPL and silence are refused."""

from __future__ import annotations

from importlib.metadata import Distribution
from pathlib import Path

import pytest

from tests.licences import REVIEWED, allowed, closure, judged


def test_all_that_is_installed_may_be_used() -> None:
    found, _ = closure()
    assert {"numpy", "pydicom", "typer", "pydantic"} <= {judged(dist).name for dist in found}
    assert [one for one in map(judged, found) if one.problem] == []


def test_no_review_outlives_its_distribution() -> None:
    found, missing = closure()
    assert set(REVIEWED) <= {judged(dist).name for dist in found} | set(missing)


def fake(folder: Path, *headers: str) -> Distribution:
    place = folder / "thing-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(
        "\n".join(("Metadata-Version: 2.4", "Name: thing", "Version: 1.0", *headers)) + "\n"
    )
    return Distribution.at(place)


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        (("License-Expression: MIT",), ""),
        (("License-Expression: AGPL-3.0-only",), "not on the list"),
        (("License-Expression: MIT AND GPL-3.0-or-later",), "not on the list"),
        (("License: LGPL-3.0",), "not on the list"),
        (("Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)",), "not on the list"),
        (
            (
                "Classifier: License :: OSI Approved :: MIT License",
                "Classifier: License :: OSI Approved :: GNU Affero General Public License v3",
            ),
            "not on the list",
        ),
        (
            ("License: MIT", "Classifier: License :: OSI Approved :: GNU General Public License (GPL)"),
            "not on the list",
        ),
        (("License: UNKNOWN",), "says nothing"),
        (("License: a text\n        of several lines",), "says nothing"),
        ((), "says nothing"),
    ],
)
def test_what_metadata_says(headers: tuple[str, ...], problem: str, tmp_path: Path) -> None:
    assert judged(fake(tmp_path, *headers)).problem == problem


@pytest.mark.parametrize(
    ("expression", "met"),
    [
        ("MIT OR GPL-3.0-only", True),
        ("(MIT OR GPL-2.0-only) AND Apache-2.0", True),
        ("MIT AND (GPL-2.0-only OR AGPL-3.0-only)", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", False),
        ("MIT AND", False),
        ("(MIT", False),
        ("", False),
    ],
)
def test_expressions(expression: str, met: bool) -> None:
    assert allowed(expression) is met
