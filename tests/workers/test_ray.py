"""Ray Data: the answers of the other runners, nothing reported to anyone, and addresses where no cluster is."""

from __future__ import annotations

import http.server
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgefrac.errors import MissingExtraError, UsageError, WorkersError
from edgefrac.workers import ray_cluster
from edgefrac.workers.limits import Limits
from edgefrac.workers.ray_data import RayData
from edgefrac.workers.runner import Here, Lost
from tests.workers.jobs import Doubling

pytest.importorskip("ray", reason="the extra 'archive' is not installed")

REPOSITORY = Path(__file__).parents[2]
NUMBERS = list(range(70))


@pytest.fixture(scope="module", autouse=True)
def _actors_find_the_tests() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)
        yield


@contextmanager
def _listening() -> Iterator[tuple[str, list[str]]]:
    """A web server's address, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_GET = do_CONNECT = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def test_a_local_cluster_gives_the_same_answers_survives_a_crash_and_reports_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import ray

    monkeypatch.setenv("HOME", str(tmp_path))
    before = set(Path("/tmp").glob("edgefrac-ray-*"))
    with _listening() as (address, asked):
        monkeypatch.setenv("RAY_USAGE_STATS_REPORT_URL", f"http://{address}/usage")
        monkeypatch.setenv("RAY_USAGE_STATS_REPORT_INTERVAL_S", "1")
        answers = dict(RayData("local", 2, Limits(seconds=60.0)).run(Doubling(crash=frozenset({41})), NUMBERS))
    assert answers.pop(41) == Lost("its process was ended by SIGSEGV")
    assert answers == {index: answer for index, answer in Here().run(Doubling(), NUMBERS) if index != 41}
    assert asked == []
    assert not ray.is_initialized()
    assert list(tmp_path.iterdir()) == [], "no token in the home folder"
    assert set(Path("/tmp").glob("edgefrac-ray-*")) == before, "its logs and sockets are gone"
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_what_the_work_raises_comes_through(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match="number 9") as caught:
        dict(RayData("local", 1).run(Doubling(refuse=frozenset({9})), NUMBERS[:12]))
    assert caught.value.hint == "pip install 'edgefrac[dicom]'"


def _short_folder() -> tempfile.TemporaryDirectory[str]:
    """The paths of sockets in it may hold 107 bytes."""
    return tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True)


def _closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        (_closed_port(), "nothing answers there"),
        ("no-such-host.invalid:6379", "nothing answers there"),
        ("auto", "no cluster takes it|no Ray cluster answers there"),
    ],
)
def test_a_cluster_that_is_not_there(address: str, cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    started = time.monotonic()
    with pytest.raises(WorkersError, match=cause) as caught:
        dict(RayData(address).run(Doubling(), NUMBERS))
    assert time.monotonic() - started < 20
    assert "--ray local" in caught.value.hint and address in caught.value.message


def test_a_server_that_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "_SECONDS_TO_ANSWER", 2.0)
    with _listening() as (address, _), pytest.raises(WorkersError, match="no Ray cluster answers there"):
        dict(RayData(address).run(Doubling(), NUMBERS))


@pytest.mark.parametrize("address", ["nonsense", "ray://127.0.0.1:10001", "host:", ":6379", ""])
def test_an_address_that_can_be_none(address: str) -> None:
    with pytest.raises(UsageError, match="not an address of a cluster"):
        dict(RayData(address).run(Doubling(), NUMBERS))


@pytest.mark.parametrize("module", ["ray", "pyarrow"])
def test_a_missing_extra_is_named(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as caught:
        RayData("local")
    assert caught.value.hint == "pip install 'edgefrac[archive]'"


@pytest.mark.slow
def test_a_cluster_that_others_started_and_that_asks_for_a_token() -> None:
    port, client_port = (_closed_port().rpartition(":")[2] for _ in range(2))
    head = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", f"--port={port}", "--num-cpus=2", "--block"]
    head += ["--include-dashboard=false", f"--ray-client-server-port={client_port}"]
    code = (
        "from edgefrac.workers.ray_data import RayData; from tests.workers.jobs import Doubling\n"
        f"print(len(dict(RayData('127.0.0.1:{port}').run(Doubling(), list(range(70))))))"
    )
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    def driven(token: str) -> subprocess.CompletedProcess[str]:
        given = {**environment, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
        return subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=False)

    token = secrets.token_hex(32)
    with (
        _listening() as (address, asked),
        _short_folder() as folder,
    ):
        head.append(f"--temp-dir={folder}")
        # "ray start" tells that statistics are off, even when they are: to this address, and it shows that it listens
        environment["RAY_USAGE_STATS_REPORT_URL"] = f"http://{address}/usage"
        started = {**environment, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
        with subprocess.Popen(
            head, env=started, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as cluster:
            try:
                assert cluster.stdout
                assert any("Ray runtime started" in line for line in cluster.stdout)
                done, refused = driven(token), driven(secrets.token_hex(32))
            finally:
                cluster.terminate()
                cluster.wait(60)  # it takes its time
    assert done.stdout == "70\n", done.stderr
    assert "no cluster takes it (AuthenticationError" in refused.stderr
    assert asked == ["/usage"]
