"""Networks of torchvision and timm, as ``--model`` takes them, through all targets: the table of docs/families.md.

    python -m benchmarks.families [NAME ...]

Weights are random, by fixed seeds; batch normalisation has the statistics of phantoms, and the last layer is scaled so
that logits spread by one. That is enough to compare numbers, and says nothing about accuracy.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from edgefrac.contract import Precision, TrainingData
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.errors import ConversionError
from edgefrac.imaging.preprocess import preprocess
from edgefrac.models import torchvision_shim
from edgefrac.models.exportable import Exportable, Identity
from edgefrac.models.external import load_external
from edgefrac.models.layers import layers_of
from edgefrac.models.network import normalise
from edgefrac.progress import silent
from edgefrac.quantization.calibration import observed_ranges
from edgefrac.quantization.grids import make_plan
from edgefrac.quantization.integers import IntegerNetwork, to_integers
from edgefrac.runtimes.session import open_session
from edgefrac.targets.registry import Target, available

SIZE = 64
TRAINING, CALIBRATION, GATE = (8, 11), (16, 21), (12, 5)  # how many phantoms, and their seeds
RUNTIMES = {"tflite": "LiteRT", "onnx": "ONNX Runtime", "openvino": "OpenVINO"}
IDENTITY = Identity("n", "0", "a", "0" * 64, TrainingData(names=(), licence="", attribution=""))
_Maker = Callable[[], nn.Module]


def network_inputs(count: int, seed: int) -> np.ndarray:
    """Phantoms as networks see them, uint8 [N, S, S]."""
    samples = phantom_dataset(count, seed, longer_side=96).samples
    return np.stack([preprocess(sample.read().pixels, SIZE) for sample in samples])


@torch.no_grad()
def _lively(network: nn.Module) -> nn.Module:
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    last = [m for m in network.modules() if isinstance(m, nn.Linear)][-1]
    batch = normalise(torch.from_numpy(network_inputs(*TRAINING)))[:, None].expand(-1, first.in_channels, -1, -1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.uniform_(0.7, 1.3)
            module.bias.uniform_(-0.3, 0.6)
        elif isinstance(module, nn.Dropout):
            module.p = 0.0
    network.train()
    for _ in range(20):
        network(batch)
    network.eval()
    logits = network(batch)
    last.weight /= logits.std(0)[:, None]
    last.bias.copy_((last.bias - logits.mean(0)) / logits.std(0))
    return network


def _timm(name: str, **options: Any) -> nn.Module:
    torchvision_shim.install()
    import timm

    torch.manual_seed(7)
    return _lively(timm.create_model(name, pretrained=False, num_classes=1, **options))


def _torchvision(make: Callable[[Any], nn.Module]) -> nn.Module:
    torchvision_shim.install()
    import torchvision

    torch.manual_seed(7)
    return _lively(make(torchvision.models))


def mobilenetv2() -> nn.Module:
    """timm's mobilenetv2_050"""
    return _timm("mobilenetv2_050")


def mobilenetv3() -> nn.Module:
    """timm's mobilenetv3_small_050"""
    return _timm("mobilenetv3_small_050")


def efficientnet_lite() -> nn.Module:
    """timm's tf_efficientnet_lite0, with TensorFlow's padding"""
    return _timm("tf_efficientnet_lite0")


def resnet() -> nn.Module:
    """torchvision's resnet18"""
    return _torchvision(lambda models: models.resnet18(num_classes=2))


def vgg() -> nn.Module:
    """torchvision's vgg11_bn, its head a mean and one linear layer"""

    def pooled(models: Any) -> nn.Module:
        network = models.vgg11_bn(num_classes=2)
        network.avgpool, network.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, 2)
        return network

    return _torchvision(pooled)


def repvgg() -> nn.Module:
    """timm's repvgg_a0"""
    return _timm("repvgg_a0")


def mobileone() -> nn.Module:
    """timm's mobileone_s0"""
    return _timm("mobileone_s0")


def convnext() -> nn.Module:
    """timm's convnext_atto"""
    return _timm("convnext_atto", ls_init_value=0.5)


def regnet() -> nn.Module:
    """timm's regnetx_002, convolutions in groups"""
    return _timm("regnetx_002")


def densenet() -> nn.Module:
    """torchvision's DenseNet, blocks of two layers"""
    return _torchvision(lambda models: models.DenseNet(16, (2, 2, 2, 2), 32, num_classes=2))


def shufflenet() -> nn.Module:
    """torchvision's shufflenet_v2_x0_5"""
    return _torchvision(lambda models: models.shufflenet_v2_x0_5(num_classes=2))


