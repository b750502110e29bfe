"""An arm64 processor where there is none: qemu's user emulation around a Python for arm64.

Numbers are those of the emulated processor, times mean nothing. The Python comes from the package sources that apt and
pip are set up with on this machine, into a folder of the caller's; nothing is installed, and no privilege is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from edgefrac.errors import DeviceError
from edgefrac.progress import Note
from edgefrac.runtimes.bare import BarePython

RUNTIMES = ("ai-edge-litert", "onnxruntime", "numpy")
_QEMU = ("qemu-aarch64-static", "qemu-aarch64")
_SYSTEM = ("python3", "libstdc++6", "libgcc-s1")
_PLATFORMS = ("manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, 37)))


@dataclass(frozen=True)
class Processor:
    """What qemu emulates, and what Linux on it would say in /proc/cpuinfo.

    Runtimes choose kernels by both; where they disagree XNNPACK silently stays off.
    """

    qemu: str
    part: str
    features: str

    @property
    def cpuinfo(self) -> str:
        """The text of /proc/cpuinfo for one core."""
        facts = {
            "processor": "0",
            "BogoMIPS": "50.00",
            "Features": self.features,
            "CPU implementer": "0x41",
            "CPU architecture": "8",
            "CPU variant": "0x0",
            "CPU part": self.part,
            "CPU revision": "0",
        }
        return "".join(f"{name}\t: {value}\n" for name, value in facts.items()) + "\n"


_V8 = "fp asimd evtstrm aes pmull sha1 sha2 crc32"
_V82 = f"{_V8} atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp ssbs"
PROCESSORS = {
    # NEON without dot products: phones up to about 2018, Raspberry Pi 4
    "cortex-a72": Processor("cortex-a72", "0xd08", f"{_V8} cpuid"),
    # with dot products: most phones since
    "cortex-a76": Processor("cortex-a76", "0xd0b", _V82),
    # with products of matrices and SVE2: phones since 2022. SME is left out: qemu 7.2 computes wrongly with it
    "cortex-a710": Processor("max,sme=off", "0xd47", f"{_V82} jscvt fcma asimdfhm frint i8mm bf16 sve sve2"),
}
DEFAULT = "cortex-a76"


@dataclass(frozen=True)
class Arm64:
    """A root file system with Python and the runtimes, and the emulator for it."""

    root: Path
    qemu: str

    def python(self, processor: str = DEFAULT) -> BarePython:
        """Its Python on one emulated processor, see ``PROCESSORS``."""
        prefix = self._prefix(processor)
        interpreter = _interpreter(prefix)
        environment = {
            "PATH": os.defpath,
            "LC_ALL": "C.UTF-8",
            "PYTHONHOME": str(prefix / "usr"),
            "PYTHONPATH": str(self.root / "site"),
        }
        return BarePython(
            (self.qemu, "-cpu", PROCESSORS[processor].qemu, "-L", str(prefix), str(interpreter)), environment
        )

    def _prefix(self, processor: str) -> Path:
        """The root file system as the processor's programs see it: each has its own /proc/cpuinfo."""
        prefix = self.root / "processors" / processor
        for name in ("proc", "sys/devices/system/cpu"):
            (prefix / name).mkdir(parents=True, exist_ok=True)
        (prefix / "proc/cpuinfo").write_text(PROCESSORS[processor].cpuinfo)
        for name in ("possible", "present", "kernel_max"):
            (prefix / "sys/devices/system/cpu" / name).write_text("0\n")
        for name in ("usr", "lib", "etc"):
            if (self.root / name).exists() and not (prefix / name).exists():
                (prefix / name).symlink_to((self.root / name).resolve())
        return prefix


