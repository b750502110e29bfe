"""Faults behind the evidence map: temperature, bias, sigmoid, channels, labels, layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgefrac.runtimes.session import Prediction
from tests.verification.zoo.fault import Planted, fault, planted_file
from tests.verification.zoo.films import Film
from tests.verification.zoo.graphs import append, chain, edited, head_constant, operators, replace_operator
from tests.verification.zoo.material import Material


def _temperature(material: Material) -> np.ndarray:
    return np.array([[task.temperature for task in material.export.exportable.tasks]], np.float32)


@fault("temperature dropped", "the head multiplies by 1, and adds the bias undivided", "temperature left out")
def temperature_dropped(m: Material) -> Planted:
    edits = [head_constant("MUL", np.ones_like), head_constant("ADD", lambda b: b * _temperature(m))]
    return planted_file(m.export, edited(m.export.float_model, chain(edits)))


@fault("temperature applied twice", "the head's factor and bias are divided once more", "temperature applied twice")
def temperature_twice(m: Material) -> Planted:
    edits = [head_constant(name, lambda v: v / _temperature(m)) for name in ("MUL", "ADD")]
    return planted_file(m.export, edited(m.export.float_model, chain(edits)))


@fault("bias of the head dropped", "the head adds 0", "bias of the head left out")
def head_bias_dropped(m: Material) -> Planted:
    return planted_file(m.export, edited(m.export.float_model, head_constant("ADD", np.zeros_like)))


@fault("sigmoid applied twice", "a second LOGISTIC at the end of the graph", "sigmoid applied twice")
def sigmoid_twice(m: Material) -> Planted:
    def edit(model: Any) -> None:
        outputs = model.subgraphs[0].outputs
        outputs[0] = append(model, "LOGISTIC", int(outputs[0]))
        model.signatureDefs[0].outputs[0].tensorIndex = outputs[0]

    return planted_file(m.export, edited(m.export.float_model, edit))


@fault("logits given as probabilities", "the graph ends before its LOGISTIC", "logits given as probabilities")
def logits(m: Material) -> Planted:
    def edit(model: Any) -> None:
        graph = model.subgraphs[0]
        (last,) = operators(model, "LOGISTIC")
        graph.operators.remove(last)
        graph.outputs[0] = last.inputs[0]

    return planted_file(m.export, edited(m.export.float_model, edit))


@fault("labels swapped", "factor and bias of the head negated: the file gives 1 − p", "labels swapped in the file")
def labels_swapped(m: Material) -> Planted:
    edits = [head_constant(name, np.negative) for name in ("MUL", "ADD")]
    return planted_file(m.export, edited(m.export.float_model, chain(edits)))


@fault(
    "maximum instead of mean",
    "REDUCE_MAX in place of MEAN over the map",
    "the logit is not the mean of the evidence map",
)
def maximum(m: Material) -> Planted:
    return planted_file(
        m.export, edited(m.export.float_model, lambda model: replace_operator(model, "MEAN", "REDUCE_MAX"))
    )


def _told(m: Material, tell: Callable[[Prediction], Prediction]) -> Planted:
    """A right file whose answers the app misreads."""
    clean = planted_file(m.export, m.export.float_model)

    def predict(film: Film) -> Prediction:
        return tell(clean.predict(film))

    return Planted(clean.path, clean.contract, predict)


def _turned(m: Material, turn: Callable[[np.ndarray], np.ndarray]) -> Planted:
    return _told(m, lambda p: Prediction(p.probability, None if p.evidence is None else turn(p.evidence)))


@fault("map transposed", "the app reads the evidence column by column", "evidence map transposed")
def map_transposed(m: Material) -> Planted:
    return _turned(m, lambda e: e.swapaxes(0, 1))


@fault("map flipped", "the app draws the evidence from the bottom up", "evidence map flipped top to bottom")
def map_flipped(m: Material) -> Planted:
    return _turned(m, lambda e: e[::-1])


@fault("evidence of another channel", "the app reads the map of the second task", "evidence of another channel")
def other_evidence(m: Material) -> Planted:
    return _turned(m, lambda e: e[..., ::-1])


@fault("answer to another question", "the app reads the second task", "probability and evidence of another channel")
def other_channel(m: Material) -> Planted:
    return _told(m, lambda p: Prediction(p.probability[::-1], None if p.evidence is None else p.evidence[..., ::-1]))
