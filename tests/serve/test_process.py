"""``edgefrac serve`` as a process: how it starts, how it ends, and what it says when it cannot."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edgefrac.cli.main import main
from edgefrac.serve.state import State
from tests.serve.running import Server, all_done, radiograph, serving, wait_until


def test_it_ends_when_it_is_told_and_finishes_what_it_has_begun(tiny_tflite: Path, tmp_path: Path) -> None:
    with serving(tiny_tflite, tmp_path / "state", "--readers", "1") as server:
        with server.client() as client:
            client.post("/v1/worklist", content=radiograph()).raise_for_status()
            all_done(client)
            (reader,) = server.readers()
            # a caller waits for an answer while the server is told to end
            answers = []
            asked = threading.Thread(
                target=lambda: answers.append(client.post("/v1/predict", content=radiograph(), timeout=30))
            )
            stop(reader, signal.SIGSTOP)
            asked.start()
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            assert server.process.poll() is None
            stop(reader, signal.SIGCONT)
            asked.join(20)
        assert answers[0].status_code == 200
        assert server.process.wait(20) == 0
        assert "Traceback" not in server.output


def stop(pid: int, how: signal.Signals) -> None:
    subprocess.run(["kill", f"-{how.value}", str(pid)], check=True)


def test_its_log_has_a_line_for_each_request_and_image(tiny_tflite: Path, tmp_path: Path) -> None:
    with serving(tiny_tflite, tmp_path / "state", "--readers", "1") as server:
        with server.client() as client:
            (received,) = client.post("/v1/worklist?origin=page", content=radiograph()).json()
            all_done(client)
            client.get(f"/v1/worklist/{received['id']}?secret=1")
            client.get("/v1/worklist/nobody")
            client.request("BREW", "/coffee")
        server.end()
        for line in (
            r"POST /v1/worklist 202 [\d.]+ ms",
            rf"image {received['id']}: answered",
            r"GET /v1/worklist/\{id\} 200 [\d.]+ ms",
            r"GET /v1/worklist/\{id\} 422 [\d.]+ ms",
            r"other other 404 [\d.]+ ms",
        ):
            assert re.search(line, server.output), server.output
        assert not re.search("secret|nobody|coffee|BREW", server.output)


def test_a_port_that_is_taken_is_said(tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = ["--model", str(tiny_tflite), "--state", str(tmp_path / "state"), "--port", port]
        assert main(["serve", *options]) == 2
    assert f"127.0.0.1:{port}: cannot listen there (Address already in use)" in capsys.readouterr().err


def test_a_folder_that_is_taken_is_said(tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = State(tmp_path / "state")
    assert main(["serve", "--model", str(tiny_tflite), "--state", str(tmp_path / "state"), "--port", "0"]) == 2
    assert "another server uses this folder" in capsys.readouterr().err
    state.close()


@pytest.mark.parametrize(
    "options, cause",
    [
        (["--model", "{}/no.tflite"], "no such file"),
        (["--watch", "{}/nowhere"], "no such folder to watch"),
        (["--host", "no.such.host.invalid"], "cannot listen there"),
    ],
)
def test_what_cannot_be_is_said(
    options: list[str], cause: str, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--state", str(tmp_path / "state"), "--port", "0", *(option.format(tmp_path) for option in options)]
    if "--model" not in options:
        given += ["--model", str(tiny_tflite)]
    assert main(["serve", *given]) == 2
    assert cause in capsys.readouterr().err


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setattr("edgefrac.serve.check.find_spec", lambda name: None if name == "uvicorn" else object())
    assert main(["serve"]) == 3
    assert "pip install 'edgefrac[serve]'" in capsys.readouterr().err


def test_the_token_is_said_once_where_one_is_needed(guarded: Server) -> None:
    assert len(guarded.token) == 40 and guarded.output.count(guarded.token) == 1


def test_readiness_follows_the_readers(tiny_tflite: Path, tmp_path: Path) -> None:
    with (
        serving(tiny_tflite, tmp_path / "state", "--readers", "1", "--waiting", "2") as server,
        server.client() as client,
    ):
        assert client.get("/ready").status_code == 200
        (reader,) = server.readers()
        stop(reader, signal.SIGSTOP)
        found = [client.post("/v1/worklist", content=radiograph()).status_code for _ in range(8)]
        assert found == sorted(found) and set(found) == {202, 503}
        answer = client.get("/ready")
        assert answer.status_code == 503 and "Retry-After" in answer.headers
        assert client.get("/health").status_code == 200
        stop(reader, signal.SIGKILL)
        wait_until(lambda: client.get("/ready").status_code == 200)
        all_done(client)


def test_an_image_whose_client_went_away_is_not_read(guarded: Server) -> None:
    def read() -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("edgefrac_images_total"))

    def asked() -> socket.socket:
        image = radiograph()
        connection = socket.create_connection(("127.0.0.1", guarded.port), timeout=20)
        head = f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {guarded.token}\r\n"
        connection.sendall(f"{head}Content-Length: {len(image)}\r\n\r\n".encode() + image)
        return connection

    with guarded.client(headers={"Authorization": f"Bearer {guarded.token}"}) as client:
        before = read()
        (reader,) = guarded.readers()
        stop(reader, signal.SIGSTOP)
        with asked() as stays:
            time.sleep(0.2)
            asked().close()
            time.sleep(0.5)
            stop(reader, signal.SIGCONT)
            assert stays.recv(12) == b"HTTP/1.1 200"
        client.post("/v1/predict", content=radiograph()).raise_for_status()
        assert read() - before == 2


def test_a_body_that_breaks_off_is_a_line_in_the_log(guarded: Server) -> None:
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=20) as connection:
        head = f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {guarded.token}\r\n"
        connection.sendall(f"{head}Content-Length: 1000000\r\n\r\n12345".encode())
        time.sleep(0.2)
    wait_until(lambda: "POST /v1/predict 400 " in guarded.output)
    assert "Traceback" not in guarded.output and "internal error" not in guarded.output


def test_doctor_reads_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    from edgefrac.prediction import reference_model
    from edgefrac.serve.check import serving as check

    found = check(reference_model())
    assert (found.name, found.evidence_level) == ("reading room", "measured"), found.reason
