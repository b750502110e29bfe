"""Make ``import torchvision`` (and so ``import timm``) work beside a CPU build of torch.

PyPI's torchvision is a CUDA build whose compiled part does not load beside a CPU torch; the import then fails with
``operator torchvision::nms does not exist``. Declaring the two schemas that torchvision's Python part registers
meta kernels for is enough for models, transforms and export. Box operations stay unavailable; none is used here.
"""

from __future__ import annotations

import torch

_library: torch.library.Library | None = None


def install() -> bool:
    """Declare the missing operators; returns False (and does nothing) where torchvision's own ones are loaded."""
    global _library
    if _library is not None:
        return True
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    else:
        return False
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        _library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    return True
