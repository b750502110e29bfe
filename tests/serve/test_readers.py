"""Readers that crash, stand still or want too much memory cost their image, and nothing else."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import BusyError, ImageError, ModelFileError, OutputError
from edgefrac.serve.reader_process import Reading
from edgefrac.serve.readers import Limits, ReaderLostError, Readers
from edgefrac.workers import framing
from edgefrac.workers.child import Child, CrashedError
from edgefrac.workers.framing import Message
from edgefrac.workers.limits import Limits as ChildLimits
from tests.imaging.files import dicom, noise, png
from tests.serve.running import own_readers, radiograph, wait_until

SECONDS = 2.0
Make = Callable[..., Readers]


@pytest.fixture
def make(tiny_tflite: Path) -> Iterator[Make]:
    """Makes readers of the tiny model, and ends them."""
    made: list[Readers] = []

    def one(count: int = 1, **limits: float) -> Readers:
        made.append(Readers(tiny_tflite, count, limits=Limits(**limits)))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for readers in made:
        for child in own_readers():
            os.kill(child, signal.SIGCONT)
        readers.close()


def ask(readers: Readers, image: bytes) -> Future[Message]:
    return readers.submit({"do": "answer"}, [image])


def test_what_a_reader_says_of_its_model(make: Make) -> None:
    readers = make()
    assert readers.contract.name == "tiny" and len(readers.model_sha256) == 64


def test_a_reader_that_crashes_costs_one_image(make: Make) -> None:
    readers = make()
    (child,) = own_readers()
    os.kill(child, signal.SIGSTOP)
    lost, next_ = ask(readers, radiograph()), ask(readers, radiograph())
    wait_until(lambda: readers.waiting == 1)
    os.kill(child, signal.SIGKILL)
    with pytest.raises(ReaderLostError, match=r"^the image: its decoder crashed$"):
        lost.result(10)
    assert next_.result(30)[0]["answer"]["model"] == "tiny"
    assert (readers.replaced, readers.up) == (1, 1)


def test_what_is_lost_is_told_before_another_reader_is_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory is short none comes up, and whoever waits for an answer would wait for ever."""
    readers = make()
    (child,) = own_readers()
    os.kill(child, signal.SIGSTOP)
    lost = ask(readers, radiograph())

    def no_memory(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("edgefrac.serve.readers._BEFORE_NEXT_TRY", 0.1)
    with monkeypatch.context() as short:
        short.setattr("edgefrac.serve.readers.Child", no_memory)
        os.kill(child, signal.SIGKILL)
        with pytest.raises(ReaderLostError):
            lost.result(10)
        next_ = ask(readers, radiograph())
        assert (readers.replaced, readers.up) == (1, 0)
        with pytest.raises(TimeoutError):
            next_.result(0.5)
    assert next_.result(30)[0]["answer"]["model"] == "tiny"


def test_an_answer_that_could_not_be_heard_is_not_the_next_ones(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """For want of memory here: it stays in the pipe, and would be taken for that to the next image."""

    def short(*_: object) -> bytes:
        raise MemoryError

    readers = make()
    black, noisy = png(np.zeros((48, 48), np.uint8)), radiograph(1)
    wanted = ask(readers, noisy).result(30)[0]["answer"]["probability"]
    with monkeypatch.context() as patched:
        patched.setattr(framing, "_exactly", short)
        with pytest.raises(BusyError, match="memory is short"):
            ask(readers, black).result(30)
    assert ask(readers, noisy).result(30)[0]["answer"]["probability"] == wanted
    assert ask(readers, black).result(30)[0]["answer"]["probability"] != wanted


def test_a_reader_that_stands_still_is_replaced(make: Make) -> None:
    readers = make(seconds=SECONDS)
    (child,) = own_readers()
    os.kill(child, signal.SIGSTOP)
    with pytest.raises(ReaderLostError, match="not read within 2 seconds"):
        ask(readers, radiograph()).result(10)
    assert ask(readers, radiograph()).result(30)
    assert readers.replaced == 1 and child not in own_readers()


def test_an_image_that_wants_too_much_memory_is_refused(make: Make) -> None:
    readers = make(megabytes=400)
    with pytest.raises(ImageError, match=r"(?i)memory"):
        ask(readers, dicom(np.zeros((8000, 8000), np.uint16))).result(30)
    assert ask(readers, radiograph()).result(10)
    assert readers.replaced == 0


def test_a_queue_that_is_full_refuses(make: Make) -> None:
    readers = make(waiting=2)
    (child,) = own_readers()
    os.kill(child, signal.SIGSTOP)
    jobs = [ask(readers, radiograph())]
    wait_until(lambda: readers.waiting == 0)
    jobs += [ask(readers, radiograph()) for _ in range(2)]
    with pytest.raises(BusyError, match="2 images wait already"):
        ask(readers, radiograph())
    os.kill(child, signal.SIGCONT)
    assert all(job.result(10)[0]["answer"] for job in jobs)


def test_a_job_whose_caller_went_away_is_not_done(make: Make) -> None:
    readers = make()
    (child,) = own_readers()
    os.kill(child, signal.SIGSTOP)
    first, gone, last = ask(readers, radiograph()), ask(readers, b"no image"), ask(readers, radiograph())
    assert gone.cancel()
    os.kill(child, signal.SIGCONT)
    assert first.result(10) and last.result(10)


def test_several_readers_read_at_once(make: Make) -> None:
    readers = make(2)
    stopped = own_readers()[0]
    os.kill(stopped, signal.SIGSTOP)
    jobs = [ask(readers, radiograph()) for _ in range(6)]
    wait_until(lambda: sum(job.done() for job in jobs) == 5)
    os.kill(stopped, signal.SIGCONT)
    assert all(job.result(10) for job in jobs)


def test_numbers_that_cannot_be_stored_are_not_the_images_fault(make: Make, tmp_path: Path) -> None:
    readers = make()
    (tmp_path / "image").write_bytes(radiograph())
    job = {"do": "read", "incoming": str(tmp_path / "image"), "into": str(tmp_path / "no" / "such")}
    with pytest.raises(OutputError, match="cannot be stored"):
        readers.submit(job).result(10)


def test_a_model_that_cannot_be_opened_is_said_and_leaves_nobody(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"no model")
    before = own_readers()
    with pytest.raises(ModelFileError, match="neither a TFLite"):
        Readers(tmp_path / "model.tflite", 2)
    assert own_readers() == before


def test_a_reader_ends_itself_where_nobody_does(tiny_tflite: Path) -> None:
    """A decoder that never returns outlives its server only for some seconds: here for one, and nobody is waiting."""
    child = Child(Reading(tiny_tflite, 1), ChildLimits(seconds=-4))
    child.hear()
    object.__setattr__(child.limits, "seconds", 30.0)  # what the server would wait
    assert child.ask({"do": "answer"}, [png(noise(16, 16))])[0]["answer"]
    with pytest.raises(CrashedError, match="SIGALRM"):  # for this one takes longer than a second to decode and shrink
        child.ask({"do": "answer"}, [dicom(np.zeros((8900, 8900), np.uint16), Modality="CR")])
