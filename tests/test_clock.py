"""The time in artefacts is the user's, or there is none."""

from __future__ import annotations

import pytest

from edgefrac.clock import created
from edgefrac.errors import UsageError


@pytest.mark.parametrize(
    ("epoch", "time"),
    [("", None), ("0", "1970-01-01T00:00:00+00:00"), ("1700000000", "2023-11-14T22:13:20+00:00")],
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati"])
def test_it_sets_the_time_whatever_the_zone(
    epoch: str, time: str | None, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    monkeypatch.setenv("TZ", zone)
    assert created() == time


def test_without_it_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert created() is None


@pytest.mark.parametrize("epoch", ["yesterday", "1.5", " 1", "1_000", "٣", "9" * 30, "-1"])
def test_what_is_no_whole_number_of_seconds_is_wrong_usage(epoch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(UsageError, match=r"SOURCE_DATE_EPOCH=.*: not a number of seconds since 1970") as caught:
        created()
    assert caught.value.hint
