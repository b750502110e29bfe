"""What can be told of the class without looking at a bone: by size, file, borders, brightness, or a flag.

A logistic regression is cross-validated over groups (Alain & Bengio, "Understanding intermediate layers using linear
classifier probes", 2016, for the name). A score of 0.5 means that nothing can be told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edgefrac.datasets.sample import Sample
from edgefrac.datasets.survey import Look

Array = NDArray[np.float64]

_FOLDS = 5
_COMMONEST = 20  # values of a category that get a column of their own


def probe_features(samples: Sequence[Sample], looks: Sequence[Look]) -> dict[str, Array]:
    """Features [n, ...] by what they describe; columns that do not vary are left out, and so are empty sources."""
    sizes = np.array([(look.width, look.height) for look in looks], np.float64)
    log = np.log(sizes)
    exact = _one_hot([f"{look.width}×{look.height}" for look in looks])
    sources = {
        "image size": np.hstack([log, log[:, :1] - log[:, 1:], exact]),
        "file encoding (JPEG tables, format)": np.hstack(
            [_one_hot([look.encoding.get(key, "") for look in looks]) for key in ("format", "tables", "kind")]
        ),
        "borders and letterbox": _numbers([look.borders for look in looks]),
        "brightness": _numbers([look.brightness for look in looks]),
    }
    sources["all of these together"] = np.hstack(list(sources.values()))
    for facet in sorted({facet for sample in samples for facet in sample.facets} - {"split"}):
        sources[f"flag '{facet}'"] = _one_hot([sample.facets.get(facet, "") for sample in samples])
    varied = {name: columns[:, np.ptp(columns, axis=0) > 0] for name, columns in sources.items()}
    return {name: columns for name, columns in varied.items() if columns.size}


def out_of_fold_scores(features: Array, positive: NDArray[np.bool_], groups: Sequence[str]) -> Array | None:
    """Log-odds [n] for each image by a model that saw no image of its group; None if the groups are too few.

    Needs scikit-learn.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = np.asarray(groups)
    if min(np.unique(names[positive]).size, np.unique(names[~positive]).size) < _FOLDS:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000))
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(model, features, positive, groups=names, cv=folds, method="decision_function")
    return np.asarray(scores, dtype=np.float64)


def _numbers(rows: Sequence[Mapping[str, float]]) -> Array:
    return np.array([list(row.values()) for row in rows], np.float64)


def _one_hot(values: Sequence[str]) -> Array:
    names = [name for name, _ in Counter(values).most_common(_COMMONEST)]
    return np.array([[value == name for name in names] for value in values], np.float64)
