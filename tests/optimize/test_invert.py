"""Inversion: every method finds what a closed form says, on a problem that is not a tumour."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import optimize, stats
from perturbax.core import SolverError

KEY = jax.random.key(0)
TRUTH = np.array([1.0, -0.5], np.float32)
A = np.array([[1.0, 0.5], [0.0, 1.0], [1.0, -1.0]], np.float32)
PRIOR = stats.UniformPrior([-3.0, -3.0], [3.0, 3.0], ["a", "b"])
NOISE = 0.2


def linear(parameters):
    return jnp.asarray(A) @ parameters


def problem(similarity=None, **options):
    return optimize.InverseProblem(linear, A @ TRUTH, PRIOR, similarity or optimize.SquaredError(NOISE), **options)


@pytest.fixture(scope="module")
def database():
    return optimize.build_database(linear, PRIOR, 4096, key=KEY, shard=1024, progress=False)


# The posterior of a linear model is normal.
COVARIANCE = NOISE**2 * np.linalg.inv(A.T @ A)


def test_cmaes_finds_the_least_squares_within_its_budget():
    found = optimize.invert(problem(), optimize.CMAES(budget=300), key=KEY)
    np.testing.assert_allclose(found.parameters, TRUTH, atol=1e-3)
    assert found["a"] == pytest.approx(1.0, abs=1e-3)
    assert found.stats["evaluations"] <= 300
    assert np.all(np.diff(found.stats["history"]) >= 0.0)
    np.testing.assert_allclose(found.prediction, A @ found.parameters, rtol=1e-5)


def test_gradients_find_the_least_squares_and_count_what_they_simulate():
    found = optimize.invert(problem(), optimize.GradientMAP(starts=2, steps=30), key=KEY)
    np.testing.assert_allclose(found.parameters, TRUTH, atol=1e-3)
    assert 2 < found.stats["evaluations"] <= 2 * 31 + 1


def test_chains_have_the_moments_of_the_posterior():
    method = optimize.RandomWalkMetropolis(chains=16, steps=800, discarded=200, scale=0.3)
    found = optimize.invert(problem(), method, key=KEY)
    np.testing.assert_allclose(found.mean, TRUTH, atol=0.05)
    np.testing.assert_allclose(found.standard_deviation, np.sqrt(np.diagonal(COVARIANCE)), rtol=0.15)
    assert (found.stats["rhat"] < 1.1).all()
    assert found.stats["evaluations"] == 16 * 801 + 1


def test_a_query_has_the_moments_of_the_posterior_when_it_keeps_enough(database):
    query = optimize.DatabaseQuery(database, optimize.SquaredError(NOISE), top_k=400)
    found = optimize.invert(problem(), query, key=KEY)
    np.testing.assert_allclose(found.mean, TRUTH, atol=0.1)
    np.testing.assert_allclose(found.standard_deviation, np.sqrt(np.diagonal(COVARIANCE)), rtol=0.3)
    assert found.stats["evaluations"] == 0
    assert found.weights.sum() == pytest.approx(1.0, rel=1e-5)
    with pytest.raises(ValueError, match="start must be None for RejectionABC"):
        optimize.invert(problem(), optimize.RejectionABC(10, 2), key=KEY, start=found)
    # The best of all entries by brute force.
    distance = ((database.predictions.astype(np.float32) - A @ TRUTH) ** 2).sum(1)
    assert found.stats["entries"][0] == np.argmin(distance)
    np.testing.assert_array_equal(np.sort(found.stats["entries"]), np.sort(np.argsort(distance, kind="stable")[:400]))


def test_rejection_is_the_best_of_the_draws():
    found = optimize.invert(problem(), optimize.RejectionABC(budget=512, accepted=10), key=KEY)
    draws = np.asarray(PRIOR.sample(KEY, 512))
    distance = ((draws @ A.T - A @ TRUTH) ** 2).sum(1)
    np.testing.assert_array_equal(found.samples, draws[np.argsort(distance, kind="stable")[:10]])


def test_a_temperature_widens_the_posterior(database):
    query = optimize.DatabaseQuery(database, optimize.SquaredError(NOISE), top_k=400)
    cold, warm = (optimize.invert(problem(temperature=t), query, key=KEY).standard_deviation for t in (1.0, 4.0))
    assert (warm > cold).all()


@pytest.mark.slow
def test_what_was_found_is_refined(database):
    query = optimize.invert(problem(), optimize.DatabaseQuery(database, optimize.SquaredError(NOISE)), key=KEY)
    for method in (
        optimize.CMAES(budget=60),
        optimize.GradientMAP(starts=2, steps=20),
        optimize.RandomWalkMetropolis(chains=4, steps=30, discarded=10),
    ):
        found = optimize.invert(problem(), method, key=KEY, start=query)
        assert found.score >= query.score, type(method).__name__


def test_another_observation_compiles_nothing_anew():
    traces = []

    def counted(parameters):
        traces.append(0)
        return linear(parameters)

    method, made = optimize.CMAES(budget=60), []
    for shift in (0.0, 0.1, 0.2):
        one = optimize.InverseProblem(counted, A @ TRUTH + shift, PRIOR, optimize.SquaredError(NOISE))
        optimize.invert(one, method, key=KEY)
        made.append(len(traces))
    # The check of the shape at the door traces once each time; the search does not.
    assert made[2] - made[1] == 1


@pytest.mark.slow
def test_a_model_that_is_finite_nowhere_raises_and_one_that_is_so_somewhere_does_not():
    def broken(parameters):
        return jnp.where(parameters[0] > -9.0, jnp.nan, 1.0) * linear(parameters)

    def half(parameters):
        return jnp.where(parameters[0] < 0.5, jnp.nan, 1.0) * linear(parameters)

    nowhere = optimize.InverseProblem(broken, A @ TRUTH, PRIOR, optimize.SquaredError(NOISE))
    with pytest.raises(SolverError, match="RejectionABC after 9 simulations"):
        optimize.invert(nowhere, optimize.RejectionABC(8, 2), key=KEY)
    assert np.isneginf(optimize.invert(nowhere, optimize.RejectionABC(8, 2), key=KEY, throw=False).score)
    somewhere = optimize.InverseProblem(half, A @ TRUTH, PRIOR, optimize.SquaredError(NOISE))
    found = optimize.invert(somewhere, optimize.CMAES(budget=200), key=KEY)
    np.testing.assert_allclose(found.parameters, TRUTH, atol=1e-2)


@pytest.mark.slow
def test_a_network_learns_the_map_of_a_linear_model(database):
    options = {"similarity": optimize.SquaredError(), "encoding": optimize.FullResolution(), "progress": False}
    method = optimize.LearnedRegression.fit(database, PRIOR, key=KEY, steps=2000, **options)
    found = optimize.invert(problem(), method, key=KEY)
    np.testing.assert_allclose(found.parameters, TRUTH, atol=0.1)
    assert found.stats["evaluations"] == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optimize.InverseProblem(3, A[0], PRIOR, optimize.SquaredError()), TypeError, "forward must be"),
        (
            lambda: optimize.InverseProblem(linear, [np.nan] * 3, PRIOR, optimize.SquaredError()),
            ValueError,
            "observation",
        ),
        (lambda: problem(temperature=0.0), ValueError, "temperature must be a number > 0"),
        (lambda: optimize.invert(problem(), optimize.CMAES(budget=8), key=KEY), ValueError, "budget must allow"),
        (
            lambda: optimize.invert(
                optimize.InverseProblem(linear, np.ones(4), PRIOR, optimize.SquaredError()),
                optimize.CMAES(),
                key=KEY,
            ),
            ValueError,
            r"observation must have shape \(3,\) for predictions",
        ),
        (
            lambda: optimize.invert(
                optimize.InverseProblem(linear, np.ones((1, 3)), PRIOR, optimize.Dice((0.5,))),
                optimize.GradientMAP(),
                key=KEY,
            ),
            ValueError,
            "problem.similarity must have gradients, Dice has none",
        ),
        (lambda: optimize.RandomWalkMetropolis(steps=50, discarded=50), ValueError, "steps must be an integer >= 52"),
        (lambda: optimize.RejectionABC(budget=5, accepted=6), ValueError, "accepted must be an integer in"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
