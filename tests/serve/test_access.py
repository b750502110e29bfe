"""Who is let in: with the token, and without one only requests that a page from elsewhere cannot have sent."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from edgefrac.serve.running import Wanted, settings_of
from edgefrac.serve.server import is_loopback
from edgefrac.serve.state import State
from tests.serve.running import Server, radiograph

GUARDED = ["/v1/model", "/v1/worklist", "/metrics", "/openapi.json", "/v1/certificate", "/v1/nothing"]
OPEN = ["/health", "/ready", "/", "/static/index.html"]


def test_without_the_token_nothing_is_told(guarded: Server) -> None:
    with guarded.client() as client:
        for path in GUARDED:
            answer = client.get(path)
            assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.json()["hint"]
        assert client.post("/v1/worklist", content=radiograph()).status_code == 401
        assert {client.get(path).status_code for path in OPEN} == {200}


@pytest.mark.parametrize("shown", ["Bearer wrong", "Bearer", "Basic {}", "{}", "Bearer é"])
def test_a_wrong_token_is_refused(guarded: Server, shown: str) -> None:
    headers = {"Authorization": shown.format(guarded.token).encode()}
    with guarded.client() as client:
        assert client.get("/v1/model", headers=headers).status_code == 401


def test_the_token_opens(guarded: Server) -> None:
    with guarded.client(headers={"Authorization": f"Bearer {guarded.token}"}) as client:
        assert client.get("/v1/model").status_code == 200
        assert client.post("/v1/predict", content=radiograph()).status_code == 200


def test_a_page_logs_in_and_out(guarded: Server) -> None:
    with guarded.client() as client:
        assert client.post("/login", json={"token": "wrong"}).status_code == 401
        assert not client.cookies
        answer = client.post("/login", json={"token": guarded.token})
        assert answer.status_code == 204
        cookie = answer.headers["Set-Cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and guarded.token not in cookie
        assert client.get("/v1/model").status_code == 200
        client.post("/logout")
        assert client.get("/v1/model").status_code == 401


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"token": 3}', b"[" * 3000, b"\xff"])
def test_a_malformed_login_is_an_error(guarded: Server, body: bytes) -> None:
    with guarded.client() as client:
        assert client.post("/login", content=body).status_code == 422


def test_a_login_is_small(guarded: Server) -> None:
    with guarded.client() as client:
        assert client.post("/login", content=b" " * 5000).status_code == 413


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1:1", "http://[", ""])
def test_a_page_from_elsewhere_changes_nothing(client: httpx.Client, origin: str) -> None:
    for method, path in (("POST", "/v1/worklist"), ("POST", "/login"), ("DELETE", f"/v1/worklist/{'0' * 32}")):
        answer = client.request(method, path, content=radiograph(), headers={"Origin": origin})
        assert answer.status_code == 403


def test_a_browser_says_that_a_request_comes_from_elsewhere(client: httpx.Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/v1/predict", content=radiograph(), headers=headers).status_code == 403
    assert client.get("/", headers=headers).status_code == 200


def test_the_own_page_may(client: httpx.Client, room: Server) -> None:
    headers = {"Origin": room.address, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/predict", content=radiograph(), headers=headers).status_code == 200


@pytest.mark.parametrize("name", ["elsewhere.example", "127.0.0.1.example:80", "[", "0.0.0.0", "localhost.example"])
def test_a_name_that_was_rebound_is_refused(client: httpx.Client, name: str) -> None:
    assert client.get("/v1/worklist", headers={"Host": name}).status_code == 403


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:8000", "[::1]:8000", "127.0.0.1:9", "localhost."])
def test_own_names_are_not(client: httpx.Client, name: str) -> None:
    assert client.get("/v1/worklist", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize(
    "host, own",
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("clinic.example", False)],
)
def test_only_this_machine_needs_no_token(host: str, own: bool, tmp_path: Path) -> None:
    assert is_loopback(host) is own
    state = State(tmp_path)
    wanted = Wanted(host=host)
    assert (settings_of(wanted, state).token is None) is own
    assert settings_of(wanted, state).token in (None, state.token())
    state.close()


def test_a_token_lasts_as_long_as_its_folder(tmp_path: Path) -> None:
    tokens = []
    for folder in ("a", "a", "b"):
        state = State(tmp_path / folder)
        tokens.append(state.token())
        state.close()
    assert tokens[0] == tokens[1] != tokens[2] and len(tokens[0]) == 40
