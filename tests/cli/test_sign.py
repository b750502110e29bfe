"""From a bundle to a signed one, and back through everything that can happen to it, on the command line."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cryptography")

from edgefrac.bundle import CERTIFICATE_PAGE, MODEL_CARD, SBOM, GoldenVector, expected, write_bundle
from edgefrac.bundle import condition as condition_module
from edgefrac.bundle.keys import PASSWORD
from edgefrac.cli.main import main
from edgefrac.digest import file_sha256
from edgefrac.imaging.preprocess import preprocess
from edgefrac.reporting.sbom import sbom
from edgefrac.runtimes.session import open_session
from tests import tflite_model
from tests.verification.examples import certificate

TODAY = datetime.now(UTC).date()
SOON = (TODAY + timedelta(days=1)).isoformat()


@pytest.fixture(scope="module")
def made(tiny_tflite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole bundle of a real file, with a certificate of it; not to be changed."""
    session = open_session(tiny_tflite)
    raster = np.random.default_rng(0).integers(0, 256, (40, 30)).astype(np.uint8)
    network_input = preprocess(raster, tflite_model.SIZE)
    answer = session.predict(network_input)
    wanted = expected(answer.probability, answer.evidence, probability_tolerance=1e-5, evidence_tolerance=1e-4)
    found = certificate(noise=0.0)
    about = {"file": tiny_tflite.name, "sha256": file_sha256(tiny_tflite), "bytes": tiny_tflite.stat().st_size}
    found = found.model_copy(update={"artefacts": (found.artefacts[0].model_copy(update=about),)})
    contracts = {tiny_tflite.name: session.contract}
    folder = tmp_path_factory.mktemp("made") / "bundle"
    write_bundle(
        folder,
        name="tiny",
        artefacts=[tiny_tflite],
        contracts=contracts,
        certificate=found.to_json(),
        texts={MODEL_CARD: "# tiny\n", CERTIFICATE_PAGE: "", SBOM: sbom(contracts, found, [tiny_tflite])},
        golden=[GoldenVector("one", raster, network_input, {tiny_tflite.name: wanted})],
    )
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it in the current folder, with a pair of keys in ``keys``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(PASSWORD, raising=False)
    shutil.copytree(made, "bundle")
    assert main(["sign", "--new-key", "keys"]) == 0
    return Path("bundle")


def verified(capsys: pytest.CaptureFixture[str], *words: str, status: int) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["verify", "bundle", *words, "--json"]) == status
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] == (status == 0)
    return dict(document["bundle"])


KEY = ("--public-key", "keys/public.pem")


