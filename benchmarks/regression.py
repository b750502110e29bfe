"""Has the suite become slower? What sessions of it gave, what was recorded, and the rule that tells them apart.

A case's figure in a session is how many yardsticks it takes (``benchmarks.yardstick``). Recorded are the figures of
several sessions. The geometric mean of new sessions is called slower where it lies above the 95 % prediction interval
for as many (Student's t on logarithms, one-sided, shared among all cases by Bonferroni) and at least 10 % above that of
the recorded ones: sessions of one hour are more alike than those of two days. ``benchmarks.suite`` asks for it twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from scipy.stats import t as student

from benchmarks.yardstick import RATIO
from edgefrac.benchmarking.host import Host
from edgefrac.errors import UsageError

ERROR = 0.05  # of one false alarm in all cases together
LEAST = 1.10
FEWEST = 3  # sessions that make a record

Change = Literal["slower", "faster", "no difference shown", "not recorded", "gone"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Figure(_Strict):
    """One case in one session: how many yardsticks, and its median in milliseconds of the processor, to read."""

    yardsticks: float
    milliseconds: float


class Session(_Strict):
    """One session of the suite, by the names of its cases."""

    host: Host
    cases: dict[str, Figure]


class Record(_Strict):
    """What a kind of machine gave: of each case, a figure a session."""

    host: Host
    cases: dict[str, tuple[Figure, ...]]


class Comparison(_Strict):
    """One case: ``ratio`` of yardsticks now over then, called slower from ``limit`` on; None where one is missing."""

    name: str
    change: Change
    milliseconds: float | None = None
    ratio: float | None = None
    limit: float | None = None


def read_session(path: Path) -> Session:
    """What pytest-benchmark wrote (``--benchmark-json``) of a session of this suite; raises UsageError else."""
    try:
        document = json.loads(path.read_bytes())
        cases = {
            case["fullname"].partition("benchmarks/")[2] or case["fullname"]: Figure(
                yardsticks=case["extra_info"][RATIO], milliseconds=1000 * case["stats"]["median"]
            )
            for case in document["benchmarks"]
        }
        return Session(host=document["machine_info"], cases=cases)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: no session of this suite ({type(error).__name__}: {error})") from error


def record(sessions: Sequence[Session]) -> Record:
    """The figures of all cases that every session has; raises UsageError for too few sessions or several machines."""
    if len(sessions) < FEWEST:
        raise UsageError(f"{len(sessions)} sessions are too few to know how figures wander; at least {FEWEST}")
    if not all(session.host.same_as(sessions[0].host) for session in sessions):
        raise UsageError("the sessions are of several kinds of machine")
    names = [name for name in sessions[0].cases if all(name in session.cases for session in sessions)]
    cases = {name: tuple(session.cases[name] for session in sessions) for name in names}
    return Record(host=sessions[-1].host, cases=cases)


def write_record(made: Record, folder: Path) -> Path:
    """Write it under the machine's name, in place of an earlier one; raises OSError."""
    kind = f"{made.host.cpu} {made.host.cores} cores"
    path = folder / f"{re.sub(r'[^a-z0-9]+', '-', kind.lower()).strip('-')}.json"
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(_short(made) + "\n")
    part.replace(path)
    return path


def _short(made: Record) -> str:
    """JSON with four digits that matter, a case a line."""
    document = made.model_dump(mode="json")
    cases = [
        f"    {json.dumps(name)}: {json.dumps([{k: float(f'{v:.4g}') for k, v in one.items()} for one in figures])}"
        for name, figures in document["cases"].items()
    ]
    return '{\n  "host": %s,\n  "cases": {\n%s\n  }\n}' % (json.dumps(document["host"]), ",\n".join(cases))  # noqa: UP031


def find_record(host: Host, folder: Path) -> Record | None:
    """The record of a machine of the same kind; raises UsageError for a file that is none."""
    for path in sorted(folder.glob("*.json")):
        try:
            found = Record.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise UsageError(f"{path}: no record ({error.errors()[0]['msg']})", hint="make bench-record") from None
        if found.host.same_as(host):
            return found
    return None


def compare(then: Record, now: Sequence[Session]) -> list[Comparison]:
    """Every case of the record or of the first new session, those of the session first."""
    names = now[0].cases
    known = len(set(then.cases) & set(names))
    found = []
    for name in names:
        figures = [session.cases[name] for session in now if name in session.cases]
        if name in then.cases:
            found.append(_compared(name, then.cases[name], figures, known))
        else:
            found.append(Comparison(name=name, change="not recorded", milliseconds=_milliseconds(figures)))
    return found + [Comparison(name=name, change="gone") for name in then.cases if name not in names]


def _compared(name: str, then: Sequence[Figure], now: Sequence[Figure], cases: int) -> Comparison:
    recorded, new = (np.log([figure.yardsticks for figure in figures]) for figures in (then, now))
    distance = float(new.mean() - recorded.mean())
    wander = float(recorded.std(ddof=1)) * np.sqrt(1 / new.size + 1 / recorded.size)
    limit = max(float(student.ppf(1 - ERROR / cases, recorded.size - 1)) * wander, float(np.log(LEAST)))
    change: Change = "slower" if distance > limit else "faster" if distance < -limit else "no difference shown"
    return Comparison(
        name=name,
        change=change,
        milliseconds=_milliseconds(now),
        ratio=float(np.exp(distance)),
        limit=float(np.exp(limit)),
    )


def _milliseconds(figures: Sequence[Figure]) -> float:
    return float(np.median([figure.milliseconds for figure in figures]))


def newer(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Packages of another version than when it was recorded: NumPy's would change the yardstick itself."""
    both = [name for name in then if name in now and name != "edgefrac" and then[name] != now[name]]
    return [f"{name} {then[name]} then, {now[name]} now" for name in both]


def table(found: Sequence[Comparison]) -> str:
    """A line for each case."""
    rows = [("case", "cpu ms", "now/then", "slower from", "")]
    for one in found:
        rows.append((one.name, _shown(one.milliseconds, ".3g"), _shown(one.ratio), _shown(one.limit), one.change))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _shown(value: float | None, digits: str = ".3f") -> str:
    return "" if value is None else f"{value:{digits}}"
