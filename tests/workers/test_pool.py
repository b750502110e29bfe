"""The pool: the same answers as without it, and what a process that crashes, hangs or is killed costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgefrac.errors import MissingExtraError, WorkersError
from edgefrac.workers.limits import Limits
from edgefrac.workers.pool import Pool
from edgefrac.workers.runner import Here, Lost, run_tracked
from tests.processes import children
from tests.workers.jobs import Chatty, Doubling, Greedy, Lying, Unopenable

REPOSITORY = Path(__file__).parents[2]
NUMBERS = list(range(40))


@pytest.fixture(autouse=True)
def _of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are here before a test are none of its workers."""
    monkeypatch.setattr(sys.modules[__name__], "_BEFORE", frozenset(children(os.getpid())))


_BEFORE: frozenset[int] = frozenset()


def _workers() -> list[int]:
    return [child for child in children(os.getpid()) if child not in _BEFORE and _lives(child)]


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
    answers = dict(Pool(2, Limits(seconds=1.0)).run(Doubling(hang=frozenset({3})), NUMBERS))
    assert answers.pop(3) == Lost("no answer within 1 seconds")
    assert answers == {number: 2 * number for number in NUMBERS if number != 3}
    assert time.monotonic() - started < 10


def test_a_worker_killed_from_outside_costs_one_item() -> None:
    answers = Pool(2, Limits(seconds=20.0)).run(Doubling(hang=frozenset({5})), NUMBERS)
    found = {}
    for index, answer in answers:
        found[index] = answer
        if len(found) == len(NUMBERS) - 1:  # one process hangs, the other has nothing left to do
            break
    for worker in _workers():
        os.kill(worker, signal.SIGKILL)
    found.update(answers)
    assert found[5] == Lost("its process was ended by SIGKILL")
    assert sum(isinstance(answer, Lost) for answer in found.values()) == 1


def test_an_item_that_wants_too_much_memory_is_lost_and_its_process_goes_on() -> None:
    answers = dict(Pool(1, Limits(megabytes=100)).run(Greedy(), [10, 200, 20]))
    assert answers == {0: 10, 1: Lost("it needs more than 100 MB of memory"), 2: 20}


def test_where_memory_is_short_for_all_that_is_what_is_said() -> None:
    """And not that the item needs more than it may have by the pool's limits."""
    code = (
        "import resource; from edgefrac.workers.pool import Pool; from tests.workers.jobs import Greedy\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (400 << 20,) * 2)\n"
        "print(dict(Pool(1).run(Greedy(), [10, 500, 20])))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    reason = "it needs more memory than this process and those that it starts may have"
    assert done.stdout.strip() == str({0: 10, 1: Lost(reason), 2: 20})


@pytest.mark.parametrize("how", ["form", "pickle", "length", "depth", "blobs", "unasked", "error"])
def test_a_process_that_was_taken_over_is_not_believed(how: str) -> None:
    answers = dict(Pool(1, Limits(seconds=5.0)).run(Lying(how), [1]))
    assert answers == {0: Lost("its process answered nonsense")}
    assert _workers() == []


def test_a_message_that_never_ends_is_given_up() -> None:
    assert dict(Pool(1, Limits(seconds=1.0)).run(Lying("half"), [1])) == {0: Lost("no answer within 1 seconds")}


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
        "import os\n"
        "from edgefrac.workers.pool import Pool; from tests.workers.jobs import Doubling\n"
        "answers = Pool(2).run(Doubling(hang=frozenset({4, 5})), list(range(6)))\n"
        "for _ in range(4): next(answers)\n"
        "from tests.processes import children; print(*children(os.getpid()), flush=True)\n"
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
