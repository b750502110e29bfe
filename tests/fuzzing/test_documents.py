"""Documents: what is written is read back as it was, and arbitrary JSON or YAML raises EdgeFrac's own errors alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefrac.contract import Contract
from edgefrac.errors import EdgeFracError, RecipeError
from edgefrac.quantization.exact_plan import ExactPlan, Grid
from edgefrac.recipes.reading import parse_yaml, read_recipe
from edgefrac.targets.sealing import parse_contract
from edgefrac.training.recipe import Recipe
from edgefrac.verification.certificate import Certificate
from tests.verification import examples

UNHURRIED = settings(deadline=None, max_examples=100)
CERTIFICATE = examples.certificate()
NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(1e-9, 1e9)
SHARES = st.floats(0.001, 0.999)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
PLANS = st.builds(
    ExactPlan,
    architecture=NAMES,
    source=NAMES,
    grids=st.dictionaries(
        NAMES,
        st.builds(Grid, exponent=st.integers(-30, 30), zero_point=st.sampled_from([0, -128]), step=POSITIVE),
        max_size=4,
    ),
    factors=st.dictionaries(NAMES, st.lists(st.integers(), max_size=4).map(tuple), max_size=4),
    sources=st.dictionaries(NAMES, NAMES, max_size=4),
    evidence_shift=st.lists(FINITE, max_size=3).map(tuple),
    floats=st.lists(NAMES, max_size=3).map(tuple),
)


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """Of one question or two, with texts and numbers of every kind that a contract may hold."""
    document = examples.contract(draw(st.sampled_from(["fp32", "fp16", "int8", "mixed"]))).document()
    classes = draw(st.lists(NAMES, min_size=1, max_size=3))
    document["tasks"][0] |= {
        "classes": [draw(NAMES), draw(NAMES)],
        "bias": [draw(FINITE)],
        "temperature": draw(POSITIVE),
        "threshold": draw(SHARES),
    }
    further = {"name": draw(NAMES), "kind": "multilabel", "classes": classes, "bias": draw(
        st.lists(FINITE, min_size=len(classes), max_size=len(classes))
    )}  # fmt: skip
    if draw(st.booleans()):
        document["tasks"].append({**document["tasks"][0], **further, "first_channel": 1})
    for key in ("name", "version", "source_commit", "architecture", "calibration", "evidence"):
        document[key] = draw(NAMES)
    return Contract.model_validate(document)


@UNHURRIED
@given(contracts())
def test_contracts_come_back(contract: Contract) -> None:
    text = contract.to_json()
    assert parse_contract(Path("a"), text) == contract
    assert parse_contract(Path("a"), text).to_json() == text


@UNHURRIED
@given(PLANS)
def test_plans_come_back(plan: ExactPlan) -> None:
    text = plan.to_json()
    assert ExactPlan.from_json(text, "a") == plan
    assert ExactPlan.from_json(text, "a").sha256 == plan.sha256


@UNHURRIED
@given(NAMES.filter(lambda name: not set(name) & set("/\\")), SHARES, st.integers(0, 10**9), NAMES)
def test_certificates_come_back(name: str, threshold: float, count: int, model: str) -> None:
    data = CERTIFICATE.data.model_copy(update={"name": name, "n": count})
    certificate = CERTIFICATE.model_copy(update={"data": data, "threshold": threshold, "model": model})
    assert Certificate.from_json(certificate.to_json()) == certificate


@UNHURRIED
@given(
    st.builds(dict, learning_rate=POSITIVE, weight_decay=st.floats(0, 10), batch_size=st.integers(2, 512)),
    st.lists(st.builds(dict, epochs=st.integers(1, 99), size=st.integers(1, 20).map(lambda n: 32 * n)), min_size=1),
    NAMES,
)
def test_recipes_come_back_from_yaml(optimiser: dict[str, Any], stages: list[dict[str, Any]], name: str) -> None:
    recipe = Recipe.model_validate({"name": name, "stages": stages, "optimiser": optimiser})
    text = yaml.safe_dump(recipe.model_dump(mode="json"), allow_unicode=True)
    assert Recipe.model_validate(parse_yaml(text)) == recipe


def _read_recipe(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.yaml"
        path.write_bytes(text.encode())
        read_recipe(path, Recipe)


READERS: dict[str, Callable[[str], object]] = {
    "contract": lambda text: parse_contract(Path("a"), text),
    "plan": lambda text: ExactPlan.from_json(text, "a"),
    "certificate": Certificate.from_json,
    "recipe": _read_recipe,
}


@pytest.mark.parametrize("kind", READERS)
@given(document=ANYTHING)
@UNHURRIED
def test_arbitrary_documents_are_refused(kind: str, document: Any) -> None:
    with pytest.raises(EdgeFracError):
        READERS[kind](json.dumps(document))


@pytest.mark.parametrize("kind", READERS)
@given(text=st.text(max_size=60))
@UNHURRIED
def test_arbitrary_texts_are_refused(kind: str, text: str) -> None:
    with pytest.raises(EdgeFracError):
        READERS[kind](text)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LAUGHS, "more than 20000 values, references written out"),
        ("a: &a [*a]", "more than 20000 values"),
        ("a: " + "[" * 6000, "more than 50 brackets deep"),
        ("- " * 3000 + "a", "maximum recursion depth"),
        ("a: 'x" + "x" * (1 << 18), "longer than 256 KiB"),
        ("a: 2001-99-99", "month must be in 1..12"),
        ("a: !!timestamp x", "no attribute"),
        ("a: " + "9" * 5000, "limit"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
    ],
    ids=["laughs", "itself", "brackets", "dashes", "long", "date", "tag", "digits", "python"],
)
def test_yaml_made_to_hang_or_to_fill_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        parse_yaml(text)
    assert "\n" not in str(raised.value)


def test_a_recipe_with_such_a_value_is_named() -> None:
    with pytest.raises(RecipeError, match=r"a\.yaml: not valid YAML \(month must be in 1\.\.12\)"):
        _read_recipe("name: x\nseed: 2001-99-99\n")
