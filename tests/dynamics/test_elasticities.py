"""Sensitivities of the prediction, and the proximity that explains a measured variability."""

import numpy as np
import pytest

from perturbax import dynamics

from .problems import UNBALANCED, problem


def frame(beta, scale=1e-3):
    """An orthogonal frame of length 1.3 for four classes in eight dimensions, with the same deviations in all."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    deviations = scale * np.concatenate([np.eye(8), -np.eye(8)])
    features = np.concatenate([1.3 * turn[k] + deviations for k in range(4)])
    return dynamics.CollapseProblem(features, np.repeat(np.arange(4), 16), 0.05, 0.05, beta)


@pytest.mark.parametrize(
    ("beta", "classifier_decay", "feature_decay", "proximity"),
    [(0.01, -0.439, -1.142, 1.636), (0.1, -0.230, -0.252, 0.549)],
)
def test_elasticities_of_a_frame_are_those_that_are_known(beta, classifier_decay, feature_decay, proximity):
    # From another implementation, to three digits.
    found = dynamics.elasticities(frame(beta))
    assert found.classifier_decay == pytest.approx(classifier_decay, rel=0.005)
    assert found.feature_decay == pytest.approx(feature_decay, rel=0.005)
    assert found.proximity == pytest.approx(proximity, rel=0.005)


def test_elasticities_are_slopes_of_the_prediction():
    weights = {"classifier_decay": 0.05, "feature_decay": 0.02, "proximity": 0.1}
    found = dynamics.elasticities(problem(0.1, **weights))
    for name, value in weights.items():
        ends = [
            dynamics.flow(problem(0.1, **{**weights, name: value * factor}), dynamics.CollapsePredictor())
            for factor in (1.0 - 1e-4, 1.0 + 1e-4)
        ]
        slope = np.diff(np.log([end.metrics.nc1_trace[0] for end in ends]))[0] / np.log((1.0 + 1e-4) / (1.0 - 1e-4))
        assert getattr(found, name) == pytest.approx(slope, abs=1e-5), name


def test_the_proximity_of_a_minimiser_is_found_again():
    measured = dynamics.flow(problem(proximity=0.02), dynamics.ReducedNewton()).metrics.nc1_trace[0]
    assert dynamics.matching_proximity(problem(proximity=1.0), measured) == pytest.approx(0.02, rel=1e-6)


def test_what_has_no_answer_is_refused(without_type_checks):
    with pytest.raises(ValueError, match="labels must hold classes of one size"):
        dynamics.elasticities(problem(labels=UNBALANCED))
    with pytest.raises(ValueError, match="feature_decay must be a number > 0"):
        dynamics.elasticities(problem(feature_decay=0.0))
    with pytest.raises(ValueError, match="nc1_trace must be below that of the given features"):
        dynamics.matching_proximity(problem(), 1e6)
    with pytest.raises(ValueError, match="nc1_trace must be a number > 0"):
        dynamics.matching_proximity(problem(), 0.0)
    with pytest.raises(TypeError, match="problem must be a problem CollapseProblem"):
        dynamics.elasticities(np.eye(3))  # pyright: ignore[reportArgumentType]
