"""The machines of a Ray cluster, through Ray Data; ``local`` starts one on this machine for the time of the run."""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Sequence
from contextlib import closing, suppress
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from edgefrac.errors import MissingExtraError, WorkersError
from edgefrac.workers.limits import Limits
from edgefrac.workers.pool import Crew
from edgefrac.workers.ray_cluster import connected
from edgefrac.workers.runner import Answers, Work

T = TypeVar("T")
R = TypeVar("R")

_BLOCK = 32
"""Items that travel together: their answers come when all of them are done."""
_BLOCKS_EACH = 4
"""Fewer items travel together where otherwise some processes would have nothing to do."""


class RayData:
    """A runner on a Ray cluster: ``address`` is ``local``, ``auto`` or HOST:PORT.

    Each actor opens the work once, in a process of its own that may crash, as a ``Pool`` has them; ``processes`` is the
    most actors at a time, by default as many as the cluster has CPUs. EdgeFrac has to be installed on every machine in
    the same version, and a path has to mean the same file there. What such a process says is not trusted; what actors
    and this process tell each other is, for Ray itself exchanges pickles: a cluster is as safe as its least machine.
    """

    def __init__(self, address: str, processes: int | None = None, limits: Limits | None = None) -> None:
        """Raises ``MissingExtraError``; whether the cluster can be reached turns out in ``run``."""
        try:
            # what Ray is told by its environment it reads on being imported; nothing of what it does is reported
            os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
            os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
            import pyarrow  # noqa: F401
            import ray  # noqa: F401
        except ModuleNotFoundError:
            raise MissingExtraError("a Ray cluster", "archive") from None
        self._address, self._processes, self._limits = address, processes, limits or Limits()

    def run(self, work: Work[T, R], items: Sequence[T]) -> Answers[R]:
        """As ``Runner.run``; an item whose process crashed or was too slow is ``Lost``."""
        if items:
            with connected(self._address, self._processes) as processes:
                yield from self._run(work, items, min(processes, len(items)))

    def _run(self, work: Work[T, R], items: Sequence[T], processes: int) -> Answers[R]:
        import ray
        from ray.data import ActorPoolStrategy

        kept = ray.put(pickle.dumps(work.packed()))  # once into the object store, not once for each actor
        rows = [{"index": index, "item": pickle.dumps(item)} for index, item in enumerate(items)]
        block = min(_BLOCK, math.ceil(len(items) / (_BLOCKS_EACH * processes)))
        answers = ray.data.from_items(rows, override_num_blocks=math.ceil(len(items) / block)).map_batches(
            _Station,
            fn_constructor_args=([kept], str(Path.cwd()), self._limits, _version()),
            batch_size=None,
            compute=ActorPoolStrategy(min_size=1, max_size=processes, initial_size=processes),
            num_cpus=1,
        )
        for batch in answers.iter_batches(batch_size=None, prefetch_batches=0):
            for index, answer in zip(batch["index"].tolist(), batch["answer"].tolist(), strict=True):
                found = pickle.loads(answer)
                if isinstance(found, BaseException):
                    raise found
                yield index, found


class _Station:
    """What an actor of Ray Data is: one worker process, and the items of a block for it."""

    def __init__(self, kept: list[Any], folder: str, limits: Limits, version: str) -> None:
        import ray

        self._problem = _unlike_here(folder, version)
        if self._problem is None:
            os.chdir(folder)
            self._crew: Crew[Any, Any] = Crew(pickle.loads(ray.get(kept[0])), 1, limits)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """``index`` and pickled ``item`` -> ``index`` and pickled ``answer``; an error is one, for Ray would retry."""
        try:
            if self._problem is not None:
                raise self._problem
            items = [pickle.loads(item) for item in batch["item"].tolist()]
            with closing(self._crew.run(items)) as answers:
                found = sorted(answers, key=lambda numbered: numbered[0])
            said = [pickle.dumps(answer) for _, answer in found]
        except Exception as error:
            said = [pickle.dumps(error)] * len(batch["index"])
        return {"index": batch["index"], "answer": said}


def _unlike_here(folder: str, version: str) -> WorkersError | None:
    """What keeps an actor from doing what its driver would do."""
    if version != _version():
        hint = "install the same version on every machine of the cluster"
        return WorkersError(f"a machine of the cluster has EdgeFrac {_version()}, this one {version}", hint=hint)
    if not Path(folder).is_dir():
        hint = (
            "the radiographs, and the folder that the command is run in, have to be on storage that all machines share"
        )
        return WorkersError(f"{folder}: not on every machine of the cluster", hint=hint)
    return None


def _version() -> str:
    """Of the installed package; a bare source tree has none."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("edgefrac")
    return "without version"
