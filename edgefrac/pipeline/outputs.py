"""From collected answers to what statistics read: the outputs, figures and verdict of one model on one data set."""

from __future__ import annotations

import numpy as np

from edgefrac.contract import Contract
from edgefrac.evaluation import Answers, Collection, case_figures
from edgefrac.verification.figures import Figures
from edgefrac.verification.gate import judge
from edgefrac.verification.verdict import Limits, Outputs, Verdict


def outputs_of(answers: Answers, contract: Contract) -> Outputs:
    """The fracture channel of one model's answers, with the logit that its probability stands for."""
    channel = contract.task().first_channel
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
    )
