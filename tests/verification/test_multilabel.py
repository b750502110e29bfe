"""Macro figures against scikit-learn, on answers with empty classes, several classes an image, and none."""

from __future__ import annotations

import numpy as np
import pytest

from edgefrac.verification.multilabel import macro_auroc, macro_f1

sklearn_metrics = pytest.importorskip("sklearn.metrics")
RNG = np.random.default_rng(1)
PROBABILITY = RNG.random((300, 4))
TRUE = RNG.integers(0, 3, 300)  # class 3 never occurs
PROBABILITY[np.arange(300), TRUE] += 0.2
ONE_HOT = np.eye(4)[TRUE]
GROUPS = np.repeat(np.arange(100), 3)


def test_macro_auroc_is_the_mean_over_classes_that_occur() -> None:
    found = macro_auroc(ONE_HOT, PROBABILITY, GROUPS)
    each = [sklearn_metrics.roc_auc_score(ONE_HOT[:, k], PROBABILITY[:, k]) for k in range(3)]
    assert found.value == pytest.approx(np.mean(each), abs=1e-12)
    assert found.low < found.value < found.high and found.width < 0.15


def test_macro_f1_agrees_with_scikit_learn() -> None:
    wanted = sklearn_metrics.f1_score(TRUE, PROBABILITY.argmax(axis=1), labels=[0, 1, 2], average="macro")
    found = macro_f1(ONE_HOT, PROBABILITY, GROUPS)
    assert found.value == pytest.approx(wanted, abs=1e-12)
    assert found.low < found.value < found.high and found.width < 0.2


def test_macro_f1_leaves_out_images_of_no_class_and_of_several() -> None:
    more = np.concatenate([ONE_HOT, np.zeros((5, 4)), np.ones((5, 4))])
    groups = np.concatenate([GROUPS, np.arange(100, 110)])
    probability = np.concatenate([PROBABILITY, RNG.random((10, 4))])
    assert macro_f1(more, probability, groups).value == macro_f1(ONE_HOT, PROBABILITY, GROUPS).value


def test_nothing_to_tell_has_no_value() -> None:
    assert macro_auroc(np.ones((4, 2)), np.random.rand(4, 2), np.arange(4)).value is None
    assert macro_f1(np.zeros((4, 2)), np.random.rand(4, 2), np.arange(4)).value is None


def test_classes_of_one_image_do_not_cost_the_interval() -> None:
    """Most replicates lack one of two such images; the other classes have their figures in them all the same."""
    rare = np.pad(ONE_HOT, [(0, 0), (0, 1)])
    rare[[0, 30]] = np.eye(5)[[3, 4]]
    probability = np.pad(PROBABILITY, [(0, 0), (0, 1)])
    probability[30] = 0.1 * rare[30]
    for figure in (macro_auroc, macro_f1):
        found = figure(rare, probability, GROUPS)
        assert found.low is not None and found.low < found.value < found.high
