"""Targets by name: a new one is one file with one decorated class.

Importing a target is light; what it needs to convert, write or run a file is imported when that is asked of it.
"""

from __future__ import annotations

import difflib
import importlib
from abc import ABC, abstractmethod
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgefrac.errors import ConversionError, MissingExtraError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgefrac.contract import Contract
    from edgefrac.models.exportable import Exportable
    from edgefrac.quantization.integers import IntegerNetwork
    from edgefrac.quantization.plan import Native


CALIBRATION_HINT = "give radiographs of the training split with --calibration DIR"


class Target(ABC):
    """A file format: how to write it, read it back, and what its runtime makes of it.

    ``title`` is the format's name for people and for ``ModelKind``; ``runtime`` that of certificates. ``modules`` are
    what exporting to it imports, ``extra`` brings them, ``packages`` are the distributions that a certificate lists.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    suffix: ClassVar[str]
    runtime: ClassVar[str]
    extra: ClassVar[str]
    modules: ClassVar[tuple[str, ...]]
    packages: ClassVar[tuple[str, ...]]
    by_ranges: ClassVar[bool] = False
    """Whether the format's own quantizer works by ranges, which checkpoints carry; others want radiographs."""
    integers_only: ClassVar[bool] = False
    """Whether its files hold the integers of an exact plan, and there are no others."""

    @abstractmethod
    def convert(self, exportable: Exportable) -> Any:
        """The network as a float32 graph of this format; raises ConversionError."""

    @abstractmethod
    def write(self, float_model: Any, contract: Contract, native: Native | None, path: Path) -> None:
        """Write the finished file, and its companions, in the contract's precision; raises ConversionError.

        int8 is quantized by the format's own quantizer, by what ``native`` has for it.

        The same arguments give the same bytes.
        """

    @abstractmethod
    def write_integers(self, network: IntegerNetwork, contract: Contract, path: Path) -> None:
        """Write the finished int8 file, and its companions: the integers of ``network``, nothing decided anew."""

    @abstractmethod
    def read_contract(self, path: Path) -> Contract:
        """The contract inside a file; raises ModelFileError for one that is damaged or has none."""

    @abstractmethod
    def placement(self, path: Path) -> dict[str, Any]:
        """What the runtime makes of a file: at least its operators and their element types ("CONV_2D:int8") counted."""

    @abstractmethod
    def summary(self, placement: dict[str, Any]) -> str:
        """A placement in one line, for certificates."""

    def promise(self, contract: Contract, network: IntegerNetwork | None = None) -> Contract:
        """The contract as files of this target keep it; ``network`` is that of a file which holds its integers."""
        return contract

    def companions(self, path: Path) -> tuple[Path, ...]:
        """Files without which ``path`` cannot be run."""
        return ()

    def input_quantization(self, path: Path) -> tuple[float, int] | None:
        """Scale and zero point of the file's pixels, where the format has such a thing."""
        return None

    def calibration_images(self, native: Native | None) -> NDArray[np.uint8]:
        """Network inputs uint8 [N, S, S] for its own quantizer; raises ConversionError where none are given."""
        if native is None or native.images is None:
            raise ConversionError(f"native int8 for {self.name} needs radiographs", hint=CALIBRATION_HINT)
        return native.images

    def require(self) -> None:
        """Raise MissingExtraError where something is missing to export to this target."""
        if self.missing():
            raise MissingExtraError(f"target '{self.name}'", self.extra)

    def missing(self) -> list[str]:
        """The modules that exporting needs and that are not installed."""
        return [module for module in self.modules if util.find_spec(module) is None]


_NAMES = ("tflite", "onnx", "openvino", "ort", "ethos-u")  # each the name of its file, too, with _ for -
_targets: dict[str, Target] = {}


def target(made: type[Target]) -> type[Target]:
    """Register a target under its name."""
    _targets[made.name] = made()
    return made


def available() -> tuple[Target, ...]:
    """All targets, the one to prefer first."""
    for name in _NAMES:
        importlib.import_module(f"edgefrac.targets.{name.replace('-', '_')}")
    return tuple(_targets[name] for name in _NAMES)


def find(name: str) -> Target:
    """The named target; raises UsageError for an unknown one."""
    known = {one.name: one for one in available()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"one of: {', '.join(known)}" + (f"; did you mean '{near[0]}'?" if near else "")
        raise UsageError(f"target '{name}' is not available", hint=hint)
    return known[name]


def of_kind(title: str) -> Target | None:
    """The target whose files ``ModelKind`` calls so; None for a checkpoint."""
    return next((one for one in available() if one.title == title), None)


def of_name(path: str | Path) -> Target | None:
    """The target whose files are named like ``path``, which need not be there."""
    fitting = [one for one in available() if Path(path).name.endswith(one.suffix)]
    return max(fitting, key=lambda one: len(one.suffix), default=None)
