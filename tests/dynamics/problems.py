"""Problems of one size, so that all tests of this package share a few compiled programs."""

import numpy as np

from perturbax import dynamics

N, D, K = 15, 5, 3
POINTS = 11


def features(spread=0.3, labels=None, seed=0):
    """Three classes in five dimensions, of one size or with the given labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(N) % K if labels is None else labels
    return random.normal(size=(K, D))[labels] + spread * random.normal(size=(N, D)), labels


UNBALANCED = np.repeat(np.arange(K), [3, 5, 7])


def problem(spread=0.3, labels=None, seed=0, **weights):
    return dynamics.CollapseProblem(*features(spread, labels, seed), **weights)


def pure(labels=None, seed=0):
    """The unconstrained-features model without decay of the features."""
    return problem(1.0, labels, seed, feature_decay=0.0, proximity=0.0)
