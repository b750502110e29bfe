"""The report says all that the document says, fetches nothing, and is the same each time."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from edgefrac.errors import OutputError, UsageError
from edgefrac.reporting.bench_page import bench_markdown, bench_page, write_report
from edgefrac.reporting.bench_report import BenchReport, Picture
from edgefrac.reporting.bench_rows import file_names
from tests.disk import full_disk
from tests.reporting.report_example import REASON, all_levels, document, parity, report, row, unavailable


@pytest.fixture(scope="module")
def page() -> str:
    pytest.importorskip("matplotlib")
    return bench_page(report())


def _cells(page: str) -> list[list[str]]:
    """The text of every row of every table."""
    lines = re.findall(r"<tr>(.*?)</tr>", page, flags=re.DOTALL)
    return [[re.sub(r"<[^>]+>", "", c).strip() for c in re.split(r"</t[hd]>", line)[:-1]] for line in lines]


def _assert_tables_are_whole(text: str) -> None:
    """Every line of a table in Markdown has as many cells as its head."""
    tables = [block for block in text.split("\n\n") if block.startswith("| ")]
    assert len(tables) > 5
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_every_row_is_there_with_its_level_and_its_figures(page: str) -> None:
    rows = _cells(page)
    assert ["tiny-fp32.tflite", "LiteRT", "1", "measured", "10.10 (9.90 to 10.40)", "4.70", "5.60"] in [
        line[:7] for line in rows
    ]
    measured = next(line for line in rows if line[:4] == ["tiny-int8.tflite", "LiteRT", "1", "measured"])
    assert measured[7:9] == ["0.420 (0.410 to 0.430)", "3.97"] and measured[10] == "passed"
    assert any(line[:5] == ["tiny-int8.tflite", "Ethos-U85", "1", "predicted", "12.70"] for line in rows)
    assert any(line[:5] == ["tiny-int8.tflite", "LiteRT GPU", "1", "emulated", "n/a1"] for line in rows)
    assert ["tiny-int8.tflite", "any", "1", "unavailable", REASON] in rows


def test_what_is_missing_says_why(page: str) -> None:
    assert page.count(">n/a<sup>") == page.split("<script>")[0].count("n/a") > 10
    notes = re.findall(r'<ol class="notes">(.*?)</ol>', page)
    assert any("emulated: the answers are the device&#39;s, the time is not" in note for note in notes)
    assert any("a compiler gives no spread" in note for note in notes)
    for table in re.findall(r"<table>.*?</table>(?:\s*</div>\s*<ol class=\"notes\">.*?</ol>)?", page, flags=re.DOTALL):
        numbers = {int(n) for n in re.findall(r"n/a<sup>(\d+)</sup>", table)}
        assert len(numbers) <= table.count("<li>") and max(numbers, default=0) <= table.count("<li>")
    assert not re.search(r">\s*[-–—]\s*<", page), "no dash in the place of a figure"


def test_parity_and_criteria_are_there(page: str) -> None:
    found = parity()
    rows = _cells(page)
    line = next(line for line in rows if line[:3] == ["tiny-int8.tflite", "GPU, LiteRT GPU", "emulated"])
    assert line[4] == "2.1·10⁻³" and line[6] == f"{len(found.verdict.flips)} of 600" and line[8] == "passed"
    for criterion in ("Loss of AUROC (limit 0.01)", "Correlation of maps (limit 0.95)"):
        assert criterion in page
    failed = bench_page(report(document(row(parity=parity("failed")))))
    reasons = parity("failed").verdict.reasons
    assert reasons and all(reason.replace("'", "&#39;") in failed for reason in reasons)


def test_it_fetches_nothing_and_nothing_is_no_number(page: str) -> None:
    assert not re.search(r'(?:src|href|action|data)="(?!#|data:)', page)
    assert not re.search(r"url\((?!#)|@import|http-equiv=.refresh", page)
    assert "default-src 'none'" in page
    text = re.sub(r"base64,[^\"]*", "", page)
    assert not re.search(r"\bnan\b|\bNaN\b|\binf\b|\bNone\b|\bundefined\b", text)


def test_placement_says_each_thing_once_and_what_runs_elsewhere(page: str) -> None:
    said = "61 of 62 operators on the device; 64 Provider: CONV_2D 51, ADD 10; 1 partition"
    found = _cells(bench_page(report(document(row(placement=said, elsewhere={"SOFTMAX": 1})))))
    expected = ["tiny-int8.tflite", "CPU, LiteRT", "61", "1", "CONV_2D 51, ADD 10; elsewhere: SOFTMAX 1; 1 partition"]
    assert expected in found
    assert any(
        line[2:4] == ["n/a1", "n/a1"] and line[4] == said
        for line in _cells(bench_page(report(document(row(placement=said, operators={})))))
    )


def test_files_of_almost_equal_limits_share_a_table() -> None:
    first = parity()
    criteria = tuple(c.model_copy(update={"limit": c.limit * (1 + 1e-7)}) for c in first.verdict.criteria)
    second = first.model_copy(update={"verdict": first.verdict.model_copy(update={"criteria": criteria})})
    page = bench_page(report(document(row(parity=first), row("other.tflite", parity=second))))
    assert page.count("<caption>The gate&#39;s criteria") == 1


def test_stages_are_added_up_beside_the_whole(page: str) -> None:
    rows = _cells(page)
    assert ["sum of the steps", "10.00", "100.0 %"] in rows
    assert ["the whole, measured as one", "10.40 (10.10 to 10.80)", "104.0 %"] in rows


def test_pictures_are_inside_with_their_size(page: str) -> None:
    assert re.search(
        r'<figure class="broad"><img src="data:image/png;base64,[^"]+" width="8" height="6" alt="Phantom', page
    )
    with pytest.raises(ValueError, match="not a PNG"):
        Picture(png=b"<svg onload=alert(1)>                ", caption="no")


def test_ids_are_unique_and_figures_name_what_they_show(page: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(ids)
    assert page.count("<svg") == page.count("</svg>") == 6
    assert all(len(alt) > 15 for alt in re.findall(r'role="img" aria-label="([^"]*)"', page))
    assert all(re.findall(r'<img [^>]*alt="([^"]+)"', page))


def test_the_same_report_is_the_same_bytes(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench_page(report()) == page
    assert not re.search(r"20\d\d-\d\d-\d\d", page)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert "2023-11-14T22:13:20" in bench_page(report())


def test_hostile_names_are_shown_not_run() -> None:
    pytest.importorskip("matplotlib")
    name = "<script>alert('$x^2$')\n|`*.tflite"
    bad = row(name, runtime="<b>LiteRT</b>", parity=parity())
    hostile = report(document(bad, unavailable("npu", reason="</td><img src=x onerror=alert(1)>")))
    hostile = hostile.model_copy(update={"command": "</script><script>alert(2)</script>"})
    page = bench_page(hostile)
    assert page.count("<script") == 1 and "<img src=x" not in page and "<b>" not in page
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "&lt;script&gt;alert('$x^2$')" in drawn, "shown as it is, not read as a formula"
    text = bench_markdown(hostile)
    assert "<script" not in re.sub(r"\\<", "", text.split("## How to reproduce")[0])
    _assert_tables_are_whole(text)


def test_markdown_has_the_same_tables(page: str) -> None:
    text = bench_markdown(report())
    _assert_tables_are_whole(text)
    captions = re.findall(r"<caption>(.*?)</caption>", page)
    assert captions and all(
        f"**{caption.replace('&#39;', chr(39)).replace('#', chr(92) + '#')}**" in text for caption in captions
    )
    assert REASON in text and "base64" not in text and "None" not in text


def test_a_report_of_little_says_what_is_not_there() -> None:
    bare = report(
        document(unavailable("gpu"), data=None), answers=None, certificate=None, examples=(), contract=report().contract
    )
    page = bench_page(bare)
    assert REASON in page and "<svg" not in page and 'class="slider"' not in page
    for said in ("Not judged", "No distributions", "not measured for this report", "Not compared with an earlier"):
        assert said in page


def test_radiographs_of_one_class_leave_out_what_cannot_be_said() -> None:
    pytest.importorskip("matplotlib")
    full = report()
    assert full.answers is not None
    healthy = full.answers.model_copy(update={"given": tuple(a for a in full.answers.given if not a.label)})
    page = bench_page(full.model_copy(update={"answers": healthy}))
    assert "No ROC curve" in page and "undefined on these radiographs" in page and "nan" not in page.split("<svg")[0]


def test_without_matplotlib_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = bench_page(report())
    assert page.count("pip install &#39;edgefrac[sweep]&#39;") + page.count("pip install 'edgefrac[sweep]'") == 6
    assert "<svg" not in page and "tiny-int8.tflite" in page


def test_json_is_the_whole_report(tmp_path: Path) -> None:
    full = report()
    write_report(full, tmp_path / "report.json")
    assert BenchReport.model_validate_json((tmp_path / "report.json").read_bytes()) == full


@pytest.mark.parametrize("name", ["report.pdf", "report", "html"])
def test_another_suffix_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.html, \.md or \.json"):
        write_report(report(), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".html", ".md", ".json", ".HTML"])
def test_a_full_disk_leaves_the_old_report_and_no_part_of_the_new(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"report{suffix}"
    path.write_text("old")
    full = report()
    with full_disk(), pytest.raises(OutputError, match="report"):
        write_report(full, path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    write_report(full, path)
    assert path.stat().st_size > 4096 and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    write_report(report(document(row())), tmp_path / "new" / "report.md")
    assert (tmp_path / "new" / "report.md").stat().st_size
    with pytest.raises(OutputError, match=r"report\.md: cannot be written"):
        write_report(report(document(row())), tmp_path / "new" / "report.md" / "report.md")


def test_names_are_as_short_as_can_be_told_apart() -> None:
    same = [row(), unavailable("gpu", name="other.onnx")]
    assert set(file_names(same).values()) == {"tiny-int8.tflite", "other.onnx"}
    two = [row().model_copy(update={"path": path}) for path in ("/home/me/a/x.tflite", "/home/me/b/x.tflite")]
    assert list(file_names(two).values()) == ["a/x.tflite", "b/x.tflite"]


def test_nothing_of_the_machine_s_folders_is_in_the_page() -> None:
    moved = [one.model_copy(update={"path": f"/home/someone/{one.path}"}) for one in all_levels().rows]
    found = all_levels().model_copy(update={"rows": tuple(moved), "changes": (), "end_to_end": None})
    assert "someone" not in bench_page(report(found)) and "someone" not in bench_markdown(report(found))
