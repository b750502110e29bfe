"""The items of two reporting guidelines, by number and in our own words, and which fact of a report answers each.

CLAIM 2024 Update: Tejani, Klontzas, Gatti et al., Radiology: Artificial Intelligence 6(4), 2024.
STARD 2015: Bossuyt, Reitsma, Bruns et al., BMJ 351, 2015.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgefrac.reporting.blocks import Cell, Line, Notes, Table, columns, table


@dataclass(frozen=True)
class Item:
    """``fact`` is the key of ``checklist_facts.facts`` that answers it, empty where no report of files can."""

    number: str
    title: str
    fact: str = ""


CLAIM = (
    Item("1", "Named as a study of AI, with the kind of technology", "technology"),
    Item("2", "Summary of design, methods, results and conclusions", "summary"),
    Item("3", "Background, intended use and role", "intended_use"),
    Item("4", "Aims and hypotheses", "aims"),
    Item("5", "Prospective or retrospective", ""),
    Item("6", "Goal of the study", "aims"),
    Item("7", "Sources of the data", "data"),
    Item("8", "Inclusion and exclusion", "exclusion"),
    Item("9", "Preprocessing", "preprocessing"),
    Item("10", "Selection of parts of the data", ""),
    Item("11", "De-identification", "identity"),
    Item("12", "Missing data", "missing"),
    Item("13", "How images were acquired", ""),
    Item("14", "How the reference standard was obtained", ""),
    Item("15", "Why that reference standard", ""),
    Item("16", "Where its annotations come from", "labels"),
    Item("17", "Annotation of the test set", ""),
    Item("18", "Agreement between and within annotators", ""),
    Item("19", "How data were assigned to partitions", ""),
    Item("20", "Level at which partitions are disjoint", "disjoint"),
    Item("21", "Intended sample size", "sample_size"),
    Item("22", "Description of the model", "model"),
    Item("23", "Libraries and packages", "packages"),
    Item("24", "Initial parameters", ""),
    Item("25", "Training", ""),
    Item("26", "Choice of the final model", ""),
    Item("27", "Ensembles", ""),
    Item("28", "Measures of performance", "measures"),
    Item("29", "Measures of significance and uncertainty", "uncertainty"),
    Item("30", "Robustness and sensitivity analysis", "robustness"),
    Item("31", "Explainability", "explanation"),
    Item("32", "Evaluation on internal data", "internal"),
    Item("33", "Test on external data", "external"),
    Item("34", "Registration of a trial", ""),
    Item("35", "Numbers included and excluded", "flow"),
    Item("36", "Demographic and clinical characteristics", ""),
    Item("37", "Performance with its uncertainty", "performance"),
    Item("38", "Diagnostic performance with its precision", "diagnostic"),
    Item("39", "Analysis of failures", "failures"),
    Item("40", "Limitations", "limitations"),
    Item("41", "Implications for practice", "intended_use"),
    Item("42", "Protocol or further technical detail", "reproduce"),
    Item("43", "Availability of software, model and data", "availability"),
    Item("44", "Funding", ""),
)

STARD = (
    Item("1", "Named as a study of diagnostic accuracy", "measures"),
    Item("2", "Structured summary", "summary"),
    Item("3", "Background, intended use and role", "intended_use"),
    Item("4", "Objectives and hypotheses", "aims"),
    Item("5", "Prospective or retrospective", ""),
    Item("6", "Who was eligible", "exclusion"),
    Item("7", "How eligible people were found", ""),
    Item("8", "Where and when", ""),
    Item("9", "Consecutive, random or convenience series", ""),
    Item("10a", "Index test, so that it can be repeated", "model"),
    Item("10b", "Reference standard, so that it can be repeated", ""),
    Item("11", "Why that reference standard", ""),
    Item("12a", "Cut-off of the index test, and whether it was set before", "threshold"),
    Item("12b", "Cut-off of the reference standard", ""),
    Item("13a", "What readers of the index test knew", "blinding"),
    Item("13b", "What assessors of the reference standard knew", ""),
    Item("14", "How accuracy is estimated and compared", "uncertainty"),
    Item("15", "Indeterminate results", "indeterminate"),
    Item("16", "Missing data", "missing"),
    Item("17", "Variability of accuracy", ""),
    Item("18", "Intended sample size", "sample_size"),
    Item("19", "Flow of participants", "flow"),
    Item("20", "Demographic and clinical characteristics", ""),
    Item("21a", "Severity among those with the condition", ""),
    Item("21b", "Other diagnoses among those without", ""),
    Item("22", "Time between the tests, and what was done in it", ""),
    Item("23", "Index test against reference standard, as a table", "crosstab"),
    Item("24", "Accuracy with its precision", "diagnostic"),
    Item("25", "Adverse events", ""),
    Item("26", "Limitations", "limitations"),
    Item("27", "Implications for practice", "intended_use"),
    Item("28", "Registration", ""),
    Item("29", "Where the protocol can be had", "reproduce"),
    Item("30", "Funding", ""),
)


def checklist(title: str, items: tuple[Item, ...], facts: Mapping[str, str]) -> Table:
    """Each item with what the report says to it, or "not available"."""
    rows: list[Line] = [[item.number, item.title, _answer(facts.get(item.fact, ""))] for item in items]
    answered = sum(1 for item in items if facts.get(item.fact))
    return table(
        f"{title}: {answered} of {len(items)} items answered", columns("Item", "Asks for", "Said here"), rows, Notes()
    )


def _answer(fact: str) -> Cell:
    return Cell(fact) if fact else Cell("not available", badge="unavailable")
