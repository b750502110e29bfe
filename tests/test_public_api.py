"""The public surface, and what importing it must not drag in."""

from __future__ import annotations

import subprocess
import sys

import pytest

import edgefrac

HEAVY = {"torch", "ai_edge_litert", "onnxruntime", "openvino", "lightning", "scipy", "numpy", "pydicom", "PIL"}


def test_the_exported_names_are_pinned() -> None:
    assert edgefrac.__all__ == [
        "__version__",
        "benchmark",
        "evaluate",
        "explain",
        "export",
        "load",
        "predict",
        "verify",
    ]
    assert dir(edgefrac) == edgefrac.__all__


@pytest.mark.parametrize("name", [name for name in edgefrac.__all__ if not name.startswith("__")])
def test_every_exported_name_can_be_had(name: str) -> None:
    assert callable(getattr(edgefrac, name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'diagnose'"):
        edgefrac.diagnose  # noqa: B018


@pytest.mark.parametrize("what", ["edgefrac", "edgefrac.cli.main"])
def test_importing_is_light(what: str) -> None:
    code = f"import sys, {what}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & HEAVY == set()
