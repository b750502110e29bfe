"""The manifest as Gradle would hand it to aapt2, for a framework that is older than compileSdk.

    python check/manifest.py MANIFEST DECLARATIONS FRAMEWORK_API OUT

The package and the placeholder ``${applicationId}`` are filled in. Attributes newer than the framework's API are left
out, after a look whether Android has them at all; a misspelt one stays and aapt2 refuses it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from api_levels import ApiLevels
from catalog import value

_ATTRIBUTE = re.compile(r'\s+android:(\w+)="[^"]*"')


def main() -> None:
    """Write the manifest, and say what was left out."""
    source, declarations, framework, out = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    levels, package = ApiLevels(declarations), value("namespace")
    newer = []

    def kept(found: re.Match[str]) -> str:
        since = levels.of_member("android/R$attr", found.group(1), "I")
        if since is None or since <= framework:
            return found.group(0)
        newer.append(f"{found.group(1)} (API {since})")
        return ""

    text = source.read_text(encoding="utf-8").replace("${applicationId}", package)
    text = _ATTRIBUTE.sub(kept, text).replace("<manifest ", f'<manifest package="{package}" ', 1)
    out.write_text(text, encoding="utf-8")
    print(f"manifest: not linked, but known to Android: {', '.join(newer) or 'nothing'}")


if __name__ == "__main__":
    main()
