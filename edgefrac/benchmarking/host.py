"""The machine behind the figures: what it is, and how busy it was while they were taken."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from edgefrac.benchmarking.energy import availability
from edgefrac.verification.certificate import environment

RUNTIMES = ("edgefrac", "numpy", "ai-edge-litert", "onnxruntime", "openvino", "torch")
# what int8, float16 and float32 kernels are chosen by, as /proc/cpuinfo spells it
_FLAGS = frozenset(
    "avx avx2 fma f16c avx512f avx512bw avx512vl avx_vnni avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8"
    " amx_bf16 asimd asimddp i8mm bf16 fphp asimdhp sve sve2".split()
)
_FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq")


class Host(BaseModel):
    """``host`` of the document. What the system does not tell is None.

    ``load_before`` and ``load_after`` are averages over a minute, of processes that want a processor; ``waiting`` is
    the share of the measurement's time that its main thread could have run and got no processor. ``energy`` says what
    energy was measured by, or why it was not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    cpu: str
    machine: str
    cores: int
    flags: tuple[str, ...]
    governor: str | None
    frequency_mhz: float | None
    load_before: float | None
    load_after: float | None
    waiting: float | None
    energy: str = ""
    kernel: str
    python: str
    versions: dict[str, str]

    def same_as(self, other: Host) -> bool:
        """Whether both are machines of one kind: processor, its instructions, and number of cores."""
        mine, its = ((h.cpu, h.machine, h.cores, h.flags) for h in (self, other))
        return mine == its


@dataclass(frozen=True)
class Moment:
    """How busy the machine is now: load, and nanoseconds that this thread ran and waited so far."""

    load: float | None
    ran: int
    waited: int


def now() -> Moment:
    """Read it."""
    ran, waited = 0, 0
    if text := _read(Path("/proc/thread-self/schedstat")):
        ran, waited = (int(word) for word in text.split()[:2])
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return Moment(load, ran, waited)


def host(before: Moment, after: Moment) -> Host:
    """This machine, with what happened between two moments."""
    ran, waited = after.ran - before.ran, after.waited - before.waited
    frequency = _read(_FREQUENCY / "scaling_cur_freq")
    made_by = environment(RUNTIMES)
    return Host(
        cpu=made_by.cpu,
        machine=platform.machine(),
        cores=os.cpu_count() or 1,
        flags=flags(),
        governor=_read(_FREQUENCY / "scaling_governor"),
        frequency_mhz=float(frequency) / 1000 if frequency else None,
        load_before=before.load,
        load_after=after.load,
        waiting=round(waited / (ran + waited), 3) if ran else None,
        energy=availability(),
        kernel=platform.release(),
        python=made_by.python,
        versions=made_by.packages,
    )


def flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Those instruction sets of the processor that decide which kernels run, sorted; empty where it is not told."""
    lines = (_read(cpuinfo) or "").splitlines()
    named = (line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features")))
    return tuple(sorted(_FLAGS.intersection(next(named, []))))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
