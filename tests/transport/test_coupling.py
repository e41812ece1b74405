"""Couplings: what each pairing keeps of the ends, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import transport
from perturbax.transport._coupling import PairBatches, check_coupling

KEY = jax.random.key(0)
X0 = np.random.default_rng(0).normal(size=(40, 2))
X1 = X0 + 10.0


def draw(coupling, n=64):
    return PairBatches(coupling.ends, coupling.pairing, n)(KEY)


def rows(x, points):
    """Which rows of the samples were drawn."""
    gaps = np.abs(np.asarray(x)[:, None] - points).max(-1)
    assert gaps.min(1).max() < 1e-5
    return gaps.argmin(1)


def test_independent_pairs_are_of_both_samples_with_their_condition():
    condition = np.arange(40.0)[:, None]
    pairs = draw(transport.Coupling(X0, X1, condition=condition))
    first, second = rows(pairs.x0, X0), rows(pairs.x1, X1)
    assert (first != second).mean() > 0.8
    np.testing.assert_array_equal(pairs.condition[:, 0], second)


def test_given_pairs_stay_together():
    pairs = draw(transport.Coupling(X0, X1, transport.Paired(), condition=X0))
    np.testing.assert_allclose(pairs.x1 - pairs.x0, 10.0, atol=1e-5)
    np.testing.assert_allclose(pairs.condition, pairs.x0)


def test_without_a_start_zeros_hold_its_place():
    pairs = draw(transport.Coupling(None, lambda key, n: jax.random.normal(key, (n, 3))))
    assert pairs.x0.shape == (64, 3)
    assert not pairs.x0.any()


def test_optimal_pairs_of_a_batch_cost_the_least():
    from scipy.optimize import linear_sum_assignment

    coupling = transport.Coupling(X0, np.random.default_rng(1).normal(size=(30, 2)), transport.OptimalTransport())
    pairs = draw(coupling, 20)
    cost = np.square(np.asarray(pairs.x0)[:, None] - np.asarray(pairs.x1)).sum(-1)
    assert np.trace(cost) == pytest.approx(cost[linear_sum_assignment(cost)].sum(), rel=1e-5)


@pytest.mark.slow
def test_entropic_pairs_keep_the_covariance_of_the_plan():
    pytest.importorskip("ott")
    exact = transport.bridge_of_gaussians([0.0], [[1.0]], [0.0], [[1.0]], epsilon=1.0)
    ends = (lambda key, n: jax.random.normal(key, (n, 1)), lambda key, n: jax.random.normal(key, (n, 1)))
    pairs = draw(transport.Coupling(*ends, transport.Entropic(1.0)), 2000)
    wanted = float(exact.process.cross_covariance[0, 0])
    assert float((pairs.x0 * pairs.x1).mean()) == pytest.approx(wanted, abs=0.1)


def test_planned_pairs_are_draws_of_the_bridge():
    bridge = transport.bridge_of_gaussians([0.0], [[1.0]], [3.0], [[4.0]], epsilon=1.0)
    start = lambda key, n: jax.random.normal(key, (n, 1))  # noqa: E731
    pairs = draw(transport.Coupling(start, np.ones((3, 1)), transport.Planned(bridge)), 4000)
    assert float(jnp.cov(pairs.x0[:, 0], pairs.x1[:, 0])[0, 1]) == pytest.approx(1.5616, abs=0.15)


def test_units_are_those_of_both_samples():
    centre, scale = transport.Coupling(X0, X1).units(KEY)
    both = np.concatenate([X0, X1])
    np.testing.assert_allclose(centre, both.mean(0), rtol=1e-5)
    assert scale == pytest.approx(np.sqrt(both.var(0).mean()), rel=1e-5)


BRIDGE = transport.bridge_of_gaussians([0.0], [[1.0]], [3.0], [[4.0]], epsilon=1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transport.Coupling(X0, X1[:, :1]), "x0 must have the 1 dimensions of x1, got 2"),
        (lambda: transport.Coupling(X0, X1[:30], transport.Paired()), "Paired\\(\\) needs x0 and x1"),
        (lambda: transport.Coupling(None, X1, transport.Paired()), "Paired\\(\\) needs x0 and x1"),
        (lambda: transport.Coupling(None, X1, transport.OptimalTransport()), "x0 must be given for pairing"),
        (lambda: transport.Coupling(None, X1, transport.Entropic()), "x0 must be given for pairing"),
        (lambda: transport.Coupling(X0, X1, transport.Planned(BRIDGE)), "a bridge in 2 dimensions, got 1"),
        (lambda: transport.Coupling(X0, X1, condition=np.ones((3, 1))), "condition must have shape"),
        (lambda: transport.Coupling(X0, lambda key, n: jnp.zeros((n, 2)), condition=X0), "condition must be None"),
        (lambda: transport.Coupling(X0, np.full((4, 2), np.inf)), "x1 must be finite"),
        (lambda: transport.Coupling(np.ones((4, 2)), np.ones((4, 2))).units(KEY), "must not both be one point"),
        (lambda: transport.Entropic(0.0), "epsilon must be"),
        (lambda: transport.Entropic(iterations=0), "iterations must be"),
        (lambda: check_coupling(transport.Coupling(None, X1), transport.LinearPath()), "x0 must be given"),
        (lambda: check_coupling(transport.Coupling(X0, X1), transport.MirrorPath()), "which starts from x1 itself"),
        (lambda: check_coupling(transport.Coupling(X0, X1), transport.OneSidedLinearPath()), "starts from noise"),
    ],
)
def test_couplings_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
