"""The report in a real browser: it asks for nothing, complains of nothing, and fits a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgefrac.reporting.bench_page import write_report
from edgefrac.reporting.bench_report import BenchReport
from edgefrac.reporting.predictive_values import predictive_values, slider
from tests.browser import Page, chromium, page
from tests.reporting.report_example import report

pytestmark = pytest.mark.skipif(not chromium(), reason="no Chromium here: apt-get install chromium-headless-shell")


@pytest.fixture(scope="module")
def full() -> BenchReport:
    pytest.importorskip("matplotlib")
    return report()


@pytest.fixture(scope="module")
def path(full: BenchReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("report") / "report.html"
    write_report(full, written)
    return written


@pytest.fixture
def shown() -> Iterator[Page]:
    with page() as browser:
        yield browser


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "light"), (390, "dark")])
def test_it_is_quiet_and_never_wider_than_the_screen(path: Path, shown: Page, width: int, scheme: str) -> None:
    shown.size(width, 844, scheme)
    shown.open(path)
    assert shown.evaluate("document.querySelectorAll('svg').length") == 6
    assert [url for url in shown.requests if not url.startswith("data:")] == [path.as_uri()]
    assert shown.complaints == []
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    rights = "[...document.querySelectorAll('main > section > *')].map(e => e.getBoundingClientRect().right)"
    assert max(shown.evaluate(rights)) <= width


def test_a_page_that_fetches_and_fails_would_be_seen(tmp_path: Path, shown: Page) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text('<body style="width: 3000px"><img src="missing.png"><script>nothing()</script>')
    shown.size(390, 844)
    shown.open(bad)
    assert any("missing.png" in url for url in shown.requests)
    assert any("nothing is not defined" in text for text in shown.complaints)
    assert shown.evaluate("document.documentElement.scrollWidth") > 390


def test_the_slider_gives_what_python_computes(path: Path, full: BenchReport, shown: Page) -> None:
    assert full.figures is not None
    ratios = slider(full.figures)
    assert ratios is not None
    shown.open(path)
    move = "s = document.getElementById('chosen'); s.value = {}; s.dispatchEvent(new Event('input'))"
    said = set()
    for prevalence in (0.02, 0.3):
        shown.evaluate(move.format(100 * prevalence))
        ppv, npv = predictive_values(ratios, prevalence)
        for name, found in (("ppv", ppv), ("npv", npv)):
            value, low, high = (100 * (share or 0) for share in found)
            assert (
                shown.evaluate(f"document.getElementById('{name}').textContent")
                == f"{value:.1f} % ({low:.1f} to {high:.1f})"
            )
        said.add(shown.evaluate("document.getElementById('of-1000').textContent"))
    assert len(said) == 2 and shown.complaints == []


def test_it_prints_without_the_slider_and_nothing_is_cut_off(path: Path, shown: Page) -> None:
    shown.open(path)
    assert shown.printed().startswith(b"%PDF")
    shown.media("print")
    assert shown.evaluate("getComputedStyle(document.querySelector('.slider')).display") == "none"
    assert shown.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"


def test_text_stands_out_from_its_ground(path: Path, shown: Page) -> None:
    """WCAG 2.2 AA: a contrast of at least 4.5 for every run of text, on light and on dark screens."""
    for scheme in ("light", "dark"):
        shown.size(1280, 844, scheme)
        shown.open(path)
        worst = shown.evaluate(_CONTRAST)
        assert worst[0] >= 4.5, (scheme, worst)


_CONTRAST = """(() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const found = numbers(getComputedStyle(e).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  let worst = [99, ""];
  for (const e of document.querySelectorAll("body *:not(svg *)")) {
    const spoken = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!spoken || !e.getClientRects().length) continue;
    const [a, b] = [light(numbers(getComputedStyle(e).color)), light(ground(e))].sort((p, q) => q - p);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 120)];
  }
  return worst;
})()"""
