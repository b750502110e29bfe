"""ONNX, OpenVINO and ORT files compute what the checkpoint computes, and no damage to them goes unnoticed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import ConversionError, ModelFileError
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.exportable import Exportable, from_checkpoint, identify
from edgefrac.models.external import load_external
from edgefrac.prediction import REFERENCE_CHECKPOINT
from edgefrac.quantization.plan import Native
from edgefrac.runtimes.session import Session, open_session
from edgefrac.runtimes.torch import ExportableSession
from edgefrac.targets.registry import find, of_name
from tests.models.networks import SIZE, phantoms
from tests.targets.conftest import Floats

KINDS = ("onnx", "openvino", "ort")
FLOATS = ("fp32", "fp16")


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest) -> Floats:
    """The same checkpoint in each format."""
    files: Floats = request.getfixturevalue(f"{request.param}_files")
    return files


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return phantoms(10, seed=31)


def run(session: Session, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (N, K) and evidence maps (N, h, w, K)."""
    predictions = [session.predict(image) for image in images]
    assert all(p.evidence is not None and p.evidence.dtype == p.probability.dtype == np.float32 for p in predictions)
    return np.stack([p.probability for p in predictions]), np.stack([p.evidence for p in predictions])  # type: ignore[arg-type]


def test_float32_is_the_network(made: Floats, images: np.ndarray) -> None:
    expected_probability, expected_evidence = run(open_session(made.checkpoint), images)
    probability, evidence = run(open_session(made.files["fp32"]), images)
    assert probability.shape == (10, 4) and evidence.shape == (10, 4, 4, 4)
    assert np.ptp(expected_probability, axis=0).min() > 0.05, "a network that says nothing"
    np.testing.assert_allclose(probability, expected_probability, rtol=0, atol=1e-5)
    np.testing.assert_allclose(evidence, expected_evidence, rtol=0, atol=1e-4)


def test_float16_kernels_take_half_the_bytes_and_are_near_the_network(made: Floats, images: np.ndarray) -> None:
    expected, _ = run(open_session(made.checkpoint), images)
    probability, _ = run(open_session(made.files["fp16"]), images)
    difference = np.abs(probability - expected).max()
    assert 1e-7 < difference <= 5e-3, "float16 weights are not those of float32"
    whole, half = ((made.target.companions(made.files[p]) or (made.files[p],))[0].stat().st_size for p in FLOATS)
    kernels = sum(weight.numel() for weight in made.exportable.module.parameters() if weight.ndim > 1)
    assert whole - half > 1.5 * kernels


