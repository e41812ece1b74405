"""Flows of features: against the flow of every sample, the invariants of the central path, and bad input."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from perturbax import core, dynamics
from perturbax.dynamics import _gradient_flow
from perturbax.dynamics.joint_gradient_flow import _JointVelocity

from .problems import POINTS, UNBALANCED, problem, pure

CENTRAL = dynamics.CentralPathFlow(end=8.0, points=POINTS)
JOINT = dynamics.JointGradientFlow(end=8.0, points=POINTS)


def objective(H, W, p):
    """By the definition, sample by sample."""
    n, classes = H.shape[0], W.shape[0]
    gaps = jnp.sum((H @ W.T - np.eye(classes)[p.labels]) ** 2) + p.feature_decay * jnp.sum(H**2)
    return (gaps + p.proximity * jnp.sum((H - p.features) ** 2)) / (2 * n) + p.classifier_decay * jnp.sum(W**2) / (
        2 * classes
    )


def best_classifier(H, p):
    n, d = H.shape
    Y = np.eye(p.labels.max() + 1)[p.labels]
    return np.linalg.solve(H.T @ H + n / Y.shape[1] * p.classifier_decay * np.eye(d), H.T @ Y).T


@pytest.mark.parametrize("labels", [None, UNBALANCED], ids=["balanced", "unbalanced"])
def test_the_central_path_is_the_flow_of_every_sample(labels):
    p = problem(labels=labels, proximity=0.3, feature_decay=0.01)

    def velocity(t, flat):
        H = flat.reshape(p.features.shape)
        W = best_classifier(H, p)
        targets = np.eye(3)[p.labels]
        return (-(H @ W.T - targets) @ W - p.feature_decay * H - p.proximity * (H - p.features)).ravel()

    wanted = solve_ivp(velocity, (0.0, 8.0), p.features.ravel(), rtol=1e-10, atol=1e-12).y[:, -1]
    found = dynamics.flow(p, CENTRAL)
    np.testing.assert_allclose(found.features.ravel(), wanted, atol=1e-7)
    np.testing.assert_allclose(found.classifiers[-1], best_classifier(found.features, p), atol=1e-9)
    with core.float64():
        wanted = float(objective(jnp.asarray(found.features), jnp.asarray(found.classifiers[-1]), p))
    assert found.objective[-1] == pytest.approx(wanted, rel=1e-10)


def test_along_the_central_path_without_weights_the_classes_collapse():
    for seed in range(3):
        found = dynamics.flow(pure(seed=seed), CENTRAL)
        assert (np.diff(found.metrics.nc1_trace) < 0.0).all()
        assert (np.diff(found.objective) < 0.0).all()
        norms = (found.means**2).sum((1, 2))
        assert (np.diff(norms) > 0.0).all()
        S = found.means @ found.classifiers.transpose(0, 2, 1)
        np.testing.assert_allclose(S, S.transpose(0, 2, 1), atol=1e-12)
        assert np.linalg.eigvalsh(S).min() > 0.0
        assert np.linalg.eigvalsh(S).max() < 1.0


def test_deviations_go_through_one_filter_that_lengthens_none():
    p = pure()
    found = dynamics.flow(p, CENTRAL)
    means = np.stack([found.features[p.labels == k].mean(0) for k in range(3)])
    np.testing.assert_allclose(found.features - means[p.labels], p.deviations @ found.filter, atol=1e-12)
    assert np.linalg.svd(found.filter, compute_uv=False).max() <= 1.0 + 1e-9


def test_a_fast_classifier_comes_near_the_central_path():
    p, key = problem(proximity=0.3), jax.random.key(0)
    along = dynamics.flow(p, CENTRAL)
    apart = []
    for rate in (1.0, 20.0):
        joint = dynamics.flow(p, dataclasses.replace(JOINT, rate=rate), key=key)
        assert (np.diff(joint.objective) < 0.0).all()
        apart.append(np.abs(joint.means[1] - along.means[1]).max())
    assert apart[1] < 0.25 * apart[0]


def test_the_joint_flow_is_minus_the_gradient():
    p = problem(proximity=0.3)
    with core.float64():
        model = p.settle()
        W = jax.random.normal(jax.random.key(1), (3, 5))
        h, change = _JointVelocity(model, jnp.asarray(2.0))((model.start, W))
        by_H, by_W = jax.grad(objective, (0, 1))(jnp.asarray(p.features), W, p)
        moved = h.means[p.labels] + p.deviations @ h.filter
        np.testing.assert_allclose(moved, -p.features.shape[0] * by_H, atol=1e-12)
        np.testing.assert_allclose(change, -2.0 * 3 * by_W, atol=1e-12)
        wanted = float(objective(jnp.asarray(p.features), W, p))
        assert float(model.objective(model.start, W)) == pytest.approx(wanted, rel=1e-12)


def test_another_problem_of_the_same_size_compiles_nothing():
    dynamics.flow(problem(), CENTRAL)
    size = _gradient_flow.integrate._cached._cache_size()
    dynamics.flow(problem(0.5, UNBALANCED, seed=5, proximity=0.1), dataclasses.replace(CENTRAL, end=3.0, rtol=1e-7))
    assert _gradient_flow.integrate._cached._cache_size() == size


def test_a_trained_layer_lowers_the_loss():
    p, method = problem(proximity=0.0), dynamics.TrainedLayer(steps=60, points=3)
    found = dynamics.flow(p, method, key=jax.random.key(0))
    assert found.filter is None
    assert found.times.tolist() == [20.0, 40.0, 60.0]
    assert (np.diff(found.objective) < 0.0).all()
    assert (found.features >= 0.0).all()


@pytest.mark.parametrize("method", [JOINT, dynamics.TrainedLayer(steps=1, points=1)])
def test_methods_that_draw_numbers_need_a_key(method):
    with pytest.raises(ValueError, match=f"key must be given for {type(method).__name__}"):
        dynamics.flow(problem(), method)


def test_steps_that_do_not_suffice_are_an_error_or_a_result():
    short = dataclasses.replace(CENTRAL, max_steps=1, rtol=1e-12)
    with pytest.raises(core.SolverError, match="CentralPathFlow"):
        dynamics.flow(problem(), short)
    found = dynamics.flow(problem(), short, throw=False)
    assert found.result == core.Result.max_steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": np.full((4, 2), np.nan)}, "features must be finite"),
        ({"features": np.ones(4)}, "features must have 2 axes"),
        ({"labels": [0, 1]}, "labels must have shape"),
        ({"labels": [3, 3, 3, 3]}, "labels must hold two classes or more, got only 3"),
        ({"classifier_decay": -1.0}, "classifier_decay must be a number >= 0"),
        ({"feature_decay": np.inf}, "feature_decay must be a number >= 0"),
        ({"proximity": np.nan}, "proximity must be a number >= 0"),
        ({"features": np.ones((4, 2)), "classifier_decay": 0.0}, "classifier_decay must be > 0 for features"),
    ],
)
def test_bad_problems_are_refused_by_name(arguments, message):
    given = {"features": np.eye(4, 2), "labels": [0, 1, 0, 1], **arguments}
    with pytest.raises((ValueError, TypeError), match=message):
        dynamics.CollapseProblem(**given)


def test_other_objects_are_refused(without_type_checks):
    with pytest.raises(TypeError, match="problem must be a problem CollapseProblem"):
        dynamics.flow(np.eye(3), CENTRAL)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="did you mean CentralPathFlow"):
        dynamics.flow(problem(), dynamics.CentralPathFlow)  # pyright: ignore[reportArgumentType]
