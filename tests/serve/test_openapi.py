"""The REST interface keeps what its OpenAPI document promises, whatever it is sent (schemathesis)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("schemathesis")

from tests.serve.running import Server, radiograph

# no schema says which bytes are a radiograph
_UNKNOWABLE = "positive_data_acceptance"


@pytest.mark.parametrize(
    "options",
    [
        ["--phases", "fuzzing", "--max-examples", "3"],
        pytest.param(["--max-examples", "150"], marks=pytest.mark.slow),
    ],
    ids=["short", "long"],
)
def test_answers_are_as_promised(room: Server, options: list[str], tmp_path: Path) -> None:
    with room.client() as client:
        client.post("/v1/worklist", content=radiograph()).raise_for_status()
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{room.address}/openapi.json", "--seed", "9"]
    command += ["--exclude-checks", _UNKNOWABLE, "--request-timeout", "20", "--no-color", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=600, check=False)
    assert done.returncode == 0, done.stdout
    assert "generated" in done.stdout and room.process.poll() is None
    assert "internal error" not in room.output


def test_every_route_is_in_the_document(room: Server) -> None:
    with room.client() as client:
        paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) >= {
        "/health",
        "/ready",
        "/metrics",
        "/login",
        "/logout",
        "/v1/model",
        "/v1/certificate",
        "/v1/model-card",
        "/v1/predict",
        "/v1/explain",
        "/v1/worklist",
        "/v1/worklist/{id}",
        "/v1/worklist/{id}/deliver",
    }
    for operations in paths.values():
        for operation in operations.values():
            assert operation["summary"] and "500" not in operation["responses"]
