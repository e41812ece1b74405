"""Trajectories from snapshots: the verb, its solution, and its methods where the answer is known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, systems, transport

from ..diffusion.test_compilation import compilations

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
N = 400
TIMES = [0.0, 1.0, 2.5]
# Waves are not needed between Gaussians, and few steps do.
BRIDGES = transport.PiecewiseIPF(iterations=4, steps=20, regressor=transport.RandomFeatures(2, degree=3))
RATE = 0.8


def decayed(t, size=N):
    """Draws at `t` of dX = -0.8 X dt + 0.6 dW from N(3, 0.25)."""
    mean = 3.0 * np.exp(-RATE * t)
    variance = 0.25 * np.exp(-2 * RATE * t) + 0.36 * (1.0 - np.exp(-2 * RATE * t)) / (2 * RATE)
    return mean + np.sqrt(variance) * RNG.normal(size=(size, 1))


def family(rate):
    return transport.DriftReference(jax.tree_util.Partial(lambda rate, x, t: -rate * x, jnp.asarray(rate)))


SAMPLES = [decayed(t) for t in TIMES]
PROBLEM = transport.Snapshots(SAMPLES, TIMES, volatility=0.6, reference=family(0.0))


@pytest.fixture(scope="module")
def refined():
    return transport.infer_trajectories(PROBLEM, transport.SBIRR(iterations=6, bridges=BRIDGES), key=KEY)


def test_refinement_finds_the_rate_of_a_decay(refined):
    assert refined.parameters[0] == 0.0
    assert refined.parameters[-1] == pytest.approx(RATE, abs=0.08)
    assert refined.divergences[-1] < 0.2 * refined.divergences[0]
    assert refined.stats["null_directions"].shape[0] == 0
    assert refined.stats["restarts"] == 0


def test_paths_have_the_law_of_every_snapshot_and_of_times_between(refined):
    for t in (*TIMES, 0.5, 1.7):
        wanted, states = decayed(t, 20_000), np.asarray(refined.at(t))
        assert states.mean() == pytest.approx(wanted.mean(), abs=0.12)
        assert states.std() == pytest.approx(wanted.std(), abs=0.1)


def test_each_path_goes_through_the_point_that_it_belongs_to(refined):
    for i, t in enumerate(TIMES):
        own = np.asarray(refined.at(t))[refined.owners == i]
        np.testing.assert_allclose(np.sort(own[:, 0]), np.sort(SAMPLES[i][:, 0]), atol=1e-5)
    assert refined.paths.shape == (3 * N, 41, 1)
    assert refined.times[[0, 20, 40]].tolist() == TIMES


def test_a_forecast_is_the_law_of_the_truth(refined):
    ahead = np.asarray(refined.forecast(KEY, [3.0, 4.0]))
    assert ahead.shape == (2, N, 1)
    for states, t in zip(ahead, (3.0, 4.0), strict=True):
        wanted = decayed(t, 20_000)
        assert states.mean() == pytest.approx(wanted.mean(), abs=0.12)
        assert states.std() == pytest.approx(wanted.std(), abs=0.1)


def test_the_drift_of_paths_of_the_reference_is_that_of_the_reference(refined):
    """The snapshots are those of a member of the family, so that nothing has to be corrected."""
    x = np.linspace(0.8, 1.8, 5)[:, None]
    np.testing.assert_allclose(refined.drift(x, 1.0), -RATE * x, atol=0.5)
    # Backwards the mean goes back to where it came from.
    back = np.asarray(refined.backward_drift(x, 0.99))
    assert np.all(back > 0.0)


@pytest.mark.parametrize(
    ("reference", "scaled"),
    [
        (transport.OrnsteinUhlenbeck(0.4, 0.5), transport.OrnsteinUhlenbeck(0.8, 0.5)),
        pytest.param(transport.Brownian(), transport.Brownian(), marks=pytest.mark.slow),
    ],
)
def test_a_fixed_reference_gives_the_exact_bridge_between_gaussians(reference, scaled):
    """`bridge` has the same interval on [0, 1], where rates and variances are twice as large."""
    rng = np.random.default_rng(2)
    x0, x1 = rng.normal(size=(2000, 1)), 0.7 * rng.normal(size=(2000, 1)) + 1.0
    problem = transport.Snapshots([x0, x1], [1.0, 3.0], 0.8, reference)
    solved = transport.infer_trajectories(problem, transport.FixedReference(BRIDGES), key=KEY)
    ends = [moment for x in (x0, x1) for moment in (x.mean(0), np.atleast_2d(np.cov(x.T)))]
    exact = transport.bridge_of_gaussians(*ends, 2.0 * 0.8**2, scaled)
    middle, states = exact.marginal(0.5), np.asarray(solved.at(2.0))
    assert states.mean() == pytest.approx(float(middle.mean[0]), abs=0.06)
    assert states.var() == pytest.approx(float(middle.covariance[0, 0]), rel=0.1)
    x = np.array([[-0.5], [0.5], [1.5]])
    # The drift is per unit of time.
    np.testing.assert_allclose(solved.drift(x, 2.0), exact.drift(x, 0.5) / 2.0, atol=0.15)


QUICK = transport.PiecewiseIPF(iterations=2, steps=5, regressor=transport.RandomFeatures(4, degree=1))
CLOUDS = [RNG.normal(size=(30, 2)) + i for i in range(3)]


def solve(method, **changes):
    settings = {"samples": CLOUDS, "times": [0.0, 1.0, 2.0], "volatility": 0.5, **changes}
    return transport.infer_trajectories(transport.Snapshots(**settings), method, key=KEY)


def test_units_of_coordinates_and_of_time_do_not_matter():
    unit = np.array([8.0, 0.25])  # powers of two, so that not even rounding differs
    one = solve(transport.VanillaSB(QUICK))
    other = solve(transport.VanillaSB(QUICK), samples=[x * unit for x in CLOUDS], volatility=0.5 * unit)
    np.testing.assert_allclose(other.paths, one.paths * unit, rtol=1e-4, atol=1e-4)
    slower = solve(transport.VanillaSB(QUICK), times=[0.0, 4.0, 8.0], volatility=0.25)
    np.testing.assert_allclose(slower.paths, one.paths, rtol=1e-4, atol=1e-4)


def test_vanilla_is_a_fixed_brownian_motion_whatever_the_reference():
    vanilla = solve(transport.VanillaSB(QUICK), reference=transport.OrnsteinUhlenbeck(1.0))
    fixed = solve(transport.FixedReference(QUICK))
    np.testing.assert_array_equal(vanilla.paths, fixed.paths)
    assert vanilla.stats["evaluations"] == (2 * 2 + 1 + 6) * 30 * 5 * 2


@pytest.mark.slow
def test_one_iteration_of_refinement_is_the_bridge_around_the_first_reference():
    reference = family(0.3)
    refined = solve(transport.SBIRR(iterations=1, bridges=QUICK), reference=reference)
    fixed = solve(transport.FixedReference(QUICK), reference=reference)
    np.testing.assert_array_equal(refined.paths, fixed.paths)
    assert refined.divergences.tolist() == fixed.divergences.tolist()
    assert refined.parameters.shape == (2, 1)


@pytest.mark.slow
def test_unequal_samples_and_spacing():
    uneven = [CLOUDS[0], CLOUDS[1][:7], CLOUDS[2][:19]]
    found = solve(transport.VanillaSB(QUICK), samples=uneven, times=[0.0, 0.5, 3.0])
    assert found.paths.shape == (90, 11, 2)
    np.testing.assert_allclose(found.stats["step_lengths"], [0.1, 0.5])
    seven = np.unique(np.asarray(found.at(0.5))[found.owners == 1].round(4), axis=0)
    assert len(seven) == 7


def test_weights_are_shares_of_the_particles():
    weights = [np.ones(30), np.r_[np.full(10, 8.0), np.ones(20)], np.ones(30)]
    problem = transport.Snapshots(CLOUDS, [0.0, 1.0, 2.0], 0.5, weights=weights)
    points = np.asarray(problem.particles(KEY, 100))
    heavy = (np.abs(points[1][:, None] - CLOUDS[1][:10]).max(-1) < 1e-5).any(1)
    assert heavy.sum() == pytest.approx(80, abs=1)
    np.testing.assert_allclose(problem.particles(KEY)[0], CLOUDS[0], atol=1e-6)


def test_mccann_is_the_cheapest_assignment_and_straight():
    found = solve(transport.McCannInterpolation())
    middle, ends = np.asarray(found.at(0.5)), np.asarray(found.paths)
    np.testing.assert_allclose(middle, (ends[:, 0] + ends[:, 1]) / 2.0, atol=1e-6)
    cost = np.square(ends[:, 1] - ends[:, 0]).sum(-1).mean()
    shuffled = [np.square(RNG.permutation(CLOUDS[1]) - CLOUDS[0]).sum(-1).mean() for _ in range(50)]
    assert cost < min(shuffled)
    for what in ("drift", "backward_drift"):
        with pytest.raises(ValueError, match=f"{what} is not known"):
            getattr(found, what)(CLOUDS[0], 0.5)
    with pytest.raises(ValueError, match="forecast needs a reference"):
        found.forecast(KEY, [3.0])


@pytest.mark.parametrize(
    "method",
    [
        transport.SharedDrift(BRIDGES),
        transport.ConsecutiveBridges(transport.GaussianBridge(), steps=20),
    ],
)
def test_other_methods_reach_every_snapshot(method):
    found = solve(method, volatility=1.0)
    for i, t in enumerate((0.0, 1.0, 2.0)):
        np.testing.assert_allclose(np.asarray(found.at(t)).mean(0), CLOUDS[i].mean(0), atol=0.6)
    assert found.forecast(KEY, [3.0]).shape == (1, 30, 2)


def test_parameters_that_the_paths_do_not_determine_are_reported_and_stay():
    twice = transport.DriftReference(
        jax.tree_util.Partial(lambda p, x, t: (p[0] + p[1]) * jnp.ones_like(x), jnp.array([0.5, 0.0]))
    )
    found = solve(transport.SBIRR(iterations=1, bridges=QUICK), reference=twice)
    (null,) = found.stats["null_directions"]
    np.testing.assert_allclose(np.abs(null @ [1.0, -1.0]), np.sqrt(2.0), rtol=1e-3)
    # Of a constant drift the likelihood knows only where paths begin and end.
    rate = float((found.paths[:, -1] - found.paths[:, 0]).mean()) / 2.0
    assert found.parameters[-1].sum() == pytest.approx(rate, rel=1e-3)
    # The update of the least norm moves both alike.
    np.testing.assert_allclose(found.parameters[-1] @ [1.0, -1.0], 0.5, atol=1e-3)


@pytest.mark.slow
def test_a_network_is_refined_by_adam():
    field = transport.DriftReference(transport.GradientField(2, (8,), key=KEY))
    method = transport.SBIRR(iterations=2, bridges=QUICK, refit=transport.Adam(steps=100, learning_rate=0.02))
    found = solve(method, reference=field)
    assert np.asarray(found.reference.drift(jnp.ones((1, 2)), 0.0)).mean() == pytest.approx(1.0, abs=0.7)
    assert found.divergences[1] < found.divergences[0]


def test_gradient_fields_have_no_curl():
    field = transport.GradientField(3, (8, 4), key=KEY)
    jacobian = jax.jacobian(lambda x: field(x[None], 0.0)[0])(jnp.array([0.3, -1.0, 2.0]))
    np.testing.assert_allclose(jacobian, jacobian.T, atol=1e-5)


def test_paths_that_explode_raise_after_stronger_priors():
    def bomb(x, t):
        return jnp.where(t > 1.5, 1e4 * x**3, 0.0 * x)

    with pytest.raises(core.SolverError, match=r"infer_trajectories by FixedReference.*(diverged|NaN)"):
        solve(transport.FixedReference(QUICK), reference=transport.DriftReference(bomb))
    problem = transport.Snapshots(CLOUDS, [0.0, 1.0, 2.0], 0.5, transport.DriftReference(bomb))
    kept = transport.infer_trajectories(problem, transport.FixedReference(QUICK), key=KEY, throw=False)
    assert kept.stats["restarts"] == 2
    assert kept.result != core.Result.successful


def test_other_numbers_compile_nothing_new():
    method = transport.SBIRR(iterations=2, bridges=QUICK)
    solve(method, reference=transport.OrnsteinUhlenbeck(jnp.array(0.5)))
    with compilations() as seen:
        solve(method, reference=transport.OrnsteinUhlenbeck(jnp.array(0.1)), volatility=0.4, times=[0.0, 1.5, 2.0])
    assert seen == []


FOUND = solve(transport.McCannInterpolation())


def broken(i, value):
    return [np.where(np.arange(30)[:, None] == 3, value, x) if j == i else x for j, x in enumerate(CLOUDS)]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: solve(FOUND), TypeError, "method"),
        (lambda: transport.infer_trajectories(CLOUDS, transport.VanillaSB(), key=KEY), TypeError, "problem"),
        (lambda: solve(None, samples=CLOUDS[:1], times=[0.0]), ValueError, "samples must hold two snapshots"),
        (lambda: solve(None, samples=CLOUDS[0]), TypeError, "samples"),
        (lambda: solve(None, samples=broken(1, np.nan)), ValueError, r"samples\[1\] must be finite"),
        (lambda: solve(None, samples=[*CLOUDS[:2], CLOUDS[2][:, :1]]), ValueError, r"samples\[2\] must have the 2"),
        (lambda: solve(None, times=[0.0, 1.0]), ValueError, r"times must have shape \(3,\)"),
        (lambda: solve(None, times=[0.0, 2.0, 1.0]), ValueError, "times must increase, got 1 of snapshot 2 after 2"),
        (lambda: solve(None, times=[0.0, 1.0, 1.0]), ValueError, "times must increase"),
        (lambda: solve(None, volatility=0.0), ValueError, "volatility must be a number > 0"),
        (lambda: solve(None, volatility=[0.1, 0.0]), ValueError, "volatility must be > 0 in each"),
        (lambda: solve(None, volatility=[0.1]), ValueError, r"volatility must have shape \(2,\)"),
        (lambda: solve(None, weights=[np.ones(30)]), ValueError, "weights must hold an array for each"),
        (
            lambda: solve(None, weights=[np.ones(30), np.zeros(30), np.ones(30)]),
            ValueError,
            r"weights\[1\] must be > 0",
        ),
        (lambda: solve(None, reference=systems.LotkaVolterra()), TypeError, "reference"),
        (
            lambda: solve(None, reference=transport.DriftReference(lambda x, t: x[:, :1])),
            ValueError,
            "reference must map points",
        ),
        (
            lambda: solve(None, reference=transport.DriftReference(lambda x, t: x / (t - 1.0))),
            ValueError,
            r"reference must have a finite drift, it has .* at samples\[1\]\[0\] = .* with parameters \[\]",
        ),
        (lambda: solve(transport.SBIRR()), ValueError, "problem.reference must have floating arrays"),
        (lambda: FOUND.at(2.5), ValueError, r"t must be a number in \[0, 2\]"),
        (lambda: solve(transport.FixedReference(QUICK)).drift(CLOUDS[0], 3.0), ValueError, "t must be a number in"),
        (
            lambda: solve(transport.FixedReference(QUICK)).drift(np.ones((2, 3)), 1.0),
            ValueError,
            "x must have 2 entries",
        ),
        (
            lambda: solve(transport.FixedReference(QUICK)).forecast(KEY, [1.0]),
            ValueError,
            "times must increase from after",
        ),
        (lambda: transport.PiecewiseIPF(steps=0), ValueError, "steps must be"),
        (lambda: transport.PiecewiseIPF(particles=1), ValueError, "particles must be"),
        (lambda: transport.PiecewiseIPF(regressor="gp"), TypeError, "regressor"),
        (lambda: transport.SBIRR(iterations=0), ValueError, "iterations must be"),
        (lambda: transport.SBIRR(refit="adam"), TypeError, "refit"),
        (lambda: transport.ConsecutiveBridges("light"), TypeError, "method"),
        (lambda: transport.McCannInterpolation(particles=4000), ValueError, "particles must be"),
        (lambda: transport.GaussNewton(tolerance=0.0), ValueError, "tolerance must be"),
        (lambda: transport.Adam(steps=0), ValueError, "steps must be"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
