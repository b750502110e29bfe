"""Every command shown in the README and the docs runs, on phantoms instead of a reader's own radiographs."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgefrac.cli.main import main
from edgefrac.datasets import make_folds, open_dataset
from edgefrac.datasets.phantom import phantom_dataset, write_phantoms

REPOSITORY = Path(__file__).parent.parent
PAGES = [REPOSITORY / "README.md", REPOSITORY / "train" / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
PHANTOMS, FEW = "phantom:n=60,seed=3", "phantom:n=8,seed=3"
# what a reader has and a test has not, or not in reasonable time
STAND_INS = {
    "11112": "0",  # a port that is free
    "path/to/FracAtlas": PHANTOMS,
    "path/to/radiographs": PHANTOMS,
    "path/to/archive": "phantoms",
    "path/to/training/radiographs": "phantoms",
    "package.module:factory": "tests.pipeline.networks:pooled",
    "runs/reference/fold0/release.safetensors": str(REPOSITORY / "edgefrac/models/reference/reference.safetensors"),
    "model-int8.tflite": "model-int8.tflite",
    "model-int8-ethos-u.tflite": "ethos-u/reference-int8-ethos-u.tflite",
    "radiograph.png": "radiograph.png",
    "/srv/in": "in",
    "base": "toy",
    "reference": "toy",
    "train/sweep.yaml": "toy-sweep",
    "2028-12-31": (datetime.now(UTC) + timedelta(days=1)).date().isoformat(),
}
UNDECIDED_ON_FEW = {"export", "verify"}  # status 1: sixty phantoms are too few for an int8 verdict


def commands() -> Iterator[str]:
    """Each distinct ``edgefrac …`` line of the code blocks, without comment."""
    seen: set[str] = set()
    for page in PAGES:
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            for line in block.splitlines():
                command = line.split(" #")[0].strip()
                # what goes to the background is part of a how-to that a test of its own goes through
                if command.startswith("edgefrac ") and not command.endswith("&") and command not in seen:
                    seen.add(command)
                    yield command


@pytest.mark.parametrize("command", commands())
def test_command(command: str, reference_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(reference_bundle, "bundle")
    phantoms = phantom_dataset(12, 5)
    write_phantoms(phantoms, Path("phantoms"))
    shutil.copyfile(next(Path("phantoms").rglob("*.png")), "radiograph.png")
    # whether its gate let it through or not, it is an int8 file
    shutil.copyfile(next(reference_bundle.parent.rglob("*-int8.tflite*")), "model-int8.tflite")
    make_folds(open_dataset(PHANTOMS), k=4).save(Path("split.json"))
    words = [STAND_INS.get(word, word) for word in shlex.split(command)[1:]]
    if "keys" in command:
        pytest.importorskip("cryptography")
        if "--new-key" not in words:
            assert main(["sign", "--new-key", "keys"]) == main(["sign", "bundle", "--key", "keys/private.pem"]) == 0
    if "model-int8-ethos-u.tflite" in command:
        assert main(["export", "--target", "ethos-u", "--precision", "int8", "--out", "ethos-u"]) in (0, 1)
    if "--explanations" in words:  # which asks a model sixty times a radiograph
        words = [FEW if word == PHANTOMS else word for word in words]
    if {"--device", "--require", "--report"} & set(words):  # emulators take seconds for each
        words = [*(FEW if word == PHANTOMS else word for word in words), "--images", "4"]
        words += ["--seconds", "0.1"] if words[0] == "bench" else []
    if words[0] == "serve":
        serve(words)
        return
    allowed = {0, 1} if words[0] in UNDECIDED_ON_FEW else {0}
    assert main(words) in allowed


def serve(words: list[str]) -> None:
    """Start a reading room on a free port, see that it is ready, and end it."""
    from tests.serve.running import Server

    Path("in").mkdir()
    server = Server("edgefrac", *words, "--port", "0", "--state", "state")
    try:
        with server.client(headers={"Authorization": f"Bearer {server.token}"} if "0.0.0.0" in words else {}) as client:
            assert client.get("/ready").status_code == 200
            assert client.get("/v1/model").json()["name"]
    finally:
        assert server.end() == 0
