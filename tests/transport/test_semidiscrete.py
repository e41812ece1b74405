"""Semi-discrete transport: masses, the exact discrete problem, invariances, files, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from perturbax import core, transport
from perturbax.transport._semidiscrete import cells, energy

KEY = jax.random.key(0)
QUICK = transport.MonteCarloAdam(steps=150, samples=12_000)


pytestmark = pytest.mark.usefixtures("without_type_checks")


def points(n=30, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) * 2.0 + 1.0


@pytest.fixture(scope="module")
def fitted():
    return transport.semidiscrete(transport.SemiDiscrete(points()), QUICK, key=KEY)


def test_the_cells_have_their_masses_on_points_that_were_never_seen(fitted):
    assert fitted.converged
    fresh = jax.random.normal(jax.random.key(9), (60_000, 2))
    mass = np.bincount(np.asarray(fitted.assign(fresh)), minlength=30) / 60_000
    assert 0.5 * np.abs(mass - 1 / 30).sum() < 0.03
    assert fitted.floor == pytest.approx(0.4 * np.sqrt(30 / 1200), rel=0.02)


def test_on_a_line_the_map_is_the_quantile_function():
    targets = np.array([[-2.0], [0.5], [0.7], [4.0]])
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    found = transport.semidiscrete(
        transport.SemiDiscrete(targets, weights), transport.MonteCarloAdam(samples=20_000), key=KEY
    )
    x = np.linspace(-3, 3, 601)[:, None]
    wanted = targets[np.searchsorted(np.cumsum(weights)[:-1], scipy.stats.norm.cdf(x[:, 0]))]
    assert np.mean(found(x)[:, 0] != wanted[:, 0]) < 0.01


def test_the_dual_is_the_cost_of_the_exact_discrete_problem(fitted):
    x = np.asarray(jax.random.normal(jax.random.key(5), (1500, 2)), np.float64)
    exact = core_cost(x, fitted.points)
    by_dual = 2 + np.mean(np.square(fitted.points).sum(1)) - 2 * fitted.dual
    assert by_dual == pytest.approx(exact, rel=0.05)
    sent = fitted(x)
    assert np.square(x - sent).sum(1).mean() == pytest.approx(exact, rel=0.05)


def core_cost(x, y):
    """The cost of the best assignment of the points to equally many copies of each target."""
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    cost = cdist(x, np.repeat(y, len(x) // len(y), 0), "sqeuclidean")
    return cost[linear_sum_assignment(cost)].mean()


def test_the_gradient_of_the_energy_is_mass_minus_weight_and_the_energy_is_convex():
    x = jax.random.normal(KEY, (500, 2))
    y, nu = jnp.asarray(points(), jnp.float32), jnp.full(30, 1 / 30)
    h = -0.5 * jnp.square(y).sum(1)
    gradient = jax.grad(energy)(h, y, nu, x)
    mass = jnp.bincount(cells(x, y, h)[1], length=30) / 500
    np.testing.assert_allclose(gradient, mass - nu, atol=1e-6)
    other = h + jax.random.normal(jax.random.key(1), h.shape)
    middle = energy((h + other) / 2, y, nu, x)
    assert middle <= (energy(h, y, nu, x) + energy(other, y, nu, x)) / 2


def test_blocks_of_targets_change_nothing():
    x, y = jax.random.normal(KEY, (50, 3)), jnp.asarray(points(2500, 3), jnp.float32)
    h = jax.random.normal(jax.random.key(1), (2500,))
    scores = x @ y.T + h
    top, at = cells(x, y, h)
    np.testing.assert_allclose(top, scores.max(1), rtol=1e-6)
    np.testing.assert_array_equal(at, scores.argmax(1))
    many = jax.grad(energy)(h, y, jnp.full(2500, 1 / 2500), x)
    np.testing.assert_allclose(many, jnp.bincount(at, length=2500) / 50 - 1 / 2500, atol=1e-6)


def test_shifting_and_scaling_the_points_changes_the_map_in_no_other_way(fitted):
    moved = transport.semidiscrete(transport.SemiDiscrete(3.0 * points() - 7.0), QUICK, key=KEY)
    x = np.asarray(jax.random.normal(jax.random.key(2), (400, 2)))
    assert np.mean(np.abs(moved(x) - (3.0 * fitted(x) - 7.0)).max(1) < 1e-4) > 0.99


def test_many_dimensions_need_no_other_settings():
    problem = transport.SemiDiscrete(points(40, 64))
    found = transport.semidiscrete(problem, transport.MonteCarloAdam(), key=KEY)
    assert found.converged
    assert found.mass_error < 1.4 * found.floor


def test_controls_fail_the_gate():
    problem = transport.SemiDiscrete(points())
    nearest = transport.semidiscrete(problem, transport.NearestNeighbour(), key=KEY)
    assert nearest.mass_error > 0.2
    assert not nearest.converged
    x = np.asarray(jax.random.normal(KEY, (200, 2)))
    closest = np.linalg.norm(x[:, None] - problem.points, axis=2).argmin(1)
    np.testing.assert_array_equal(nearest.assign(x), closest)
    with pytest.raises(core.SolverError, match="mass error"):
        transport.semidiscrete(problem, transport.NearestNeighbour(), key=KEY, throw=True)


@pytest.mark.slow
def test_the_entropic_baseline_is_near_and_biased(fitted):
    pytest.importorskip("ott")
    found = transport.semidiscrete(transport.SemiDiscrete(points()), transport.EntropicSemidual(), key=KEY)
    assert fitted.mass_error < found.mass_error < 0.5


def test_points_that_coincide_are_one_target():
    twice = np.concatenate([points(5), points(5)[:2]])
    problem = transport.SemiDiscrete(twice)
    assert problem.points.shape == (5, 2)
    assert problem.merged == 2
    assert sorted(problem.weights.round(4)) == pytest.approx(sorted([1 / 7] * 3 + [2 / 7] * 2), abs=1e-4)


def test_arrays_stay_what_they_are_and_jit_goes_through(fitted):
    x = np.asarray(jax.random.normal(KEY, (7, 2)))
    by_numpy, by_jax = fitted(x), jax.jit(lambda x: fitted(x))(jnp.asarray(x))
    assert isinstance(by_numpy, np.ndarray)
    assert by_numpy.dtype == np.float32
    np.testing.assert_allclose(by_numpy, by_jax, rtol=1e-6)


def test_a_saved_map_is_the_same_map(fitted, tmp_path):
    path = tmp_path / "map.npz"
    fitted.save(path)
    loaded = transport.BrenierMap.load(path)
    x = np.asarray(jax.random.normal(KEY, (50, 2)))
    np.testing.assert_array_equal(loaded(x), fitted(x))
    assert loaded.converged
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="map"):
        transport.BrenierMap.load(path)


def test_an_interrupted_run_goes_on_to_the_same_heights(tmp_path):
    problem = transport.SemiDiscrete(points(10))
    whole = transport.semidiscrete(problem, transport.MonteCarloAdam(steps=50), key=KEY)
    kept = tmp_path / "run"

    class Stop(Exception):
        pass

    class Stopping(transport.MonteCarloAdam):
        def heights(self, problem, key, options):
            from perturbax.core import fit as core_fit

            def fit(*args, **options):
                def stop(done):
                    if done.steps >= 25:
                        raise Stop

                return core_fit(*args, callback=stop, checkpoint_seconds=0.0, **options)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("perturbax.transport.monte_carlo_adam.fit", fit)
                return super().heights(problem, key, options)

    with pytest.raises(Stop):
        transport.semidiscrete(problem, Stopping(steps=50), key=KEY, checkpoint=kept)
    assert kept.exists()
    again = transport.semidiscrete(problem, transport.MonteCarloAdam(steps=50), key=KEY, checkpoint=kept)
    np.testing.assert_array_equal(again.heights, whole.heights)


GOOD = transport.SemiDiscrete([[0.0], [1.0]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: transport.SemiDiscrete([[0.0], [np.nan]]), ValueError, "points must be finite"),
        (lambda: transport.SemiDiscrete([[0.0], [0.0]]), ValueError, "points must hold two different points"),
        (lambda: transport.SemiDiscrete([0.0, 1.0]), ValueError, "points must have 2 axes"),
        (lambda: transport.SemiDiscrete([[0.0], [1.0]], [0.5, 0.6]), ValueError, "weights must be positive and sum"),
        (lambda: transport.SemiDiscrete([[0.0], [1.0]], [1.0, 0.0]), ValueError, "weights must be positive"),
        (lambda: transport.SemiDiscrete([[0.0], [1.0]], [1.0]), ValueError, r"weights must have shape \(2,\)"),
        (lambda: transport.semidiscrete(GOOD, QUICK, key=0), TypeError, "key must be"),
        (lambda: transport.semidiscrete([[0.0]], QUICK, key=KEY), TypeError, "problem must be"),
        (lambda: transport.semidiscrete(GOOD, "adam", key=KEY), TypeError, "method must be"),
        (lambda: transport.semidiscrete(GOOD, QUICK, key=KEY, fresh=0), ValueError, "fresh must be"),
        (lambda: transport.MonteCarloAdam(steps=0), ValueError, "steps must be"),
        (lambda: transport.MonteCarloAdam(final_rate=1.0), ValueError, "final_rate must be"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_point_of_another_size_is_refused(fitted):
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 2\)"):
        fitted(np.zeros((3, 5)))
