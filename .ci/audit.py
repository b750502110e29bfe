"""Does an advisory speak of a version that the locks name? `python .ci/audit.py [--osv-url URL]`

Asks the OSV database with pip-audit, which is installed by its own lock into build/audit. Status 1 where there is an
advisory; 0 where there is none, and also where the database cannot be reached, which is then said: the evidence is
"unavailable", and nothing is known. (PyPI's own service is not asked: where an index is served by a mirror without
advisories, pip-audit passes over every package and ends with "no known vulnerabilities found".)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "build" / "audit"
LOCKS = ("everything", "cuda", "alone")
LIMIT_SECONDS = 900


def main() -> int:
    """Ask, and say in a line what is known."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--osv-url", help="another database of OSV's form")
    options = parser.parse_args()
    asked = ["--osv-url", options.osv_url] if options.osv_url else []
    found = install() or answer(asked)
    if isinstance(found, str):
        print(f"audit: unavailable: {found}")
        return 0
    return told(found)


def install() -> str:
    """Make pip-audit available; why that failed, if it did."""
    if (PLACE / ".installed").exists():
        return ""
    venv.create(PLACE, with_pip=True, clear=True)
    command = [PLACE / "bin" / "pip", "install", "--quiet", "--require-hashes", "-r", ROOT / "locks" / "audit.lock"]
    if subprocess.run(command, check=False).returncode:
        return "pip-audit could not be installed"
    (PLACE / ".installed").touch()
    return ""


def answer(asked: list[str]) -> list[dict[str, Any]] | str:
    """Every locked distribution with its advisories, or why there is no answer."""
    locks = [word for lock in LOCKS for word in ("-r", str(ROOT / "locks" / f"{lock}.lock"))]
    settings = ["--vulnerability-service", "osv", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    command = [str(PLACE / "bin" / "pip-audit"), *settings, *asked, "--format", "json", *locks]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "no answer of the advisory database in time"
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return "no route to the advisory database" if "onnection" in last else last


def told(found: list[dict[str, Any]]) -> int:
    """Print what was found; 1 where an advisory speaks of a locked version."""
    skipped = [one["name"] for one in found if "skip_reason" in one]
    affected = [one for one in found if one.get("vulns")]
    for one in affected:
        for advisory in one["vulns"]:
            fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
            print(f"audit: {one['name']} {one['version']}: {advisory['id']}, fixed in {fixed}")
    print(f"audit: measured: {len(found) - len(skipped)} distributions, {len(affected)} with an advisory")
    if skipped:
        print(f"audit: not audited: {', '.join(skipped)}")
    return int(bool(affected))


if __name__ == "__main__":
    sys.exit(main())
