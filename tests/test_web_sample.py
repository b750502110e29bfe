"""The web sample, as far as its files alone tell: no constants of a model, pinned packages, a strict policy.

Its behaviour is tested in Node and Chromium (``npm run check``); this needs neither.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edgefrac.contract import NOT_A_MEDICAL_DEVICE
from edgefrac.imaging.heat import RAMP
from edgefrac.models.checkpoint import read_info
from edgefrac.prediction import REFERENCE_CHECKPOINT

SAMPLE = Path(__file__).parent.parent / "web-sample"
pytestmark = pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample is only in the repository")
SOURCES = sorted([*SAMPLE.glob("src/**/*.ts"), *SAMPLE.glob("src/**/*.css"), SAMPLE / "index.html"])


class _Page(HTMLParser):
    """Attributes of all elements of the page, by tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page() -> _Page:
    return _Page((SAMPLE / "index.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def package() -> dict[str, dict[str, str]]:
    return json.loads((SAMPLE / "package.json").read_text())


@pytest.fixture(scope="module")
def lock() -> dict[str, dict[str, dict[str, str]]]:
    return json.loads((SAMPLE / "package-lock.json").read_text())


def constants() -> dict[str, str]:
    """Patterns of what only a bundle may say."""
    info = read_info(REFERENCE_CHECKPOINT)
    found = {
        "an input size": rf"\b(224|320|384|{info.input_size})\b",
        "a normalisation": r"\b127\.5\b|\b0\.485\b|/ ?128\b",
        "a colour of the map": "|".join(rf"\b{r},\s*{g},\s*{b}\b" for r, g, b in RAMP),
    }
    for task in info.tasks:
        found[f"the threshold of {task.name}"] = re.escape(f"{task.threshold:.4f}"[1:])
        found[f"a label of {task.name}"] = "|".join(rf"""['"]{re.escape(label)}['"]""" for label in task.classes)
    return found


def test_sources_have_no_constant_of_a_model() -> None:
    assert len(SOURCES) > 30
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for name, pattern in constants().items():
            if name == "a label of fracture":  # the task's name, by which it is chosen, is also a label
                text = text.replace("name === 'fracture'", "")
            assert not (match := re.search(pattern, text)), f"{path.name}: {name}: {match}"


def test_the_search_for_constants_finds_them() -> None:
    line = "const [SIZE, RAMP, LABEL] = [320, [66, 10, 104], 'no fracture'];"
    assert sum(bool(re.search(pattern, line)) for pattern in constants().values()) == 3


def test_packages_are_pinned_and_checked(
    package: dict[str, dict[str, str]], lock: dict[str, dict[str, dict[str, str]]]
) -> None:
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert wanted["@litertjs/core"] == "2.5.3"
    for name, version in wanted.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    for name, entry in lock["packages"].items():
        assert not name or entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, f"{name}: names a registry"


def test_the_readme_names_every_package_with_its_licence(
    package: dict[str, dict[str, str]], lock: dict[str, dict[str, dict[str, str]]]
) -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    for name in {**package["dependencies"], **package["devDependencies"]}:
        licence = lock["packages"][f"node_modules/{name}"]["license"]
        assert re.search(rf"^\| `{re.escape(name)}` .*\| {re.escape(licence)} \|", readme, re.MULTILINE), name


def test_the_policy_lets_nothing_out(page: _Page) -> None:
    content = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in str(content).split(";"))
    assert rules["default-src"] == "'none'"
    for name, sources in rules.items():
        allowed = {"'self'", "'none'"}
        allowed |= {"script-src": {"'wasm-unsafe-eval'"}, "worker-src": {"blob:"}}.get(name, set())
        assert set(sources.split()) <= allowed, name
    for _, attributes in page.elements:
        for name in ("src", "href"):
            assert not str(attributes.get(name) or "").startswith(("http:", "https:", "//"))
        assert not any(name == "style" or name.startswith("on") for name in attributes)


def test_the_notice_is_there_before_any_script(page: _Page) -> None:
    assert NOT_A_MEDICAL_DEVICE in (SAMPLE / "index.html").read_text(encoding="utf-8")
    assert any(a.get("id") == "notice" and "hidden" not in a for _, a in page.elements)


def test_it_can_be_installed() -> None:
    manifest = json.loads((SAMPLE / "public" / "manifest.webmanifest").read_text())
    assert manifest["display"] == "standalone" and manifest["start_url"] == "./"
    for icon in manifest["icons"]:
        assert "<svg" in (SAMPLE / "public" / icon["src"]).read_text()


def test_assets_and_what_is_built_stay_out_of_the_repository() -> None:
    ignored = (SAMPLE / ".gitignore").read_text().split()
    assert {"node_modules/", "dist/", "build/", "public/edgefrac/"} <= set(ignored)
