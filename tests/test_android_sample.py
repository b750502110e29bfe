"""The Android sample: what can be told from its sources, and its own check where Java, npm and Debian's jars are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from edgefrac.cli.main import main

REPOSITORY = Path(__file__).parent.parent
SAMPLE = REPOSITORY / "android-sample"
MAIN = SAMPLE / "app" / "src" / "main"
ANDROID = "{http://schemas.android.com/apk/res/android}"
SOURCES = sorted([*(SAMPLE / "core" / "src" / "main").rglob("*.kt"), *(MAIN / "kotlin").rglob("*.kt")])
NEEDED = (
    "/usr/share/java/junit4.jar",
    "/usr/share/java/jna.jar",
    "/usr/share/android-framework-res/framework-res.apk",
)


def test_the_gradle_files_agree() -> None:
    ran = subprocess.run([sys.executable, SAMPLE / "check" / "catalog.py"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_an_alias_that_the_catalog_lacks_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "sample"
    shutil.copytree(SAMPLE, copy, ignore=shutil.ignore_patterns("src", "build", "assets"))
    build = copy / "app" / "build.gradle.kts"
    build.write_text(build.read_text(encoding="utf-8").replace("libs.litert.gpu", "libs.litert.npu"), encoding="utf-8")
    ran = subprocess.run([sys.executable, copy / "check" / "catalog.py"], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "libs.litert.npu is used" in ran.stdout
    assert "libs.litert.gpu is in the version catalog and not used" in ran.stdout


def test_nothing_can_leave_the_phone() -> None:
    manifest = ElementTree.parse(MAIN / "AndroidManifest.xml").getroot()
    assert not [node.tag for node in manifest.iter() if "permission" in node.tag]
    application = manifest.find("application")
    assert application is not None
    assert application.get(f"{ANDROID}allowBackup") == "false"
    rules = str(application.get(f"{ANDROID}dataExtractionRules")).removeprefix("@xml/")
    kinds = ElementTree.parse(MAIN / "res" / "xml" / f"{rules}.xml").getroot()
    assert {kind.tag for kind in kinds} == {"cloud-backup", "device-transfer"}
    for kind in kinds:
        excluded = {node.get("domain") for node in kind.iter("exclude")}
        assert excluded == {"root", "file", "sharedpref", "database", "external"}


def test_the_sources_know_no_size_label_threshold_or_colour_of_a_model() -> None:
    assert len(SOURCES) > 20
    of_a_model = re.compile(r"\b(?:192|224|240|256|288|300|320|380|384|512)\b|0\.0303|127\.5|no fracture|FracAtlas")
    of_the_algorithms = ("GREYS = 256", "LONGER_SIDE = 512.0", '"SHA-256"')
    for path in SOURCES:
        code = re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for known in of_the_algorithms:
            code = code.replace(known, "")
        assert not of_a_model.findall(code), path.name
    for name in ("LegendView.kt", "RadiographView.kt"):
        (path,) = (path for path in SOURCES if path.name == name)
        assert not re.search(r"0x[0-9a-fA-F]{6,8}|parseColor|Color\.rgb", path.read_text(encoding="utf-8"))


def test_the_core_has_no_dependency() -> None:
    for path in (SAMPLE / "core" / "src" / "main").rglob("*.kt"):
        imports = re.findall(r"^import (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert not [name for name in imports if not name.startswith(("java.", "kotlin."))], path.name


def test_every_dependency_is_explained() -> None:
    catalog = (SAMPLE / "gradle" / "libs.versions.toml").read_text(encoding="utf-8")
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    for module in re.findall(r'module = "([^"]+)"', catalog):
        assert module.split(":")[0] in readme
        assert module.split(":")[1] in readme


def test_no_assets_or_binaries_are_committed() -> None:
    if shutil.which("git") is None or not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "android-sample"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not [name for name in listed if name.endswith((".jar", ".tflite", ".png", ".apk", ".so"))]


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an app gets of the bundled reference."""
    if missing := [name for name in ("java", "npm") if shutil.which(name) is None]:
        pytest.skip(f"no {' and no '.join(missing)} here")
    if missing := [name for name in NEEDED if not Path(name).is_file()]:
        pytest.skip(f"no {missing[0]} here: apt-get install junit4 libjna-java android-framework-res")
    pytest.importorskip("litert_torch")
    folder = tmp_path_factory.mktemp("android")
    bundle, found = folder / "bundle", folder / "assets"
    assert main(["export", "--target", "tflite", "--precision", "fp32", "--out", str(bundle)]) == 0
    assert main(["bundle", str(bundle), "--app", str(found)]) == 0
    return found


def run_check(assets: Path) -> subprocess.CompletedProcess[str]:
    """The sample's own check, on phantoms."""
    command = ["bash", str(SAMPLE / "check" / "run"), str(assets)]
    environment = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_sample_checks_itself_without_a_phone(assets: Path) -> None:
    ran = run_check(assets)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"preprocess: 1200 rasters, \d+ bytes, 0 differ", ran.stdout)
    assert "overlay: 240 pictures, 0 pixels differ" in ran.stdout
    assert re.search(r"engine: 120 images, .* 0 decisions differ", ran.stdout)


@pytest.mark.slow
def test_one_golden_byte_fails_the_check(assets: Path, tmp_path: Path) -> None:
    broken = tmp_path / "assets"
    shutil.copytree(assets, broken)
    png = next((broken / "edgefrac" / "golden").glob("*.input.png"))
    data = bytearray(png.read_bytes())
    data[len(data) // 2] ^= 1
    png.write_bytes(data)
    ran = run_check(broken)
    assert ran.returncode == 1
    assert f"golden/{png.name} is not the file that was certified" in ran.stdout


@pytest.mark.slow
def test_a_golden_answer_that_the_model_does_not_give_fails_the_check(assets: Path, tmp_path: Path) -> None:
    broken = tmp_path / "assets"
    shutil.copytree(assets, broken)
    vectors = broken / "edgefrac" / "golden" / "vectors.json"
    document = json.loads(vectors.read_text(encoding="utf-8"))
    document["vectors"][0]["evidence"][0][0][0] += 3 * document["vectors"][0]["evidence_tolerance"]
    vectors.write_text(json.dumps(document), encoding="utf-8")
    reseal(broken / "edgefrac", "golden/vectors.json")
    ran = run_check(broken)
    assert ran.returncode == 1
    assert "theCpuReproducesTheGoldensAndIsChosen" in ran.stdout


def reseal(folder: Path, name: str) -> None:
    """Write a changed file's checksum into ``app.json``."""
    from edgefrac.digest import file_sha256

    app = json.loads((folder / "app.json").read_text(encoding="utf-8"))
    for entry in app["files"]:
        if entry["path"] == name:
            entry |= {"bytes": (folder / name).stat().st_size, "sha256": file_sha256(folder / name)}
    (folder / "app.json").write_text(json.dumps(app), encoding="utf-8")
