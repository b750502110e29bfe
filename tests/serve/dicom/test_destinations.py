"""What people write as destinations and sources, and where credentials may be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgefrac.errors import UsageError
from edgefrac.serve.dicom.destinations import (
    CREDENTIALS,
    Bearer,
    DicomDestination,
    WebDestination,
    parse_destination,
    parse_source,
)
from edgefrac.serve.dicom.pull import first_part


def test_dicom() -> None:
    found = parse_destination("dicom://MAIN%20PACS@pacs.example:11112")
    assert found == DicomDestination("dicom://MAIN%20PACS@pacs.example:11112", "MAIN PACS", "pacs.example", 11112)
    assert parse_destination("dicom://A@[::1]") == DicomDestination("dicom://A@[::1]", "A", "::1", 104)


def test_web() -> None:
    found = parse_destination("https://pacs.example:8443/dicom-web/")
    assert found == WebDestination("https://pacs.example:8443/dicom-web/", "https://pacs.example:8443/dicom-web")
    source = parse_source("https://pacs.example/dicom-web?Modality=DX&StudyDate=20260101-")
    assert source.filters == (("Modality", "DX"), ("StudyDate", "20260101-"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pacs",
        "dicom://pacs.example:104",  # no AE title
        "dicom://A:B@pacs.example:104",
        "dicom://A@pacs.example:port",
        "dicom://A@pacs.example:99999",
        "dicom://A@pacs.example/path",
        "dicom://ABCDEFGHIJKLMNOPQ@pacs.example",
        "dicom://A%5CB@pacs.example",
        "dicom://%20@pacs.example",
        "dicom://A@",
        "https://",
        "https://pacs.example/dicom-web?Modality=DX",
        "https://pacs.example/#x",
        "ftp://pacs.example",
        "http://[broken",
    ],
)
def test_what_is_no_destination(text: str) -> None:
    with pytest.raises(UsageError):
        parse_destination(text)


def test_secrets_in_a_url_are_refused_and_not_repeated() -> None:
    for text in ("https://user:ZQSECRET@pacs.example/dicom-web", "dicom://A:ZQSECRET@pacs.example"):
        with pytest.raises(UsageError) as caught:
            parse_destination(text)
        assert "ZQ" not in caught.value.message + caught.value.hint
        assert "credentials do not belong in a URL" in caught.value.message


def test_images_are_not_fetched_by_dicom() -> None:
    with pytest.raises(UsageError, match="by DICOMweb only"):
        parse_source("dicom://A@pacs.example")


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "credentials.json"
    file.touch(0o600)
    file.write_text(json.dumps({"pacs.example:8443": {"bearer": "ZQTOKEN"}}))
    monkeypatch.setenv(CREDENTIALS, str(file))
    return file


def test_credentials_are_for_their_host_and_port(credentials: Path) -> None:
    found = parse_destination("https://pacs.example:8443/dicom-web")
    assert isinstance(found, WebDestination)
    assert isinstance(found.credentials, Bearer)
    assert "ZQTOKEN" not in repr(found) + repr(found.credentials) + str(found.credentials)
    for other in ("https://pacs.example/dicom-web", "https://evil.example:8443/dicom-web"):
        strange = parse_destination(other)
        assert isinstance(strange, WebDestination)
        assert strange.credentials is None


def test_credentials_go_by_https_only(credentials: Path) -> None:
    with pytest.raises(UsageError, match="by https only"):
        parse_destination("http://pacs.example:8443/dicom-web")


def test_credentials_that_others_may_read(credentials: Path) -> None:
    credentials.chmod(0o644)
    with pytest.raises(UsageError, match="others may read"):
        parse_destination("https://pacs.example:8443/dicom-web")


@pytest.mark.parametrize("text", ["", "[]", '{"a": {"token": "ZQ"}}', '{"a": {"user": "ZQ"}}', '{"a": "ZQ"}'])
def test_credentials_of_another_form(text: str, credentials: Path) -> None:
    credentials.write_text(text)
    with pytest.raises(UsageError) as caught:
        parse_destination("https://pacs.example:8443/dicom-web")
    assert "ZQ" not in caught.value.message
    credentials.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        parse_destination("https://pacs.example:8443/dicom-web")


def test_parts_of_an_answer() -> None:
    kind = 'multipart/related; type="application/dicom"; boundary="a b"'
    body = b"\r\n--a b\r\nContent-Type: application/dicom\r\n\r\nPIXELS\r\n--x\r\n\r\n--a b--"
    assert first_part(body, kind) == b"PIXELS\r\n--x\r\n"
    assert first_part(b"--q\r\n\r\nA\r\n--q\r\n\r\nB\r\n--q--", "multipart/related; boundary=q") == b"A"
    assert first_part(b"DICM", "application/dicom") == b"DICM"
    for damaged, said in ((body, "multipart/related"), (b"", kind), (b"--a b\r\n\r\nno end", kind), (body, kind[:-6])):
        assert first_part(damaged, said) is None
