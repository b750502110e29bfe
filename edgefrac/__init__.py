"""EdgeFrac: fracture classifiers for radiographs, from training to a phone, with proof that nothing was lost.

The public verbs are imported on first use, so ``import edgefrac`` loads neither torch nor a runtime::

    session = edgefrac.load("model.tflite")
    edgefrac.predict(session, "wrist.png")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_VERBS = {
    "load": ("edgefrac.prediction", "load"),
    "predict": ("edgefrac.prediction", "predict_file"),
    "evaluate": ("edgefrac.evaluation", "evaluate"),
    "explain": ("edgefrac.explanation", "explain"),
    "export": ("edgefrac.pipeline.export", "export_bundle"),
    "benchmark": ("edgefrac.pipeline.bench", "benchmark"),
    "verify": ("edgefrac.pipeline.verify", "verify_bundle"),
}
__all__ = ["__version__", "benchmark", "evaluate", "explain", "export", "load", "predict", "verify"]

if TYPE_CHECKING:
    from edgefrac.evaluation import evaluate as evaluate
    from edgefrac.explanation import explain as explain
    from edgefrac.pipeline.bench import benchmark as benchmark
    from edgefrac.pipeline.export import export_bundle as export
    from edgefrac.pipeline.verify import verify_bundle as verify
    from edgefrac.prediction import load as load
    from edgefrac.prediction import predict_file as predict


def __getattr__(name: str) -> object:
    if name not in _VERBS:
        raise AttributeError(f"module 'edgefrac' has no attribute {name!r}")
    module, attribute = _VERBS[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
