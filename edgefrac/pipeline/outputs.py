"""From collected answers to what statistics read: the outputs, figures and verdict of one model on one data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Contract, Task
from edgefrac.evaluation import Answers, Collection, case_figures
from edgefrac.verification.figures import Figures
from edgefrac.verification.further import Further
from edgefrac.verification.gate import judge
from edgefrac.verification.verdict import Limits, Outputs, Verdict


def outputs_of(answers: Answers, contract: Contract) -> Outputs:
    """The fracture channel of one model's answers."""
    return channel_of(answers, contract.task().first_channel)


def channel_of(answers: Answers, channel: int) -> Outputs:
    """One channel of one model's answers, with the logit that its probability stands for."""
    probability = answers.probability[:, channel].astype(np.float64)
    clipped = np.clip(probability, 1e-7, 1 - 1e-7)  # a float32 sigmoid reaches 1.0
    evidence = None if answers.evidence is None else answers.evidence[..., channel]
    return Outputs(np.log(clipped / (1 - clipped)), probability, evidence)


def figures_of(collection: Collection, answers: Answers, contract: Contract) -> Figures:
    """Figures of the fracture task at its frozen threshold."""
    task = contract.task()
    return case_figures(collection.cases, answers.probability[:, task.first_channel], task.threshold)


def judge_answers(
    collection: Collection, reference: Answers, candidate: Answers, contract: Contract, limits: Limits
) -> Verdict:
    """The gate's verdict on ``candidate``, whose file has ``contract``, against ``reference``; raises GateError."""
    return judge(
        outputs_of(reference, contract),
        outputs_of(candidate, contract),
        labels=[case.label for case in collection.cases],
        groups=[case.group for case in collection.cases],
        ids=[case.raster_sha256 for case in collection.cases],
        threshold=contract.task().threshold,
        precision=contract.precision,
        limits=limits,
        further=[_further(task, reference, candidate) for task in contract.tasks if task != contract.task()],
    )


def _further(task: Task, reference: Answers, candidate: Answers) -> Further:
    def of_task(values: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        return None if values is None else values[..., task.span]

    before, after = of_task(reference.probability), of_task(candidate.probability)
    assert before is not None and after is not None
    maps = of_task(reference.evidence), of_task(candidate.evidence)
    return Further(task.name, task.threshold, before, after, *maps)