def ghostnet() -> nn.Module:
    """timm's ghostnet_050"""
    return _timm("ghostnet_050")


FAMILIES: dict[str, _Maker] = {
    "MobileNetV2": mobilenetv2,
    "MobileNetV3": mobilenetv3,
    "EfficientNet-Lite": efficientnet_lite,
    "ResNet": resnet,
    "VGG": vgg,
    "RepVGG": repvgg,
    "MobileOne": mobileone,
    "ConvNeXt": convnext,
    "RegNet": regnet,
    "DenseNet": densenet,
    "ShuffleNetV2": shufflenet,
    "GhostNet": ghostnet,
}


@dataclass(frozen=True)
class Row:
    """What was found for one network; differences of probability from the torch network are by target.

    ``refusal`` says why there is no exact plan; ``identical`` is the share of the three files' codes that are those of
    the integer network.
    """

    network: str
    evidence_map: bool
    float32: dict[str, float]
    float16: dict[str, float]
    int8: dict[str, float]
    refusal: str
    identical: float | None


def measure(maker: _Maker, images: np.ndarray) -> Row:
    """Export one network to all targets and run each file on ``images``, uint8 [N, S, S]."""
    exportable = load_external(f"{maker.__module__}:{maker.__name__}", SIZE)
    with torch.inference_mode():
        outputs = exportable.module(normalise(torch.from_numpy(images))[:, None])
    expected = (outputs[0] if exportable.has_evidence else outputs)[:, 0].numpy()
    network, refusal = _integers(exportable)
    differences: dict[str, dict[str, float]] = {"fp32": {}, "fp16": {}, "int8": {}}
    equal: list[bool] = []
    with tempfile.TemporaryDirectory() as folder:
        for target in available():
            if target.name not in RUNTIMES:
                continue
            graph = target.convert(exportable)
            for precision in ("fp32", "fp16", "int8") if network else ("fp32", "fp16"):
                path = Path(folder, f"network-{precision}{target.suffix}")
                _write(target, exportable, graph, network, precision, path)
                answers = [open_session(path).predict(image) for image in images]
                found = np.array([answer.probability[0] for answer in answers])
                differences[precision][target.name] = float(np.abs(found - expected).max())
                if network and precision == "int8":
                    equal += [
                        np.array_equal(a.evidence, network.evidence(i)) for a, i in zip(answers, images, strict=True)
                    ]
    return Row(
        (maker.__doc__ or "").strip(),
        exportable.has_evidence,
        *differences.values(),
        refusal,
        float(np.mean(equal)) if equal else None,
    )


def _integers(exportable: Exportable) -> tuple[IntegerNetwork | None, str]:
    """The integer network, or why there is none."""
    module: Any = exportable.module
    if not exportable.has_evidence:
        return None, exportable.evidence_statement
    try:
        graph = layers_of(module.evidence)
        plan = make_plan(graph, observed_ranges(graph, network_inputs(*CALIBRATION), silent), "benchmark", "phantoms")
        return to_integers(graph, plan, module.inverse_temperature.numpy(), module.offset.numpy()), ""
    except ConversionError as error:
        return None, error.message


def _write(
    target: Target,
    exportable: Exportable,
    graph: Any,
    network: IntegerNetwork | None,
    precision: Precision,
    path: Path,
) -> None:
    contract = target.promise(exportable.contract(precision, IDENTITY, "phantoms" if precision == "int8" else ""))
    if precision == "int8":
        assert network is not None
        target.write_integers(network, contract, path)
    else:
        target.write(graph, contract, None, path)


def _cells(family: str, row: Row) -> list[str]:
    def by_target(found: dict[str, float]) -> str:
        return ", ".join(f"{found[name]:.0e}" for name in RUNTIMES)

    int8 = f"yes, {max(row.int8.values()):.3f}" if row.int8 else f"no: {row.refusal}"
    codes = "–" if row.identical is None else "all" if row.identical == 1 else f"{row.identical:.0%} of maps"
    kept = "yes" if row.evidence_map else "no"
    return [family, row.network, kept, by_target(row.float32), by_target(row.float16), int8, codes]


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*FAMILIES, []], help="families [default: all]")
    names = parser.parse_args().names or list(FAMILIES)
    images = network_inputs(*GATE)
    head = ["family", "network", "evidence map", "float32", "float16", "int8, exact plan", "codes alike"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for name in names:
        print("| " + " | ".join(_cells(name, measure(FAMILIES[name], images))) + " |", flush=True)


if __name__ == "__main__":
    main()