def test_the_whole_way(bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert verified(capsys, status=0)["state"] == "unsigned"
    assert verified(capsys, *KEY, status=1)["state"] == "unsigned"
    assert main(["sign", "bundle", "--key", "keys/private.pem", "--valid-until", SOON, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = verified(capsys, *KEY, status=0)
    assert (found["state"], found["signed_by"], found["valid_until"]) == ("signed", said["signed_by"], SOON)
    assert verified(capsys, status=0)["state"] == "signature-unchecked"

    assert main(["sign", "--new-key", "others"]) == 0
    assert verified(capsys, "--public-key", "others/public.pem", status=1)["state"] == "other-key"

    model = bundle / "tiny.tflite"
    whole = model.read_bytes()
    model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert verified(capsys, *KEY, status=1)["state"] == "corrupt"
    manifest = json.loads((bundle / "bundle.json").read_bytes())
    for entry in manifest["files"]:
        entry["sha256"] = file_sha256(bundle / entry["path"])
    fitting = json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n"
    before = (bundle / "bundle.json").read_text()
    (bundle / "bundle.json").write_text(fitting)
    assert verified(capsys, *KEY, status=1)["state"] == "tampered"
    assert verified(capsys, status=1)["state"] == "tampered"
    model.write_bytes(whole)
    (bundle / "bundle.json").write_text(before)
    assert verified(capsys, *KEY, status=0)["state"] == "signed"

    in_two_days(monkeypatch)
    found = verified(capsys, *KEY, status=1)
    assert found["state"] == "expired" and found["signed_by"] == said["signed_by"]


def in_two_days(monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(days=2)

    monkeypatch.setattr(condition_module, "datetime", Later)


def test_people_read_the_state_first_and_what_to_do_next(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle / "tiny.tflite").unlink()
    assert main(["verify", "bundle"]) == 1
    state, next_step, check = capsys.readouterr().out.splitlines()[-3:]
    assert state == "corrupt: tiny.tflite: missing" and next_step == "next: get or export the bundle again"
    assert check.split() == ["failed", "checksums", "tiny.tflite:", "missing"]


def test_no_runtime_sees_a_file_of_a_bundle_that_is_not_as_signed(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["sign", "bundle", "--key", "keys/private.pem"]) == 0
    assert main(["sign", "--new-key", "others"]) == 0
    monkeypatch.setattr("edgefrac.pipeline.verify.open_session", lambda *_: pytest.fail("opened"))
    assert verified(capsys, "--public-key", "others/public.pem", status=1)["state"] == "other-key"
    (bundle / "tiny.tflite").write_bytes(b"")
    assert verified(capsys, *KEY, status=1)["state"] == "corrupt"


def test_on_another_device_the_signature_is_asked_for_too(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle / "tiny.tflite").write_bytes(b"")
    assert verified(capsys, *KEY, "--device", "npu", status=1)["state"] == "corrupt"


def test_predict_says_that_a_bundle_has_expired_and_answers(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["sign", "bundle", "--key", "keys/private.pem", "--valid-until", SOON]) == 0
    Image.fromarray(np.zeros((20, 20), np.uint8)).save("a.png")
    words = ["predict", "a.png", "--model", "bundle", "--json"]
    capsys.readouterr()
    assert main(words) == 0
    printed = capsys.readouterr()
    assert "expired" not in json.loads(printed.out)[0] and "caution" not in printed.err
    in_two_days(monkeypatch)
    assert main(words) == 0
    printed = capsys.readouterr()
    row = json.loads(printed.out)[0]
    assert row["expired"] == SOON and "probability" in row
    assert f"caution: bundle was valid until {SOON}" in printed.err
    assert main(["predict", "a.png", "--model", "bundle", "--out", "answers", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["expired"] == SOON
    assert main(["bundle", "bundle", "--app", "app"]) == 2
    assert "was valid until" in capsys.readouterr().err


def test_a_reading_room_says_so_too(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi")
    from edgefrac.serve import served_model as module

    assert main(["sign", "bundle", "--key", "keys/private.pem", "--valid-until", SOON]) == 0
    served = module.served_model(bundle)
    assert served.valid_until is not None and served.valid_until.isoformat() == SOON and not served.expired
    monkeypatch.setattr(module, "datetime", type("Later", (), {"now": lambda tz: datetime.now(tz) + timedelta(2)}))
    assert served.expired


def test_a_changed_model_is_refused_by_all_that_use_it(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle / "tiny.tflite").write_bytes((bundle / "tiny.tflite").read_bytes() + b"\0")
    Image.fromarray(np.zeros((20, 20), np.uint8)).save("a.png")
    for words in (["predict", "a.png", "--model", "bundle"], ["bench", "bundle"], ["bundle", "bundle", "--app", "app"]):
        assert main(words) == 2
        assert "tiny.tflite: changed" in capsys.readouterr().err


def test_inspect_shows_state_and_what_it_is_made_of(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["inspect", "bundle", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["state"] == "unsigned" and report["made_of"]["format"] == "CycloneDX 1.6"
    assert report["made_of"]["data"] == ["; ".join(tflite_model.contract().training_data.names)]


def test_an_encrypted_key(bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "correct horse")
    assert main(["sign", "--new-key", "locked", "--json"]) == 0
    assert "fingerprint" in json.loads(capsys.readouterr().out)
    assert main(["sign", "bundle", "--key", "locked/private.pem"]) == 0
    monkeypatch.delenv(PASSWORD)
    assert main(["sign", "bundle", "--key", "locked/private.pem"]) == 2
    printed = capsys.readouterr()
    assert "no password" in printed.err and "horse" not in printed.err + printed.out


@pytest.mark.parametrize(
    "words",
    [
        ["sign"],
        ["sign", "bundle"],
        ["sign", "--key", "keys/private.pem"],
        ["sign", "bundle", "--key", "keys/private.pem", "--new-key", "more"],
        ["sign", "bundle", "--key", "keys/public.pem"],
        ["sign", "bundle", "--key", "absent.pem"],
        ["sign", "bundle", "--key", "keys/private.pem", "--valid-until", "2001-01-01"],
        ["sign", "bundle", "--key", "keys/private.pem", "--valid-until", "tomorrow"],
        ["sign", "--new-key", "keys"],
        ["verify", "bundle", "--public-key", "keys/private.pem"],
        ["verify", "bundle/tiny.tflite", "--public-key", "keys/public.pem"],
    ],
)
def test_wrong_usage(bundle: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_without_cryptography_the_extra_is_named(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives", None)
    assert main(["verify", "bundle", *KEY]) == 3
    assert "pip install 'edgefrac[sign]'" in capsys.readouterr().err
    assert main(["verify", "bundle"]) == 0
