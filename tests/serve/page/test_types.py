"""The page's modules are typed in their comments; TypeScript, where the web sample has it installed, checks them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
TSC = REPOSITORY / "web-sample" / "node_modules" / ".bin" / "tsc"
FLAGS = """--allowJs --checkJs --noEmit --strict --noUncheckedIndexedAccess --target es2022 --module es2022
--moduleResolution bundler --lib es2023,dom,dom.iterable --types""".split()


@pytest.mark.skipif(not TSC.exists(), reason="TypeScript is not installed: npm ci in web-sample")
def test_the_modules_keep_their_types(tmp_path: Path) -> None:
    modules = sorted(map(str, (REPOSITORY / "edgefrac" / "serve" / "page").glob("*.js")))
    checked = subprocess.run([TSC, *FLAGS, "", *modules], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert checked.returncode == 0, checked.stdout
    (tmp_path / "wrong.js").write_text("/** @param {number} x */ function f(x) { return x.length; }")
    wrong = subprocess.run([TSC, *FLAGS, "", "wrong.js"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "TS2339" in wrong.stdout
