"""What the page says and does: its list, its answers, files from the reader, keys, narrow screens, tokens, secrets."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from edgefrac.contract import NOT_A_MEDICAL_DEVICE
from edgefrac.explanation import IN_WORDS
from tests import browser
from tests.serve.page.conftest import HEIGHT, PATIENT, WIDTH, Reading
from tests.serve.running import Server, radiograph

MARKS = {"localised": "▲", "diffuse": "▲", "photo": "?", "broken": "✕"}


def row(reading: Reading, name: str) -> str:
    return reading.text(f"#row-{reading.id(name)}")


@pytest.mark.parametrize("name", MARKS)
def test_the_list_tells_states_apart_without_colour(reading: Reading, name: str) -> None:
    said = row(reading, name)
    assert said.startswith(MARKS[name]) and reading.files[name].name in said
    if name in ("localised", "diffuse"):
        assert f"Fracture, {reading.answers[name]['probability']:.3f}" in said
        assert ("diffuse" in said.split(".png")[1]) == (name == "diffuse")


@pytest.mark.parametrize("name", ["localised", "diffuse"])
def test_an_answer_says_what_explain_says(reading: Reading, name: str) -> None:
    reading.choose(name)
    answer, said = reading.answers[name], reading.text("#answer")
    assert reading.text("#verdict").endswith("Fracture")
    assert f"{answer['probability']:.3f} probability, at or above the threshold {answer['threshold']:.3f}" in said
    assert "Log-odds " + f"{answer['log_odds']:+.2f}".replace("-", "−") in said
    for region in answer["regions"]:
        assert f"{region['share']:.0%}".replace("%", " %") in reading.text("#regions")
    assert reading.page.evaluate("document.querySelectorAll('#regions li').length") == len(answer["regions"])
    if name == "diffuse":
        assert IN_WORDS["diffuse"] in reading.text("#finding.caution").replace("No place", "no place")


def test_the_page_has_the_words_of_explain() -> None:
    page = Path(__file__).parents[3] / "edgefrac" / "serve" / "page"
    answers = (page / "answer.js").read_text(encoding="utf-8")
    assert all(f"'{words}'" in answers for words in IN_WORDS.values())


def test_a_foreign_image_has_no_answer_unless_it_is_asked_for(reading: Reading) -> None:
    reading.choose("photo")
    said = reading.text("#answer")
    assert "No answer" in said and "it is a colour image" in said and "probability" not in said
    plain = reading.canvas()
    assert (plain[..., 0] == plain[..., 1]).all()
    reading.page.click("#anyway")
    said = reading.text("#answer")
    assert "Do not rely on this answer" in said
    assert f"{reading.answers['photo']['probability']:.3f} probability" in said


def test_a_file_that_is_no_image_says_why(reading: Reading) -> None:
    reading.choose("broken")
    said = reading.text("#answer")
    assert "Unreadable" in said and "damaged or truncated PNG file" in said


def test_files_can_be_dropped_and_a_known_one_is_said_to_be(reading: Reading, tmp_path: Path) -> None:
    new, known = tmp_path / f"{PATIENT} dropped.png", reading.files["diffuse"]
    new.write_bytes(radiograph(77, side=64))
    before = reading.page.evaluate("document.querySelectorAll('#list li').length")
    reading.page.drop_files(700, 400, [new, known])
    reading.page.wait_for(f"document.querySelectorAll('#list li').length === {before + 1}")
    reading.page.wait_for("document.getElementById('uploads').innerText.includes('is in the work list already')")
    assert new.name in reading.text("#list li:first-child")
    assert known.name in row(reading, "diffuse")
    # and taken out again, which is asked twice
    reading.page.wait_for("!document.querySelector('#list li.waiting')")
    reading.page.evaluate("document.querySelector('#list li').click()")
    reading.page.wait_for("document.getElementById('viewer').getAttribute('aria-busy') === 'false'")
    reading.page.click("#remove")
    assert "Really" in reading.text("#remove")
    reading.page.click("#remove")
    reading.page.wait_for(f"document.querySelectorAll('#list li').length === {before}")


def test_keys_walk_the_list_and_switch(reading: Reading) -> None:
    ids = reading.page.evaluate("[...document.querySelectorAll('#list li')].map((row) => row.dataset.id)")
    reading.page.evaluate(f"document.getElementById('row-{ids[1]}').click()")
    chosen = "document.querySelector('[aria-selected=true]').dataset.id"
    reading.page.press("ArrowDown")
    assert reading.page.evaluate(chosen) == ids[2]
    for _ in range(3):
        reading.page.press("ArrowUp")
    assert reading.page.evaluate(chosen) == ids[0]
    reading.choose("localised")
    reading.page.press("h")
    assert reading.page.evaluate("document.getElementById('heat').checked") is False
    level = reading.text("#level-value")
    reading.page.press("ArrowDown", shift=True)
    assert reading.text("#level-value") != level
    reading.page.press("r")
    assert reading.text("#level-value") == level
    reading.page.press("?")
    assert reading.page.evaluate("document.getElementById('help').open")
    reading.page.evaluate("document.getElementById('help').close()")


def test_everything_has_a_name_for_those_who_do_not_see_it(reading: Reading) -> None:
    reading.choose("localised")
    nameless = reading.page.evaluate(
        """[...document.querySelectorAll('button, a, input, select, canvas[role]')].filter((element) =>
        !(element.textContent.trim() || element.getAttribute('aria-label') || element.labels?.length)).length"""
    )
    assert nameless == 0
    assert "1 framed region" in reading.page.evaluate("document.getElementById('canvas').getAttribute('aria-label')")


@pytest.mark.parametrize("width", [320, 390, 768])
@pytest.mark.parametrize("name", ["localised", "photo", "broken"])
def test_a_narrow_screen_shows_all_of_it(reading: Reading, width: int, name: str) -> None:
    reading.page.size(width, 844, "dark")
    try:
        reading.choose(name)
        assert reading.page.evaluate("document.documentElement.scrollWidth") == width
        assert NOT_A_MEDICAL_DEVICE in reading.text("#notice")
        beyond = reading.page.evaluate(
            "[...document.querySelectorAll('main *')].filter((e) => e.checkVisibility() && !e.closest('.unseen, #drop')"
            f" && e.getBoundingClientRect().right > {width} + 1).map((e) => e.outerHTML.slice(0, 80))"
        )
        assert beyond == []
    finally:
        reading.page.size(WIDTH, HEIGHT, "dark")


def test_a_delivery_that_failed_is_seen_and_tried_again(reading: Reading, tmp_path: Path) -> None:
    (database,) = {Path(path) for path in _open_files(reading.server.process.pid) if path.endswith("worklist.sqlite")}
    id_ = reading.id("localised")
    with sqlite3.connect(database, timeout=10) as db:
        db.execute(
            "INSERT INTO deliveries (image, destination, state, attempts, due, error) VALUES (?, ?, ?, ?, ?, ?)",
            (id_, "PACS", "failed", 7, 0.0, "the destination refused the association"),
        )
    reading.choose("broken")
    reading.choose("localised")
    reading.page.wait_for("document.getElementById('deliveries')")
    said = reading.text("#deliveries")
    assert "PACS" in said and "✕ not delivered" in said and "refused the association" in said
    reading.page.click("#deliver-again")
    reading.page.wait_for("document.getElementById('deliveries').innerText.includes('on its way')")
    reading.page.wait_for("document.getElementById('counts').innerText.includes('1 to deliver')")


def _open_files(pid: int) -> Iterator[str]:
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        yield str(handle.readlink()) if handle.exists() else ""


def test_names_of_files_stay_in_the_browser(reading: Reading) -> None:
    reading.page.open(reading.server.address)
    reading.page.wait_for("document.querySelectorAll('#list li').length")
    assert PATIENT in reading.text("#list")
    (database,) = {Path(path) for path in _open_files(reading.server.process.pid) if path.endswith("worklist.sqlite")}
    stored = b"".join(path.read_bytes() for path in database.parent.rglob("*") if path.is_file())
    for secret in (PATIENT, "Müller", "1961-02-03"):
        assert secret.encode() not in stored
        assert secret not in reading.server.output
        assert not [url for url in reading.page.requests if secret in url]


def test_the_report_is_one_page_that_fetches_nothing(reading: Reading) -> None:
    with browser.page() as page, reading.server.client() as client:
        address = f"{reading.server.address}/v1/worklist/{reading.id('localised')}/report.html"
        page.size(1000, 1200)
        page.open(address)
        answer = reading.answers["localised"]
        said = page.evaluate("document.body.innerText")
        assert f"probability {answer['probability']:.3f}, at or above the threshold {answer['threshold']:.3f}" in said
        assert NOT_A_MEDICAL_DEVICE in said and PATIENT not in client.get(address).text
        assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 300)")
        assert page.printed().count(b"/Type /Page\n") == 1
        assert not page.complaints
        assert {url for url in page.requests if not url.startswith("data:")} == {address}


def test_nothing_leaves_the_origin_and_nothing_complains(reading: Reading) -> None:
    origin = urlsplit(reading.server.address).netloc
    away = [
        url
        for url in reading.page.requests
        if urlsplit(url).netloc != origin and not url.startswith(("blob:", "data:"))
    ]
    assert away == ["about:blank"] or not away
    assert reading.page.complaints == []


def test_a_server_with_a_token_asks_for_it_once(guarded: Server, tmp_path: Path) -> None:
    if not browser.chromium():
        pytest.skip("no Chromium here")
    image = tmp_path / "image.png"
    image.write_bytes(radiograph(78, side=64))
    with browser.page() as page:
        page.size(1200, 800, "dark")
        page.open(guarded.address)
        page.wait_for("document.getElementById('login')?.open")
        for token, outcome in (
            ("wrong", "!document.getElementById('login-error').hidden"),
            (guarded.token, "!login.open"),
        ):
            page.evaluate("document.getElementById('token').value = ''; document.getElementById('token').focus()")
            page.type(token)
            page.click("#login-form button")
            page.wait_for(outcome)
        page.wait_for("document.getElementById('model-line').textContent")
        page.choose_files("#files", [image])
        page.wait_for("document.querySelector('#list li:not(.waiting)')")
        page.open(guarded.address)
        page.wait_for("!document.getElementById('logout').hidden")
        kept = page.evaluate("JSON.stringify([document.cookie, {...sessionStorage}, {...localStorage}])")
        assert guarded.token not in kept
        page.click("#logout")
        page.wait_for("document.getElementById('login')?.open")
        assert page.evaluate("document.querySelectorAll('#list li').length") == 0
        expected = [complaint for complaint in page.complaints if "401" not in complaint]
        assert expected == []


def test_the_page_is_static_and_asks_for_nothing_from_elsewhere() -> None:
    folder = Path(__file__).parents[3] / "edgefrac" / "serve" / "page"
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        text = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//cdn|eval\(|innerHTML|document\.write", text), path.name
        assert not re.search(r"<script(?! type=\"module\" src=)|<style| style=\"| on[a-z]+=\"", text), path.name
    assert json.dumps(NOT_A_MEDICAL_DEVICE)[1:-1] in (folder / "index.html").read_text(encoding="utf-8")
