"""benchmarks.regression and benchmarks.suite: what a slowdown must be to be called one, simulated and for real."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pytest_benchmark")

from benchmarks.regression import (
    Figure,
    Record,
    Session,
    compare,
    find_record,
    newer,
    read_session,
    record,
    table,
    write_record,
)
from benchmarks.suite import SESSIONS, against_record, confirmed, run_session
from edgefrac.benchmarking.host import host, now
from edgefrac.errors import DeviceError, UsageError

HOST = host(now(), now())
CASES = [f"test_{number}" for number in range(15)]


def session(yardsticks: dict[str, float]) -> Session:
    return Session(host=HOST, cases={n: Figure(yardsticks=y, milliseconds=2 * y) for n, y in yardsticks.items()})


def simulated(rng: np.random.Generator, wander: float, slower: float = 1.0) -> Session:
    """A session whose figures wander by this share; the first case takes ``slower`` times as long."""
    figures = 10 * np.exp(wander * rng.standard_normal(len(CASES)))
    figures[0] *= slower
    return session(dict(zip(CASES, figures.tolist(), strict=True)))


def several(rng: np.random.Generator, wander: float, slower: float = 1.0) -> list[Session]:
    return [simulated(rng, wander, slower) for _ in range(SESSIONS)]


def slower(then: Record, first: list[Session], second: list[Session]) -> set[str]:
    found = confirmed(compare(then, first), compare(then, second))
    return {one.name for one in found if one.change == "slower"}


@pytest.mark.parametrize("wander", [0.01, 0.05, 0.08])
def test_equal_sessions_raise_no_alarm_and_a_fifth_slower_is_found(wander: float) -> None:
    rng = np.random.default_rng(7)
    alone, alarms, found = 0, 0, 0
    for _ in range(200):
        then = record([simulated(rng, wander) for _ in range(10)])
        first = several(rng, wander)
        alone += any(one.change == "slower" for one in compare(then, first))
        alarms += bool(slower(then, first, several(rng, wander)))
        found += slower(then, several(rng, wander, 1.2), several(rng, wander, 1.2)) == {CASES[0]}
    assert alone <= 0.08 * 200, "5 % in all cases together, and what 200 of them wander by"
    assert alarms <= 0.01 * 200
    assert found >= {0.01: 0.99, 0.05: 0.85, 0.08: 0.25}[wander] * 200, "the more a machine wanders, the less is seen"


def test_a_small_change_is_not_called_slower_however_quiet_the_machine() -> None:
    rng = np.random.default_rng(7)
    then = record([simulated(rng, 0.001) for _ in range(10)])
    by_name = {one.name: one for one in compare(then, several(rng, 0.001, 1.08))}
    assert by_name[CASES[0]].change == "no difference shown"
    assert by_name[CASES[0]].ratio == pytest.approx(1.08, abs=0.01) and by_name[CASES[0]].limit == pytest.approx(1.1)
    assert compare(then, several(rng, 0.001, 1.12))[0].change == "slower"
    assert compare(then, several(rng, 0.001, 1 / 1.12))[0].change == "faster"


def test_cases_that_come_and_go() -> None:
    then = record([session({"old": 1.0, "both": 2.0 + n / 100}) for n in range(4)])
    found = compare(then, [session({"both": 2.0, "new": 3.0})])
    assert [(one.name, one.change) for one in found] == [
        ("both", "no difference shown"),
        ("new", "not recorded"),
        ("old", "gone"),
    ]
    assert "not recorded" in table(found)
    assert newer({"numpy": "2.4", "torch": "2.13", "edgefrac": "1"}, {"numpy": "2.5", "edgefrac": "2"}) == [
        "numpy 2.4 then, 2.5 now"
    ]


def test_a_record_is_found_on_its_own_kind_of_machine_only(tmp_path: Path) -> None:
    made = record([session({"case": 1.23456789 + n}) for n in range(3)])
    path = write_record(made, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    found = find_record(HOST, tmp_path)
    assert found is not None and found.cases["case"][0].yardsticks == pytest.approx(1.235)
    assert find_record(HOST.model_copy(update={"cpu": "another"}), tmp_path) is None
    with pytest.raises(UsageError, match="too few"):
        record([session({"case": 1.0})])
    other = session({"case": 1.0}).model_copy(update={"host": HOST.model_copy(update={"cores": 99})})
    with pytest.raises(UsageError, match="several kinds"):
        record([session({"case": 1.0}), session({"case": 1.0}), other])
    path.write_text("{}")
    with pytest.raises(UsageError, match="no record"):
        find_record(HOST, tmp_path)


def test_a_session_of_another_suite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    path.write_text(json.dumps({"benchmarks": [{"fullname": "test_a", "extra_info": {}, "stats": {"median": 1}}]}))
    with pytest.raises(UsageError, match="no session of this suite"):
        read_session(path)
    with pytest.raises(UsageError, match="no session of this suite"):
        read_session(tmp_path / "missing.json")


WORK = """
import hashlib
import pytest
from benchmarks.yardstick import TIMER, by_yardstick
pytestmark = pytest.mark.benchmark(timer=TIMER)
@pytest.mark.parametrize("name", ["changed", "unchanged"])
def test_work(benchmark, name):
    data = bytes({"changed": CHANGED, "unchanged": 2_000_000}[name])
    by_yardstick(benchmark, lambda: hashlib.sha256(data).digest())
"""


def write_suite(folder: Path, length: int) -> Path:
    """A suite of two cases, of which one hashes ``length`` bytes."""
    folder.mkdir(exist_ok=True)
    (folder / "conftest.py").write_text("from benchmarks.conftest import pytest_benchmark_generate_machine_info\n")
    (folder / "test_work.py").write_text(WORK.replace("CHANGED", str(length)))
    return folder


@pytest.mark.slow
def test_a_fifth_more_work_is_found_and_the_same_work_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded, suite = tmp_path / "recorded", write_suite(tmp_path / "suite", 2_000_000)
    assert against_record(recorded, suite, sessions=1) == 0
    assert "no stored results for this machine" in capsys.readouterr().out
    write_record(record([run_session(suite) for _ in range(3)]), recorded)
    assert against_record(recorded, suite, sessions=1) == 0
    assert capsys.readouterr().out.rstrip().endswith("nothing is slower")
    write_suite(suite, 2_400_000)
    assert against_record(recorded, suite, sessions=1) == 1
    assert "test_work[changed]" in capsys.readouterr().out.splitlines()[-1]
    (suite / "test_work.py").write_text("def test_work():\n    assert False\n")
    with pytest.raises(DeviceError, match="stopped with status 1"):
        run_session(suite)
