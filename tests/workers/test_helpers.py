"""A helper that is lost, or a run that is given up, ends at once and in plain words."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Literal

import pytest

from edgefrac.errors import WorkersError
from edgefrac.workers.helpers import helpers


def _die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _touch(path: Path) -> None:
    time.sleep(0.2)
    path.touch()


def _hears(number: int) -> bool:
    return signal.getsignal(number) is not signal.SIG_IGN


START: tuple[Literal["fork", "spawn"], ...] = ("fork", "spawn")


@pytest.mark.parametrize("start", START)
def test_a_helper_that_the_system_ends(start: Literal["fork", "spawn"]) -> None:
    with pytest.raises(WorkersError, match="for want of memory") as caught, helpers(2, start) as pool:
        list(pool.map(_die, range(4)))
    assert "more memory" in caught.value.hint


def test_what_has_not_begun_is_given_up_with_the_run(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), helpers(1, "fork") as pool:
        for number in range(50):
            pool.submit(_touch, tmp_path / str(number))
        raise KeyboardInterrupt
    assert len(list(tmp_path.iterdir())) < 10


def test_ctrl_c_is_for_the_parent_alone() -> None:
    with helpers(1, "fork") as pool:
        assert not pool.submit(_hears, signal.SIGINT).result()
        assert pool.submit(_hears, signal.SIGTERM).result()
