"""Minimisers of the model: stationary, one and the same by all routes, and predicted near collapse to second order."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

from perturbax import core, dynamics

from .problems import UNBALANCED, D, K, N, features, problem
from .test_flow import objective

EXACT = dynamics.AlternatingExact()
NEWTON = dynamics.ReducedNewton()
PREDICTOR = dynamics.CollapsePredictor()


@pytest.mark.parametrize("labels", [None, UNBALANCED], ids=["balanced", "unbalanced"])
def test_exact_steps_and_newton_find_one_stationary_point(labels):
    p = problem(labels=labels, proximity=0.1)
    one, other = dynamics.flow(p, EXACT), dynamics.flow(p, NEWTON)
    assert max(one.stats["residual"], other.stats["residual"]) <= 1e-10
    np.testing.assert_allclose(one.features, other.features, atol=1e-8)
    assert other.stats["evaluations"] < one.stats["evaluations"]
    with core.float64():
        by_H, by_W = jax.grad(objective, (0, 1))(jnp.asarray(one.features), jnp.asarray(one.classifiers[0]), p)
    assert np.abs(by_H).max() < 1e-10
    assert np.abs(by_W).max() < 1e-10


def test_directions_shrink_by_the_singular_values_of_the_classifier():
    found = dynamics.flow(problem(proximity=0.1), NEWTON)
    w = np.append(np.linalg.svd(found.classifiers[0], compute_uv=False), np.zeros(D - K))
    wanted = 0.1 / (0.1 + 5e-4 + w**2)
    np.testing.assert_allclose(np.sort(np.linalg.eigvalsh(found.filter)), np.sort(wanted), rtol=1e-8)


def test_the_flow_ends_at_the_minimiser():
    p = problem()
    end = dynamics.flow(p, dynamics.CentralPathFlow(end=200.0, points=11))
    np.testing.assert_allclose(end.features, dynamics.flow(p, NEWTON).features, atol=1e-5)


def test_for_collapsed_features_the_prediction_is_exact():
    p = problem(spread=0.0)
    exact, predicted = dynamics.flow(p, NEWTON), dynamics.flow(p, PREDICTOR)
    np.testing.assert_allclose(predicted.features, exact.features, atol=1e-8)
    np.testing.assert_allclose(predicted.classifiers, exact.classifiers, atol=1e-8)


def test_an_orthogonal_frame_stays_one_with_the_scalars_of_the_closed_form():
    labels = np.arange(N) % K
    decay, pull, beta, c = 0.05, 0.11, 0.1, 1.3
    frame = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0][:K]
    p = dynamics.CollapseProblem(c * frame[labels], labels, decay, pull - beta, beta)
    found = dynamics.flow(p, PREDICTOR)
    h = brentq(lambda h: pull * h - beta * c - decay * h / (h**2 + decay) ** 2, 0.5, 10.0)
    np.testing.assert_allclose(found.means[0], h * frame, atol=1e-9)
    np.testing.assert_allclose(found.classifiers[0], h / (h**2 + decay) * frame, atol=1e-9)


def test_the_prediction_is_right_to_second_order():
    errors = []
    for spread in (1e-3, 1e-2):
        p = problem(spread)
        exact, predicted = (dynamics.flow(p, method).metrics.nc1_trace[0] for method in (NEWTON, PREDICTOR))
        errors.append(abs(predicted / exact - 1.0))
    assert np.log10(errors[1] / errors[0]) == pytest.approx(2.0, abs=0.25)
    assert dynamics.flow(problem(0.1), dynamics.CollapsePredictor(order=0)).metrics.nc1_trace[0] < 1e-30


@pytest.mark.parametrize("weights", [(1e-4, 1e-4, 1e-3), (0.5, 0.1, 1.0), (5.0, 5.0, 0.1), (5e-3, 0.0, 1.0)])
def test_the_closed_form_is_found_for_all_weights(weights):
    p = dynamics.CollapseProblem(*features(0.05), *weights)
    found = dynamics.flow(p, PREDICTOR)
    np.testing.assert_allclose(found.features, dynamics.flow(p, NEWTON).features, atol=0.02)


@pytest.mark.parametrize("method", [EXACT, NEWTON, PREDICTOR])
def test_a_problem_without_a_minimiser_is_refused(method):
    with pytest.raises(ValueError, match=f"feature_decay \\+ proximity must be > 0 for {type(method).__name__}"):
        dynamics.flow(problem(feature_decay=0.0, proximity=0.0), method)


def test_classes_of_different_sizes_have_no_closed_form():
    with pytest.raises(ValueError, match="labels must hold classes of one size for the closed form, got 3 to 7"):
        dynamics.flow(problem(labels=UNBALANCED), PREDICTOR)


@pytest.mark.parametrize("method", [EXACT, NEWTON])
def test_too_few_steps_are_an_error(method):
    with pytest.raises(core.SolverError, match=type(method).__name__):
        dynamics.flow(problem(), dataclasses.replace(method, max_steps=2, tol=1e-14))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dynamics.CollapsePredictor(order=2), "order must be an integer in"),
        (lambda: dynamics.AlternatingExact(tol=0.0), "tol must be a number > 0"),
        (lambda: dynamics.ReducedNewton(inner_steps=0), "inner_steps must be an integer >= 1"),
        (lambda: dynamics.CentralPathFlow(points=1), "points must be an integer >= 2"),
        (lambda: dynamics.JointGradientFlow(rate=0.0), "rate must be a number > 0"),
        (lambda: dynamics.TrainedLayer(steps=3, points=4), "points must be an integer in"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()
