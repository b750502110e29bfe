"""Bodies that are too large, too slow, too many or not what they seem are refused, and the server goes on."""

from __future__ import annotations

import contextlib
import gzip
import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.imaging.files import dataset, dicom, noise, png, save
from tests.serve import impatient
from tests.serve.running import Server, as_files, children, radiograph, wait_until

MIB = 1 << 20


@pytest.fixture(scope="module")
def hasty(tiny_tflite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with little patience."""
    server = Server("tests.serve.impatient", tiny_tflite, tmp_path_factory.mktemp("hasty"))
    try:
        assert server.address
        yield server
    finally:
        server.end()


@contextlib.contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        yield connection


def head(*lines: str, server: Server, token: str = "") -> bytes:
    own = ["POST /v1/predict HTTP/1.1", f"Host: 127.0.0.1:{server.port}", *lines]
    if token:
        own.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*own, "", ""]).encode()


def status(connection: socket.socket) -> int:
    """Of the answer; 0 where the connection ends without one."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while b"\r\n" not in found and (part := connection.recv(4096)):
            found += part
    return int(found.split()[1]) if found else 0


def peak_memory(pid: int) -> int:
    """Bytes of memory that a process has had at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) << 10


def alive(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token}"} if "access token" in server.output else {}
    with server.client(headers=headers) as client:
        assert client.post("/v1/predict", content=radiograph()).status_code == 200


def test_a_body_that_says_it_is_too_large_is_refused_unread(guarded: Server) -> None:
    with connected(guarded) as connection:
        connection.sendall(head(f"Content-Length: {1 << 40}", server=guarded, token=guarded.token))
        assert status(connection) == 413
    alive(guarded)


@pytest.mark.parametrize("megabytes", [64, pytest.param(2048, marks=pytest.mark.slow)])
def test_a_body_without_end_is_refused_while_it_is_received(guarded: Server, megabytes: int) -> None:
    alive(guarded)
    before = peak_memory(guarded.process.pid)
    part = f"{MIB:x}\r\n".encode() + bytes(MIB) + b"\r\n"
    with connected(guarded) as connection:
        connection.sendall(head("Transfer-Encoding: chunked", server=guarded, token=guarded.token))
        with contextlib.suppress(ConnectionError):
            for _ in range(megabytes):
                connection.sendall(part)
            connection.sendall(b"0\r\n\r\n")
        assert status(connection) == 413
    assert peak_memory(guarded.process.pid) - before < 16 * MIB
    alive(guarded)


def test_a_multipart_body_without_end_is_refused_too(guarded: Server) -> None:
    with guarded.client(headers={"Authorization": f"Bearer {guarded.token}"}) as client:
        answer = client.post("/v1/worklist", files=as_files([("a", bytes(600_000)), ("b", bytes(600_000))]))
        assert answer.status_code == 413 and "1 MiB" in answer.json()["error"]


@pytest.mark.parametrize(
    "lie", [["Content-Length: 5", "Content-Length: 9"], ["Content-Length: -1"], ["Content-Length: x"]]
)
def test_an_impossible_length_is_malformed(guarded: Server, lie: list[str]) -> None:
    with connected(guarded) as connection:
        connection.sendall(head(*lie, server=guarded, token=guarded.token) + b"12345")
        assert status(connection) == 400


def test_a_body_that_is_longer_than_it_says_is_no_second_request(guarded: Server) -> None:
    with connected(guarded) as connection:
        connection.sendall(head("Content-Length: 5", server=guarded, token=guarded.token) + b"12345" + bytes(1000))
        assert status(connection) in (400, 422)
    alive(guarded)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip"])
def test_compressed_bodies_are_not_taken(client: httpx.Client, encoding: str) -> None:
    bomb = gzip.compress(bytes(50 * MIB))
    answer = client.post("/v1/predict", content=bomb, headers={"Content-Encoding": encoding})
    assert answer.status_code == 415


def test_a_head_that_trickles_ends_the_connection(hasty: Server) -> None:
    started = time.monotonic()
    with connected(hasty) as connection, contextlib.suppress(ConnectionError):
        for byte in head(server=hasty)[:40]:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
            if time.monotonic() - started > 1.5 * impatient.SECONDS:
                break
        assert status(connection) == 0
    assert time.monotonic() - started < 4 * impatient.SECONDS


def test_a_second_head_that_trickles_does_too(hasty: Server) -> None:
    with connected(hasty) as connection:
        connection.sendall(f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{hasty.port}\r\n\r\n".encode())
        assert status(connection) == 200
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - started < 3 * impatient.SECONDS:
                connection.sendall(b"G")
                time.sleep(0.1)
        assert time.monotonic() - started < 2 * impatient.SECONDS


@pytest.mark.parametrize("pause", [0.1, 10.0], ids=["trickles", "stops"])
def test_a_body_that_is_slow_is_refused(hasty: Server, pause: float) -> None:
    started = time.monotonic()
    with connected(hasty) as connection:
        connection.sendall(head("Content-Length: 1000000", server=hasty) + b"12345")
        connection.settimeout(pause)
        while time.monotonic() - started < 5 * impatient.SECONDS:
            try:
                assert status(connection) == 408
                break
            except TimeoutError:
                connection.sendall(b"1")
        assert time.monotonic() - started < 3 * impatient.SECONDS
    with hasty.client() as client:
        wait_until(lambda: client.post("/v1/predict", content=radiograph()).status_code == 200)


@contextlib.contextmanager
def large_answer(server: Server) -> Iterator[socket.socket]:
    """A connection on which nine megabytes are on their way, more than a kernel takes off the server's hands."""
    image = png(np.zeros((3000, 3000), np.uint8), level=1)
    with server.client() as client:
        (received,) = client.post("/v1/worklist", content=image).raise_for_status().json()
        wait_until(lambda: client.get(f"/v1/worklist/{received['id']}/values").status_code in (200, 429))
        time.sleep(impatient.SECONDS)  # a client's rate is counted
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.connect(("127.0.0.1", server.port))
        ask = f"GET /v1/worklist/{received['id']}/values HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
        connection.sendall(ask.encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
        yield connection


def test_an_answer_that_nobody_takes_ends_the_connection(hasty: Server) -> None:
    with large_answer(hasty):
        before = socket_count(hasty)
        wait_until(lambda: socket_count(hasty) < before, 4 * impatient.SECONDS)


def test_an_answer_that_is_taken_slowly_arrives(hasty: Server) -> None:
    started, found = time.monotonic(), 0
    with large_answer(hasty) as connection:
        while found < 3000 * 3000 and (part := connection.recv(65536)):
            found += len(part)
            time.sleep(len(part) / 2_500_000)
    assert found >= 3000 * 3000 and time.monotonic() - started > 2.5 * impatient.SECONDS


def socket_count(server: Server) -> int:
    """Connections that a server has open."""
    found = 0
    for handle in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(handle.readlink()).startswith("socket:")
    return found


def test_all_bodies_together_are_limited(hasty: Server) -> None:
    time.sleep(impatient.SECONDS)  # a client's rate is counted
    with contextlib.ExitStack() as open_:
        waiting = [open_.enter_context(connected(hasty)) for _ in range(2)]
        for connection in waiting:
            connection.sendall(head(f"Content-Length: {2_500_000}", server=hasty) + bytes(2_400_000))
        assert sorted(map(status, waiting)) == [408, 503]


def test_a_client_that_asks_too_often_is_told_when_to_come_again(hasty: Server) -> None:
    with hasty.client() as client:
        answers = [client.get("/v1/model") for _ in range(80)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused and all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        assert client.get("/health").status_code == 200
    time.sleep(int(refused[-1].headers["Retry-After"]))
    with hasty.client() as client:  # this server ends a connection after a second of silence
        assert client.get("/v1/model").status_code == 200


def test_too_many_connections_are_refused(hasty: Server) -> None:
    time.sleep(impatient.SECONDS)
    with contextlib.ExitStack() as open_:
        found = []
        for _ in range(40):
            connection = open_.enter_context(connected(hasty))
            connection.sendall(f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{hasty.port}\r\n\r\n".encode())
            found.append(status(connection))
        assert found == sorted(found) and set(found) == {200, 503}
    with hasty.client() as client:
        wait_until(lambda: client.get("/health").status_code == 200)


def bombs() -> dict[str, bytes]:
    """Small files that claim to hold much, or do."""
    nibabel = pytest.importorskip("nibabel")
    volume = io.BytesIO()
    nibabel.Nifti1Image(np.zeros((9_000, 9_000), np.uint8), np.eye(4)).to_stream(volume)
    deflated = "1.2.840.10008.1.2.1.99"
    return {
        "png": png(noise(16, 16), height=80_000, width=80_000),
        "nifti": gzip.compress(volume.getvalue(), 1),
        "dicom": save(dataset(np.zeros((9_000, 9_000), np.uint8), syntax=deflated)),
        "rows": dicom(noise(16, 16), Rows=65_535, Columns=65_535),
    }


def test_bombs_are_refused(client: httpx.Client, room: Server) -> None:
    sent = bombs()
    rows = client.post("/v1/predict", files=as_files(list(sent.items()))).raise_for_status().json()
    assert {row["file"] for row in rows if "error" in row} == set(sent), rows
    assert client.post("/v1/predict", content=radiograph()).status_code == 200
    for reader in children(room.process.pid):
        assert peak_memory(reader) < 2500 * MIB


def malformed(count: int) -> list[tuple[str, bytes]]:
    """DICOM files of which bytes were changed, cut out or put in, at random."""
    random = np.random.default_rng(9)
    good = dicom(noise(32, 32, high=4096), PatientName="A^B", Modality="CR", WindowCenter=2000, WindowWidth=3000)
    found = []
    for number in range(count):
        data = bytearray(good)
        for _ in range(random.integers(1, 12)):
            at, kind = int(random.integers(128, len(good) - 2048)), random.integers(3)
            if kind == 0:
                data[at] = int(random.integers(256))
            elif kind == 1:
                del data[at : at + int(random.integers(1, 40))]
            else:
                data[at:at] = random.bytes(int(random.integers(1, 9)))
        found.append((f"{number}.dcm", bytes(data)))
    return found


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_malformed_dicom_is_refused_or_read(client: httpx.Client, room: Server, count: int) -> None:
    sent = malformed(count)
    rows = client.post("/v1/predict", files=as_files(sent), timeout=120).raise_for_status().json()
    assert [row["file"] for row in rows] == [name for name, _ in sent]
    refused = [row for row in rows if "error" in row]
    assert len(refused) > count // 4 and all("probability" in row for row in rows if row not in refused)
    assert client.post("/v1/predict", content=radiograph()).status_code == 200
