"""The pool: the same answers as without it, and what a process that crashes, hangs or is killed costs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgefrac.errors import MissingExtraError, WorkersError
from edgefrac.workers.pool import Pool
from edgefrac.workers.runner import Here, Lost, run_tracked
from tests.workers.jobs import Chatty, Doubling, Unopenable

REPOSITORY = Path(__file__).parents[2]
NUMBERS = list(range(40))


_workers = multiprocessing.active_children


def test_every_number_of_processes_gives_the_same_answers() -> None:
    alone = dict(Here().run(Doubling(), NUMBERS))
    assert alone == {number: 2 * number for number in NUMBERS}
    for processes in (1, 3):
        assert dict(Pool(processes).run(Doubling(), NUMBERS)) == alone
    assert dict(Pool(2).run(Doubling(), [])) == {}
    assert _workers() == []


def test_a_crash_costs_the_item_that_caused_it_and_no_other() -> None:
    answers = dict(Pool(2).run(Doubling(crash=frozenset({0, 7, 39})), NUMBERS))
    lost = {index for index, answer in answers.items() if isinstance(answer, Lost)}
    assert lost == {0, 7, 39} and set(answers) == set(NUMBERS)
    assert answers[7] == Lost("its process was ended by SIGSEGV")


def test_an_item_that_takes_for_ever_is_given_up() -> None:
    started = time.monotonic()
    answers = dict(Pool(2, patience=1.0).run(Doubling(hang=frozenset({3})), NUMBERS))
    assert answers.pop(3) == Lost("no answer within 1 seconds")
    assert answers == {number: 2 * number for number in NUMBERS if number != 3}
    assert time.monotonic() - started < 10


def test_a_worker_killed_from_outside_costs_one_item() -> None:
    answers = Pool(2, patience=20.0).run(Doubling(hang=frozenset({5})), NUMBERS)
    found = {}
    for index, answer in answers:
        found[index] = answer
        if len(found) == len(NUMBERS) - 1:  # one process hangs, the other has nothing left to do
            break
    for worker in _workers():
        worker.kill()
    found.update(answers)
    assert found[5] == Lost("its process was ended by SIGKILL")
    assert sum(isinstance(answer, Lost) for answer in found.values()) == 1


def test_what_the_work_raises_stops_the_run_and_keeps_its_hint() -> None:
    with pytest.raises(MissingExtraError, match="number 9") as caught:
        dict(Pool(2).run(Doubling(refuse=frozenset({9})), NUMBERS))
    assert (caught.value.hint, caught.value.extra) == ("pip install 'edgefrac[dicom]'", "dicom")
    assert _workers() == []


def test_standard_output_is_left_to_results(capfd: pytest.CaptureFixture[str]) -> None:
    assert len(dict(Pool(1).run(Chatty(), NUMBERS[:3]))) == 3
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "chatter\n" * 3)


def test_work_that_cannot_be_opened() -> None:
    with pytest.raises(MissingExtraError, match="the work"):
        dict(Pool(2).run(Unopenable(crash=False), NUMBERS))
    with pytest.raises(WorkersError, match="could not start: its process was ended by SIGKILL"):
        dict(Pool(2).run(Unopenable(crash=True), NUMBERS))
    assert _workers() == []


def test_a_run_that_is_left_early_leaves_no_process() -> None:
    answers = run_tracked(Pool(2), Doubling(), NUMBERS, "numbers", lambda items, what: items)
    next(answers)
    assert len(_workers()) == 2
    answers.close()
    assert _workers() == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_end_with_a_parent_that_was_killed_even_when_they_hang() -> None:
    code = (
        "import multiprocessing\n"
        "from edgefrac.workers.pool import Pool; from tests.workers.jobs import Doubling\n"
        "answers = Pool(2).run(Doubling(hang=frozenset({4, 5})), list(range(6)))\n"
        "for _ in range(4): next(answers)\n"
        "print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "next(answers)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 2 and all(map(_lives, children))
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(map(_lives, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [child for child in children if _lives(child)]
    for child in left:
        os.kill(child, signal.SIGKILL)
    assert left == []


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
