"""A FAKE of adb, for tests without a phone: "the device" is a folder of this machine, and its shell is this machine's.

``python fake_adb.py FOLDER ARGUMENTS…``. FOLDER holds ``devices`` (what ``adb devices`` lists after its first line) and
``properties`` (JSON, for getprop). It behaves as adb's documentation says for what EdgeFrac asks of it: devices, push
and pull of folders, shell with the command's own status. It was not recorded from a phone.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path


def main(folder: Path, arguments: list[str]) -> int:
    if arguments == ["devices"]:
        print("List of devices attached\n" + (folder / "devices").read_text())
        return 0
    _, _serial, verb, *rest = arguments  # -s SERIAL VERB …
    if verb == "push":
        source, target = Path(rest[0]), _here(folder, rest[1])
        shutil.copytree(source, target / source.name)
        return 0
    if verb == "pull":
        source = _here(folder, rest[0])
        if not source.exists():
            print(f"adb: error: failed to stat remote object '{rest[0]}': No such file or directory", file=sys.stderr)
            return 1
        shutil.copytree(source, Path(rest[1]) / source.name)
        return 0
    assert verb == "shell", verb
    (command,) = rest
    if asked := re.fullmatch(r"getprop (\S+)", command):
        print(json.loads((folder / "properties").read_text()).get(asked[1], ""))
        return 0
    local = command.replace("/data/local/tmp", str(folder / "data/local/tmp"))
    return subprocess.run(["sh", "-c", local], check=False).returncode


def _here(folder: Path, remote: str) -> Path:
    return folder / remote.lstrip("/")


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