@pytest.mark.parametrize("precision", FLOATS)
def test_the_map_adds_up_to_the_probability(made: Floats, images: np.ndarray, precision: str) -> None:
    probability, evidence = run(open_session(made.files[precision]), images)
    contract = made.contract("fp32")
    bias = np.concatenate([task.bias for task in contract.tasks])
    temperature = np.concatenate([[task.temperature] * task.channels for task in contract.tasks])
    logits = (evidence.astype(np.float64).mean((1, 2)) + bias) / temperature
    # OpenVINO stores bias and temperature as float16 too
    np.testing.assert_allclose(
        probability, 1 / (1 + np.exp(-logits)), rtol=0, atol=1e-5 if precision == "fp32" else 1e-3
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_checkpoint_is_the_same_in_every_format(kind: str, tmp_path: Path) -> None:
    target = find(kind)
    network, header = load_checkpoint(REFERENCE_CHECKPOINT)
    exportable, identity = from_checkpoint(network, header), identify(header, "0" * 64)
    contract = target.promise(exportable.contract("fp32", identity))
    path = tmp_path / f"reference{target.suffix}"
    target.write(target.convert(exportable), contract, None, path)
    images = phantoms(4, seed=5, size=exportable.size)
    expected = run(ExportableSession(exportable, contract, path), images)
    found = run(open_session(path), images)
    np.testing.assert_allclose(found[0], expected[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=1e-4)


@pytest.mark.parametrize("precision", FLOATS)
def test_the_contract_comes_back(made: Floats, precision: str) -> None:
    assert made.target.read_contract(made.files[precision]) == made.contract(precision)  # type: ignore[arg-type]


def said_of(path: Path, data: bytes) -> str:
    """What reading the model says with ``data`` in place of the file ``path``."""
    good = path.read_bytes()
    path.write_bytes(data)
    model = path.with_suffix(".xml") if path.suffix == ".bin" else path
    try:
        with pytest.raises(ModelFileError) as caught:
            of_name(model).read_contract(model)  # type: ignore[union-attr]
        return str(caught.value)
    finally:
        path.write_bytes(good)


@pytest.fixture
def copies(made: Floats, tmp_path: Path) -> list[Path]:
    """Copies to spoil: the file and its companions."""
    source = made.files["fp16"]
    found = []
    for file in (source, *made.target.companions(source)):
        copy = tmp_path / f"copy{file.suffix}"
        copy.write_bytes(file.read_bytes())
        found.append(copy)
    return found


def test_any_changed_byte_is_noticed_in_each_file(copies: list[Path]) -> None:
    """The first and last bytes, those around the contract and its seal, and 200 others."""
    rng = np.random.default_rng(0)
    for path in copies:
        good = path.read_bytes()
        seal = max(good.find(b"sha256"), 0)
        places = {*range(64), *range(len(good) - 64, len(good)), *range(seal, min(seal + 100, len(good)))}
        places |= {int(n) for n in rng.integers(0, len(good), 200)}
        for place in sorted(places):
            bad = bytearray(good)
            bad[place] ^= int(rng.integers(1, 256))
            said = said_of(path, bytes(bad))
            assert said.startswith(f"{path}: ") and "\n" not in said, place


def test_a_file_cut_anywhere_or_made_longer_is_noticed(copies: list[Path]) -> None:
    for path in copies:
        good = path.read_bytes()
        lengths = {*range(40), *np.random.default_rng(1).integers(0, len(good), 60).tolist(), len(good) - 1}
        for bad in [*(good[:length] for length in sorted(lengths)), good + b"\0"]:
            assert str(path) in said_of(path, bad)


def test_a_file_alone_in_a_folder_is_enough(copies: list[Path], made: Floats, images: np.ndarray) -> None:
    """Or a pair of files, under another name."""
    assert {file.name for file in copies[0].parent.iterdir()} == {file.name for file in copies}
    there, here = (run(open_session(path), images) for path in (made.files["fp16"], copies[0]))
    np.testing.assert_array_equal(there[0], here[0])


PROGRAM = """
import hashlib, sys
from pathlib import Path
from edgefrac.digest import file_sha256
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.exportable import from_checkpoint, identify
from edgefrac.targets.registry import find, of_name
path, target = Path(sys.argv[1]), find(sys.argv[2])
network, header = load_checkpoint(path)
exportable, identity = from_checkpoint(network, header), identify(header, file_sha256(path))
graph = target.convert(exportable)
for precision in ("fp32", "fp16"):
    out = Path(f"out-{precision}{target.suffix}").resolve()
    target.write(graph, target.promise(exportable.contract(precision, identity)), None, out)
    for file in (out, *target.companions(out)):
        print(hashlib.sha256(file.read_bytes()).hexdigest())
"""


def test_another_process_makes_the_same_bytes(made: Floats, tmp_path: Path) -> None:
    """From the checkpoint alone, with another order of hashes, in another time zone and folder."""
    surroundings = {**os.environ, "PYTHONHASHSEED": "4711", "TZ": "Asia/Kathmandu", "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(made.checkpoint), made.target.name],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=surroundings,
    )
    assert done.returncode == 0, done.stderr
    files = [file for p in FLOATS for file in (made.files[p], *made.target.companions(made.files[p]))]
    assert done.stdout.split() == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def test_converting_again_in_this_process_makes_the_same_bytes(made: Floats, tmp_path: Path) -> None:
    path = tmp_path / f"again{made.target.suffix}"
    made.target.write(made.target.convert(made.exportable), made.contract("fp32"), None, path)
    assert path.read_bytes() == made.files["fp32"].read_bytes()


def test_no_file_tells_of_the_machine(made: Floats) -> None:
    for precision in FLOATS:
        path = made.files[precision]
        for file in (path, *made.target.companions(path)):
            content = file.read_bytes()
            told = [
                word for word in (str(Path.cwd()), str(path.parent), "site-packages", "stack_trace", '.py"') if word
            ]
            assert [word for word in told if word.encode() in content] == []


def test_a_foreign_network_without_a_map(made: Floats, tmp_path: Path, images: np.ndarray) -> None:
    foreign = load_external("tests.models.foreign:fully_connected", SIZE)
    path = tmp_path / f"foreign{made.target.suffix}"
    contract = made.target.promise(foreign.contract("fp32", made.identity))
    made.target.write(made.target.convert(foreign), contract, None, path)
    session = open_session(path)
    assert not session.contract.has_evidence
    expected = ExportableSession(foreign, contract, path)
    for image in images:
        answer = session.predict(image)
        assert answer.evidence is None
        np.testing.assert_allclose(answer.probability, expected.predict(image).probability, rtol=0, atol=1e-5)


def test_a_network_that_has_run_channels_last_is_converted_rightly(made: Floats, tmp_path: Path) -> None:
    """The weights of its 3×3 convolutions lie in another order in memory then."""
    images = phantoms(2, seed=8)
    foreign = load_external("tests.pipeline.networks:pooled", SIZE)
    contract = made.target.promise(foreign.contract("fp32", made.identity))
    expected = run(ExportableSession(foreign, contract, tmp_path), images)
    assert any(p.ndim == 4 and not p.is_contiguous() for p in foreign.module.parameters())
    path = tmp_path / f"pooled{made.target.suffix}"
    made.target.write(made.target.convert(foreign), contract, None, path)
    np.testing.assert_allclose(run(open_session(path), images)[1], expected[1], rtol=0, atol=1e-4)


def test_a_network_that_cannot_be_converted(made: Floats) -> None:
    import torch
    from torch import nn

    class Branches(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image.mean((2, 3)) if image.sum() > 0 else image.amax((2, 3))

    undecided = Exportable(Branches(), SIZE, (0, 0), made.exportable.tasks, has_evidence=False)
    with pytest.raises(ConversionError, match=r"(ONNX|OpenVINO): the network cannot be converted") as caught:
        made.target.convert(undecided)
    assert "\n" not in str(caught.value)


def test_a_graph_that_does_not_keep_the_contract(made: Floats, tmp_path: Path) -> None:
    contract = made.contract("fp32")
    wrong = contract.input.model_copy(update={"shape": (1, 2 * SIZE, 2 * SIZE, 1)})
    with pytest.raises(ConversionError, match="its contract promises"):
        made.target.write(made.graph, contract.model_copy(update={"input": wrong}), None, tmp_path / "wrong")


def test_native_int8_waits_for_radiographs(made: Floats, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=rf"native int8 for {made.target.name} needs radiographs") as caught:
        made.target.write(made.graph, made.contract("int8"), Native(None, None), tmp_path / "model")
    assert "--calibration" in caught.value.hint and list(tmp_path.iterdir()) == []


def test_an_absent_file(made: Floats, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"absent\.\w+: cannot be read"):
        made.target.read_contract(tmp_path / f"absent{made.target.suffix}")
