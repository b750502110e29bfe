"""The export form of a checkpoint: calibrated, with each task's own bias and temperature."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgefrac.digest import file_sha256
from edgefrac.models.checkpoint import save_checkpoint
from edgefrac.models.exportable import from_checkpoint, identify
from edgefrac.models.network import FRACTURE, normalise
from edgefrac.runtimes.session import open_session
from tests.models.networks import REGION, SIZE, info, phantoms, talkative

TASKS = (FRACTURE, REGION)


def test_probability_follows_the_contracts_formula(tmp_path: Path) -> None:
    network, header = talkative(TASKS), info(TASKS)
    save_checkpoint(tmp_path / "net.safetensors", network, header)
    session = open_session(tmp_path / "net.safetensors")
    fracture, region = session.contract.tasks
    assert (fracture.first_channel, fracture.channels, region.first_channel, region.channels) == (0, 1, 1, 3)
    for image in phantoms(3, seed=4):
        prediction = session.predict(image)
        with torch.inference_mode():
            logits, _ = network(normalise(torch.from_numpy(image))[None, None])
        expected = torch.cat([logits[0, :1] / fracture.temperature, logits[0, 1:] / region.temperature]).sigmoid()
        assert prediction.probability == pytest.approx(expected.numpy(), abs=1e-6)
        assert prediction.evidence is not None and prediction.evidence.shape == (4, 4, 4)
        for task in (fracture, region):
            own = slice(task.first_channel, task.first_channel + task.channels)
            mean = prediction.evidence[:, :, own].mean((0, 1))
            assert mean + task.bias == pytest.approx(logits[0, own].numpy(), abs=1e-5)


def test_the_contract_names_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    header = info(TASKS, source_commit="abcdef0")
    save_checkpoint(path, talkative(TASKS), header)
    contract = from_checkpoint(talkative(TASKS), header).contract("int8", identify(header, file_sha256(path)), "us")
    assert (contract.checkpoint_sha256, contract.source_commit) == (file_sha256(path), "abcdef0")
    assert (contract.precision, contract.calibration, contract.input.size) == ("int8", "us", SIZE)
    assert [(o.name, o.shape) for o in contract.outputs] == [("probability", (1, 4)), ("evidence", (1, 4, 4, 4))]
