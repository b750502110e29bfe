"""Energy by RAPL's counters, from a made-up powercap folder whose energy is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefrac.benchmarking.energy import availability, counters, millijoules

WRAP = 10_000


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """Two packages, and a part of the first, which is counted in it."""
    for zone in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        folder = tmp_path / zone
        folder.mkdir()
        (folder / "energy_uj").write_text("9000\n")
        (folder / "max_energy_range_uj").write_text(f"{WRAP}\n")
    return tmp_path


def spend(powercap: Path, microjoules: int) -> None:
    for zone in ("intel-rapl:0", "intel-rapl:1"):
        counter = powercap / zone / "energy_uj"
        counter.write_text(str((int(counter.read_text()) + microjoules) % WRAP))


def test_what_all_packages_spent_is_shared_among_the_runs(powercap: Path) -> None:
    runs: list[int] = []

    def run() -> None:
        runs.append(1)
        if len(runs) == 3:  # past the counter's end, once
            spend(powercap, 4500)

    found = millijoules(run, seconds=0.01, powercap=powercap)
    assert found == pytest.approx(2 * 4.5 / len(runs))
    assert availability(powercap) == "RAPL, 2 package(s)"


def test_where_there_are_no_counters_there_is_no_figure(tmp_path: Path) -> None:
    ran: list[int] = []
    assert millijoules(lambda: ran.append(1), powercap=tmp_path) is None and not ran
    assert availability(tmp_path) == "unavailable: the system has no RAPL counters"


def test_counters_that_cannot_be_read_are_told_from_none(powercap: Path) -> None:
    for zone in powercap.iterdir():
        (zone / "energy_uj").unlink()
    assert counters(powercap) == [] and "not readable" in availability(powercap)
