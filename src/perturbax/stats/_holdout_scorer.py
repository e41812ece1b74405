"""A scorer for scikit-learn's searches that asks a reusable holdout."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import check_instance
from ._holdout import Holdout


def _correct(target: Any, prediction: Any) -> Any:
    return np.asarray(target) == np.asarray(prediction)


class HoldoutScorer:
    """`GridSearchCV(..., scoring=HoldoutScorer(holdout))` scores on a reusable holdout instead of on folds.

    Every score is one query, so the search needs a single split: `cv=[(rows, rows)]` with all rows of the training
    records. What the search hands over to be scored is not looked at. `error_score="raise"` stops a search whose budget
    is spent; otherwise scikit-learn warns and scores NaN.

    **Arguments:**

    - `holdout`: a `Holdout` whose records are pairs `(X, y)`.
    - `score`: a function of targets and predictions that gives one value for each record, larger is better; whether
      they are equal by default.

    **Returns:** a callable `scorer(estimator, X, y)`.

    **Raises:** `TypeError` when the holdout is none; when called, as `Holdout.query`.

    >>> import jax, numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from perturbax import stats
    >>> X, y = np.zeros((50, 1)), np.arange(50) % 2
    >>> kept = stats.Holdout((X, y), (X + 1.0, y), stats.Thresholdout.practice(50), key=jax.random.key(0))
    >>> stats.HoldoutScorer(kept)(DummyClassifier(strategy="constant", constant=0).fit(X, y))
    0.5
    """

    def __init__(self, holdout: Holdout, score: Callable[[Any, Any], Any] = _correct):
        self.holdout = check_instance("holdout", holdout, Holdout, "a stats.Holdout(...)")
        self.score = score

    def __call__(self, estimator: Any, X: Any = None, y: Any = None) -> float:
        def values(records: Any) -> Any:
            inputs, target = records
            return self.score(target, estimator.predict(inputs))

        return self.holdout.query(values, name=str(estimator)[:200])
