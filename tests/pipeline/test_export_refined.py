"""A map finer than its features, or of two scales of them, leaves in every format and precision, and means the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
for module in ("litert_torch", "onnxruntime", "openvino"):
    pytest.importorskip(module)

from edgefrac.bundle import open_bundle  # noqa: E402
from edgefrac.datasets.phantom import phantom_dataset, write_phantoms  # noqa: E402
from edgefrac.errors import UsageError  # noqa: E402
from edgefrac.models.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from edgefrac.models.folding import fold, halve  # noqa: E402
from edgefrac.models.head import depth_to_space  # noqa: E402
from edgefrac.models.network import FRACTURE, normalise, refined, with_scales  # noqa: E402
from edgefrac.pipeline.export import ExportRequest, export_bundle  # noqa: E402
from edgefrac.progress import silent  # noqa: E402
from edgefrac.runtimes.session import open_session  # noqa: E402
from edgefrac.verification.certificate import Certificate  # noqa: E402
from tests.models.networks import REGION, info, phantoms, talkative  # noqa: E402

LOOSE = (
    "phantoms: 120\nlimits: {min_positives: 40, min_negatives: 40, flips: 0.2, auroc_loss: 0.1, "
    "sensitivity_loss: 0.1, specificity_loss: 0.1}\n"
)


@pytest.fixture(scope="module", params=[1, 2], ids=["one scale", "two scales"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four channels whose maps differ within each cell of the features."""
    tasks = (FRACTURE, REGION)
    network = with_scales(refined(talkative(tasks), 2), request.param)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        network.head.conv.weight.add_(torch.randn(network.head.conv.weight.shape, generator=generator), alpha=0.1)
        if network.head.earlier is not None:  # four times as many inputs, each a fifth as large
            network.head.earlier.weight.normal_(std=0.02, generator=generator)
    path = tmp_path_factory.mktemp("refined") / "refined.safetensors"
    save_checkpoint(path, halve(fold(network)), info(tasks, refinement=2, scales=network.scales, metrics={}))
    return path


def test_refined_before_training_is_the_same_map_in_finer_cells() -> None:
    images = normalise(torch.from_numpy(phantoms(2)))[:, None]
    with torch.no_grad():
        logits, evidence = talkative((FRACTURE, REGION))(images)
        finer = refined(talkative((FRACTURE, REGION)), 2)
        same_logits, cells = finer(images)
    assert finer.map_stride * 2 == finer.stride
    torch.testing.assert_close(same_logits, logits)
    torch.testing.assert_close(cells, evidence.repeat_interleave(2, 2).repeat_interleave(2, 3))
    with pytest.raises(UsageError, match="refined 2 times cannot be refined 1 times"):
        refined(finer, 1)


def test_depth_to_space_lays_channels_out_row_by_row() -> None:
    maps = torch.arange(8).reshape(1, 8, 1, 1)  # two channels: (row · 2 + column) · 2 + channel
    assert depth_to_space(maps, 2).tolist() == [[[[0, 2], [4, 6]], [[1, 3], [5, 7]]]]


def test_every_format_and_precision_gives_the_finer_map(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(LOOSE)
    write_phantoms(phantom_dataset(16, 77), tmp_path / "calibration")
    notes: list[str] = []
    request = ExportRequest(
        checkpoint=checkpoint,
        targets=("tflite", "onnx", "openvino"),
        calibration=tmp_path / "calibration",
        recipe=tmp_path / "recipe.yaml",
        out=tmp_path / "bundle",
    )
    result = export_bundle(request, note=notes.append, track=silent)
    assert result.passed and result.bundle, notes
    certificate = Certificate.from_json((result.bundle / "certificate.json").read_text())
    rows = [row for artefact in certificate.artefacts for row in artefact.agreement]
    assert len(rows) == 9 and all(row.identical == 1 for row in rows)

    network, _ = load_checkpoint(checkpoint)
    image = phantoms(1, seed=5)[0]
    with torch.no_grad():
        wanted = network(normalise(torch.from_numpy(image))[None, None])[1][0].permute(1, 2, 0).numpy()
    for name, contract in open_bundle(result.bundle).contracts().items():
        evidence = open_session(result.bundle / name).predict(image).evidence
        assert evidence is not None and evidence.shape == wanted.shape == contract.outputs[1].shape[1:]
        # within a cell of the features, too: int8 steps are far smaller than these differences
        assert np.corrcoef(evidence.ravel(), wanted.ravel())[0, 1] > 0.99, name