def set_up(cache: Path, note: Note) -> Arm64:
    """The emulated machine in folder ``cache``, made there unless it is (about 400 MB); raises DeviceError.

    Its runtimes are those of ``RUNTIMES`` that are installed here, in the same versions.
    """
    qemu = emulator()
    root = cache.resolve() / "arm64"
    if is_set_up(cache):
        return Arm64(root, qemu)
    cache.mkdir(parents=True, exist_ok=True)
    # a folder of its own for each process that sets one up, so that two do not mix
    partial = Path(tempfile.mkdtemp(prefix="arm64.partial-", dir=root.parent))
    try:
        here = _installed_here()
        wanted = _wanted(here)
        note("fetching a Python for arm64")
        _unpack_system(partial)
        note(f"fetching {', '.join(wanted)} for arm64")
        _install(partial, wanted, here)
        (partial / "complete").write_text("\n".join(wanted))
        if not is_set_up(cache):
            shutil.rmtree(root, ignore_errors=True)
            partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Arm64(root, qemu)


def emulator() -> str:
    """The path of qemu's user emulation of arm64; raises DeviceError."""
    qemu = next(filter(None, map(shutil.which, _QEMU)), None)
    if qemu is None:
        raise DeviceError("no arm64 emulator is installed (qemu-aarch64)", hint="apt-get install qemu-user-static")
    return qemu


def is_set_up(cache: Path) -> bool:
    """Whether the machine is there, with the runtimes' versions that are installed here."""
    complete = cache.resolve() / "arm64" / "complete"
    return complete.is_file() and complete.read_text() == "\n".join(_wanted(_installed_here()))


def _installed_here() -> dict[str, str]:
    return {distribution.name: distribution.version for distribution in metadata.distributions()}


def _wanted(here: Mapping[str, str]) -> list[str]:
    return [f"{name}=={here[name]}" for name in RUNTIMES if name in here]


def _unpack_system(root: Path) -> None:
    """Packages for arm64 from apt's sources, unpacked into ``root``, with apt's state of this machine untouched."""
    for name in ("apt/lists/partial", "apt/cache/archives/partial"):
        (root / name).mkdir(parents=True)
    (root / "apt/status").touch()
    options = {
        "APT::Architecture": "arm64",
        "APT::Architectures::": "arm64",
        "APT::Sandbox::User": "root",
        "Dir::State": root / "apt",
        "Dir::State::status": root / "apt/status",
        "Dir::Cache": root / "apt/cache",
    }
    apt = ["apt-get", *(f"-o{name}={value}" for name, value in options.items())]
    # a source without packages for arm64 is no obstacle; the next command says what is missing
    _call([*apt, "update"], "apt-get", check=False)
    download = ["install", "--yes", "--no-install-recommends", "--download-only", *_SYSTEM]
    _call([*apt, *download], "apt-get")
    for package in sorted((root / "apt/cache/archives").glob("*.deb")):
        _call(["dpkg-deb", "--extract", str(package), str(root)], "dpkg-deb")
    shutil.rmtree(root / "apt")


def _install(root: Path, wanted: Sequence[str], here: Mapping[str, str]) -> None:
    """Wheels for arm64 from pip's sources, what they need in the versions that are ``here``."""
    version = _interpreter(root).name.removeprefix("python")
    constraints = root / "constraints.txt"
    # a version with a label of its builder is nowhere else to be had
    constraints.write_text("".join(f"{name}=={v}\n" for name, v in sorted(here.items()) if "+" not in v))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    kind = ["--only-binary=:all:", "--implementation=cp", f"--python-version={version}"]
    platforms = [f"--platform={name}" for name in _PLATFORMS]
    _call([*pip, *kind, *platforms, f"--target={root / 'site'}", f"--constraint={constraints}", *wanted], "pip")


def _interpreter(root: Path) -> Path:
    found = sorted((root / "usr/bin").glob("python3.[0-9]*[0-9]"))
    if not found:
        raise DeviceError("the arm64 packages hold no Python")
    return found[0]


def _call(command: Sequence[str], name: str, *, check: bool = True) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise DeviceError(f"{name} does not start ({error.strerror})") from error
    if check and done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DeviceError(f"{name} stopped with status {done.returncode} ({last})")
