"""HTML pages that fetch nothing, from the templates beside this module."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: Any) -> str:
    """The page of a template; ``version`` is EdgeFrac's."""
    environment = Environment(
        loader=PackageLoader("edgefrac.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = _figure
    return environment.get_template(template).render(version=version("edgefrac"), **values)


def _figure(value: Any) -> str:
    """Three digits of a float; other values as they are, nothing for None."""
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
