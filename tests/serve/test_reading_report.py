"""The report of one image: what it says of each kind of answer, and whose certificate it quotes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")

from edgefrac.contract import NOT_A_MEDICAL_DEVICE
from edgefrac.reporting.reading_page import reading_page
from edgefrac.serve.answer import Answer
from edgefrac.serve.reading import Reader
from edgefrac.serve.reading_report import reading
from edgefrac.serve.worklist import Item
from edgefrac.workers.framing import Message
from tests.imaging.files import noise, png
from tests.verification.examples import certificate

GREY = noise(48, 40).astype(np.uint8)


@pytest.fixture(scope="module")
def answer(tiny_tflite: Path) -> Answer:
    """What a reader says of a radiograph."""
    reply: Message = Reader(tiny_tflite, 1).do({"do": "answer"}, [png(GREY)])
    return Answer.model_validate(reply[0]["answer"])


def page(answer: Answer, evidence: np.ndarray | None = None, quoted: Any = None) -> str:
    item = Item(3, "ab" * 16, b"key", "dicom", "answered", 1795687200.0, 1795687201.0, 0, answer, None)
    return reading_page(reading(item, GREY, evidence, quoted))


def test_it_says_the_answer_and_names_nobody(answer: Answer) -> None:
    text = page(answer, np.zeros((8, 8), np.float32))
    assert f"probability {answer.probability:.3f}, " in text and "threshold 0.500" in text
    assert answer.model_sha256 in text and "tiny 0, fp32" in text
    assert "2026-11-26 10:00:01 UTC" in text and "PNG, 40 × 48 px" in text
    assert text.count("data:image/png;base64,") == 2
    assert text.count(NOT_A_MEDICAL_DEVICE) == 2
    assert "There is none at hand for this model file." in text


def test_it_quotes_the_certificate_of_the_very_file_alone(answer: Answer) -> None:
    quoted = certificate()
    mine = answer.model_copy(update={"model_sha256": "b" * 64})
    verdict = quoted.artefacts[0].verdict
    assert f'<strong class="{verdict.verdict}">' in page(mine, None, quoted)
    assert all(one.name.replace("_", " ") in page(mine, None, quoted) for one in verdict.criteria)
    assert "There is none at hand" in page(answer, None, quoted)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"finding": "diffuse", "positive": True}, "none explains this answer"),
        ({"finding": "nothing"}, "No place speaks for a fracture"),
        ({"foreign": "it looks odd & <unlike>"}, "it looks odd &amp; &lt;unlike&gt;"),
    ],
)
def test_what_must_not_be_missed_is_said(answer: Answer, said: dict[str, object], words: str) -> None:
    text = page(answer.model_copy(update=said))
    assert words in text
    assert ('<p class="caution">' in text) == ("finding" not in said or said["finding"] == "diffuse")
    assert ("<h1>No answer" in text) == ("foreign" in said)
