"""Compile a TFLite file for one NPU in a process of its own: ``python litert_aot_script.py JOB``.

JOB is JSON: ``file``, ``folder`` (an empty one, where the compiled file goes), ``vendor`` (a module of
``ai_edge_litert.aot.vendors``) and ``soc`` (one of its chips). On standard output comes JSON: ``compiled``, the path of
the compiled file or null, and ``log``, what the vendor's compiler said where it failed.
"""

import importlib
import json
import os
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

_LOG = re.compile(r"See (\S+) for details")


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Compile as ``job`` says."""
    os.chdir(job["folder"])  # some compilers leave files in the working folder
    from ai_edge_litert.aot.aot_compile import aot_compile

    vendor = importlib.import_module(f"ai_edge_litert.aot.vendors.{job['vendor']}.target")
    target = vendor.Target(vendor.SocModel(job["soc"]))
    found = aot_compile(job["file"], output_dir=job["folder"], target=target, keep_going=True)
    if found.models:
        return {"compiled": str(found.models[0].path), "log": ""}
    return {"compiled": None, "log": "\n".join(_said(error) for _, error in found.failed_backends)}


def _said(error: str) -> str:
    """The log that an error names, else the error."""
    named = _LOG.search(error)
    return Path(named[1]).read_text(errors="replace") if named else error


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):
        answer = main(json.loads(sys.argv[1]))
    print(json.dumps(answer))
