"""Numbers as the report writes them: the same decimals in a column, a real minus, never NaN."""

from __future__ import annotations

from edgefrac.verification.statistics import Estimate

MINUS = "−"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
Limits = tuple[float, float] | list[float] | None


def fixed(value: float, decimals: int) -> str:
    """Such as "0.893"."""
    text = f"{value:,.{decimals}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return text.replace("-", MINUS) if float(f"{value:.{decimals}f}") else text.lstrip("-")


def with_interval(value: float, limits: Limits, decimals: int) -> str:
    """Such as "0.893 (0.841 to 0.950)"; the value alone where there is no interval."""
    if limits is None:
        return fixed(value, decimals)
    return f"{fixed(value, decimals)} ({fixed(limits[0], decimals)} to {fixed(limits[1], decimals)})"


def estimate(found: Estimate, decimals: int) -> str | None:
    """An estimate with its interval, None where the data cannot define it."""
    return None if found.value is None else with_interval(found.value, found.interval, decimals)


def scientific(value: float) -> str:
    """Such as "1.0·10⁻⁶", for differences that span many powers of ten."""
    if value == 0:
        return "0"
    digits, _, power = f"{value:.1e}".replace("-", MINUS, int(value < 0)).partition("e")
    return f"{digits}·10{str(int(power)).translate(_RAISED)}"


def short(value: float) -> str:
    """Two digits that matter, from 0.1 on three, for figures of unlike size; whole numbers as they are."""
    if value == int(value):
        return f"{value:.0f}".replace("-", MINUS)
    if abs(value) < 1e-3:
        return scientific(value)
    return (f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.2g}").replace("-", MINUS)


def percent(share: float, decimals: int = 1) -> str:
    """Such as "9.1 %"."""
    return f"{fixed(100 * share, decimals)} %"


def plural(count: int, noun: str) -> str:
    """Such as "1 file" and "2 files"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(names: list[str]) -> str:
    """Such as "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
