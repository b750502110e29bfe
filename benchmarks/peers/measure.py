"""Speed of all entrants in the same turns, and the answers of those that are the student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.document import Parity
from benchmarks.peers.entrants import Entrant, Judged
from benchmarks.peers.executorch_files import Remote
from edgefrac.benchmarking.stopwatch import OPENINGS, Open, Run, Turns, take_turns
from edgefrac.datasets.sample import Sample
from edgefrac.evaluation import Answers, Collection, collect, require_both_classes
from edgefrac.pipeline.outputs import judge_answers
from edgefrac.pipeline.subject import Subject
from edgefrac.progress import Track
from edgefrac.runtimes.torch import ExportableSession
from edgefrac.verification.metrics import evidence_correlation
from edgefrac.verification.verdict import Limits


def time_in_turns(
    entrants: Sequence[Entrant], image: NDArray[np.uint8], seconds: float, track: Track, openings: int = OPENINGS
) -> Turns:
    """Time entrants, all of which can be opened, on one network input, uint8 [S, S].

    One that runs in another process takes its turn like all others, but its times are those that it took itself.
    """
    remote: dict[int, list[Remote]] = {}
    subjects = [_subject(entrant, image, remote.setdefault(k, [])) for k, entrant in enumerate(entrants)]
    return _by_their_own_clocks(take_turns(subjects, seconds, openings=openings, track=track), remote)


def _subject(entrant: Entrant, image: NDArray[np.uint8], remote: list[Remote]) -> Open:
    def opened() -> Run:
        assert entrant.open is not None
        runnable = entrant.open()
        if isinstance(runnable, Remote):
            remote.append(runnable)
        prepared = runnable.prepare(image)
        return lambda: runnable.run(prepared)

    return opened


def _by_their_own_clocks(turns: Turns, remote: dict[int, list[Remote]]) -> Turns:
    taken, worked = turns.taken.copy(), turns.worked.copy()
    for k, openings in remote.items():
        own = [run for n, one in enumerate(openings) for run in one.taken[turns.warm_up[k, n] :]]
        if own:
            taken[k], worked[k] = np.array(own).T
    return replace(turns, taken=taken, worked=worked)


def judge(
    subject: Subject, entrants: Sequence[Entrant], samples: Sequence[Sample], track: Track
) -> tuple[list[Parity], Collection]:
    """Every entrant, all of them forms of the student, against the float32 torch network on the same radiographs.

    Raises DatasetError where only one class is left. Those of phantoms that the checkpoint has seen are left out.
    """
    exportable, identity = subject.exportable, subject.identity
    reference = ExportableSession(exportable, exportable.contract("fp32", identity), subject.path)
    others = [Judged(e.contract, e.open()) for e in entrants if e.contract is not None and e.open is not None]
    seen = identity.training_data.seen_hashes()
    collection = collect([reference, *others], samples, leave_out=seen, track=track)
    require_both_classes("the radiographs to judge on", collection)
    truth, *answers = collection.answers
    found = []
    for session, said in zip(others, answers, strict=True):
        verdict = judge_answers(collection, truth, said, session.contract, Limits())
        loss = verdict.auroc_loss
        found.append(
            Parity(
                max_abs_diff=verdict.max_abs_diff,
                auroc_loss=loss.value,
                auroc_loss_ci=None if loss.interval is None else (loss.interval[0], loss.interval[1]),
                flips=len(verdict.flips),
                evidence_correlation=_alike(truth, said),
                gate=verdict.verdict,
            )
        )
    return found, collection


def _alike(truth: Answers, said: Answers) -> float | None:
    """Mean correlation of the evidence maps, over those images where it is defined."""
    if truth.evidence is None or said.evidence is None:
        return None
    each = evidence_correlation(truth.evidence[..., 0], said.evidence[..., 0])
    return None if np.isnan(each).all() else float(np.nanmean(each))
