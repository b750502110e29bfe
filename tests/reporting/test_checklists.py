"""Every item of both guidelines is there, and nothing is claimed that the report does not know."""

from __future__ import annotations

from edgefrac.reporting.checklist_facts import facts
from edgefrac.reporting.checklists import CLAIM, STARD, checklist
from tests.reporting.report_example import document, report, row, unavailable


def test_the_items_are_numbered_as_published() -> None:
    assert [item.number for item in CLAIM] == [str(number) for number in range(1, 45)]
    split = {"10": "ab", "12": "ab", "13": "ab", "21": "ab"}
    expected = [f"{n}{part}" for n in map(str, range(1, 31)) for part in split.get(n, [""])]
    assert [item.number for item in STARD] == expected


def test_every_fact_that_an_item_asks_for_is_known_of_a_full_report() -> None:
    known = facts(report())
    assert {item.fact for item in (*CLAIM, *STARD)} - {"", "external"} == set(known)
    assert all(known.values())


def test_what_is_not_known_is_not_available() -> None:
    bare = report(document(row(), unavailable("gpu"), data=None), answers=None, certificate=None, examples=())
    known = facts(bare)
    assert not {"data", "performance", "diagnostic", "crosstab", "failures", "measures", "sample_size"} & set(known)
    table = checklist("STARD", STARD, known)
    said = {line[0].text: line[2] for line in table.rows}
    assert said["24"].text == said["23"].text == said["25"].text == "not available"
    assert said["10a"].text.startswith("tiny 0.1: tiny, input 32 × 32")
    answered = sum(cell.text != "not available" for cell in said.values())
    assert table.caption == f"STARD: {answered} of 34 items answered"


def test_data_that_the_network_was_not_trained_on_are_not_called_a_held_out_part() -> None:
    found = document(row())
    assert found.data is not None
    foreign = found.model_copy(update={"data": found.data.model_copy(update={"name": "another hospital"})})
    assert "disjoint" in facts(report(found)) and "disjoint" not in facts(report(foreign))
    assert "internal" in facts(report(found)) and facts(report(foreign))["external"].endswith("another hospital")
