"""Recipes are found by path and by name, in the repository and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefrac import recipes
from edgefrac.errors import RecipeError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel's layout: recipes beside the module."""
    folder = tmp_path / "edgefrac" / "recipes"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "small.yaml").write_text("name: small")
    monkeypatch.setattr(recipes, "_HERE", folder)
    monkeypatch.setattr(recipes, "_REPOSITORY", tmp_path / "nowhere")
    return folder


def test_the_repository_recipes_have_names() -> None:
    root = Path(__file__).parent.parent
    assert set(recipes.bundled_recipes("train")) == {path.stem for path in (root / "train").glob("*.yaml")} != set()


@pytest.mark.parametrize("name", ["small", "small.yaml", "train/small.yaml"])
def test_a_bundled_recipe_is_found_by_name(name: str, installed: Path) -> None:
    assert recipes.find_recipe("train", name) == installed / "train" / "small.yaml"


def test_a_file_of_ones_own_comes_first(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "small.yaml"
    own.write_text("name: mine")
    monkeypatch.chdir(tmp_path)
    assert recipes.find_recipe("train", "small.yaml") == Path("small.yaml")
    assert recipes.find_recipe("train", str(own)) == own


@pytest.mark.parametrize("name", ["big", "elsewhere/small.yaml"])
def test_an_unknown_recipe_lists_the_known_ones(name: str, installed: Path) -> None:
    with pytest.raises(RecipeError, match="no such recipe file") as caught:
        recipes.find_recipe("train", name)
    assert caught.value.hint == "bundled train recipes: small"


def test_without_any_recipe_the_hint_says_so(installed: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        recipes.find_recipe("export", "small")
    assert caught.value.hint == "bundled export recipes: none"
