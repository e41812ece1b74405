"""Excursions: known exponents, two routes to each law, exact moments, refusals, derivatives and bad input."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import ndtr

from perturbax import stats
from perturbax.core import float64
from perturbax.stats._independent_intervals import _centred, _law, renewal_masses
from perturbax.stats.simulated_excursions import _durations

C = stats.covariances
KEY = jax.random.key(0)
QUICK = stats.SlepianIIA(points=2**12)
# Roots of the equation for the exponent, as published to four digits and computed to six.
THETA = {1: 0.120328, 2: 0.186211, 3: 0.235774, 4: 0.276915, 5: 0.312777, 10: 0.451335}


pytestmark = pytest.mark.usefixtures("without_type_checks")


def diffusion(d=2, **options):
    return stats.StationaryGaussian(C.Diffusion(d), **options)


@pytest.fixture(scope="module")
def law():
    return stats.excursions(diffusion(), QUICK)


@pytest.mark.parametrize("d", THETA)
def test_exponents_of_diffusion(d):
    assert float(stats.excursions(diffusion(d), QUICK).theta) == pytest.approx(THETA[d], abs=6e-7)


def test_exponent_and_law_of_random_acceleration():
    problem = stats.StationaryGaussian(C.RandomAcceleration())
    law, exact = stats.excursions(problem, QUICK), stats.excursions(problem, stats.ExactRandomAcceleration())
    assert float(law.theta) == pytest.approx(0.264669, abs=6e-7)
    # An approximation: the distance is neither larger nor smaller than it is.
    assert np.abs(law.survival - exact.survival).max() == pytest.approx(0.0211, abs=1e-3)


def test_the_exact_law_has_its_mean_and_exponent():
    exact = stats.excursions(stats.StationaryGaussian(C.RandomAcceleration()), stats.ExactRandomAcceleration())
    total = np.trapezoid(exact.survival, exact.t) + exact.survival[-1] / exact.theta
    assert total == pytest.approx(math.pi / math.sqrt(0.75), rel=1e-5)
    slope = np.log(exact.survival[-500] / exact.survival[-1]) / (exact.t[-1] - exact.t[-500])
    assert slope == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.7, -1.0])
def test_the_mean_is_that_of_rice(level):
    law = stats.excursions(diffusion(level=level), QUICK)
    total = np.trapezoid(law.survival, law.t) + law.survival[-1] / law.theta
    assert total == pytest.approx(float(law.mean), rel=1e-4)
    rate = math.sqrt(0.25) * math.exp(-0.5 * level**2) / (2.0 * math.pi)
    assert float(law.mean) == pytest.approx(float(ndtr(-level)) / rate, rel=1e-6)


def test_the_law_is_a_geometric_sum(law):
    """The paper's explicit form: nu ~ Geometric(1/2) variables with survival function E0."""
    random = np.random.default_rng(0)
    t = np.linspace(0.0, 120.0, 2**14)
    r, slope = 1.0 / np.cosh(t / 2), -0.5 * np.tanh(t / 2) / np.cosh(t / 2)
    E0 = np.append(1.0, (-slope / (0.5 * np.sqrt(1.0 - r**2, where=t > 0, out=np.ones_like(t))))[1:])
    count = random.geometric(0.5, 20_000)
    V = np.interp(random.random(count.sum()), 1.0 - E0, t)
    T = np.add.reduceat(V, np.append(0, np.cumsum(count)[:-1]))
    floor = stats.kolmogorov_smirnov_floor(T.size)
    assert stats.kolmogorov_smirnov(T, lambda t: 1.0 - law.survival_at(t)) < floor.mean + 4 * floor.std


def test_the_renewal_sum_is_of_second_order_in_the_step():
    """For E = exp(-t) the geometric sum is exponential, with half the rate."""
    errors = []
    for n in (401, 801):
        t = np.linspace(0.0, 40.0, n)
        with float64():
            masses = _centred(jnp.asarray(0.5 * np.exp(-t)))
            found = np.asarray(renewal_masses(masses, masses))
        survival = 1.0 - np.cumsum(found) + 0.5 * found
        errors.append(np.abs(survival - np.exp(-0.5 * t))[1:].max())
    assert errors[0] < 1e-3
    assert 1.8 < math.log2(errors[0] / errors[1]) < 2.2


def test_both_approximations_are_one_at_level_zero(law):
    classical = stats.excursions(diffusion(), stats.ClassicalIIA(points=2**12))
    np.testing.assert_allclose(classical.survival, law.survival, atol=1e-9)
    assert float(classical.theta) == pytest.approx(float(law.theta), abs=1e-9)
    with float64():
        s = jnp.geomspace(0.01, 50.0, 30)
        np.testing.assert_allclose(
            QUICK.laplace(diffusion(), s), stats.ClassicalIIA().laplace(diffusion(), s), atol=1e-10
        )


def test_the_transform_is_that_of_the_law(law):
    with float64():
        s = np.array([0.05, 0.5, 2.0])
        said = np.asarray(QUICK.laplace(diffusion(), s))
    np.testing.assert_allclose(np.trapezoid(np.exp(-s[:, None] * law.t) * law.pdf, law.t), said, atol=1e-4)


def test_above_a_level_is_below_the_opposite_one():
    """Renewal: A and B determine the share of time above, which is known."""
    above, below = (stats.excursions(diffusion(level=u), QUICK) for u in (0.7, -0.7))
    assert float(above.mean / (above.mean + below.mean)) == pytest.approx(float(ndtr(-0.7)), abs=1e-6)
    assert "only seen on the grid" in above.reason
    assert above.valid


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_simulation_agrees(level):
    method = stats.SimulatedExcursions(points=2**13, paths=64)
    simulated = stats.excursions(diffusion(level=level), method, key=KEY)
    law = stats.excursions(diffusion(level=level), QUICK)
    assert float(simulated.mean / law.mean) == pytest.approx(1.0, abs=0.04)
    floor = stats.kolmogorov_smirnov_floor(simulated.durations.size)
    # The approximation itself is less than 0.01 off here.
    assert stats.kolmogorov_smirnov(simulated.durations, lambda t: 1.0 - law.survival_at(t)) < 2 * floor.mean + 0.01
    assert simulated.stats["evaluations"] == simulated.durations.size


def test_on_a_known_ring_every_excursion_is_counted():
    t = np.linspace(0.0, 1.0, 400, endpoint=False)
    path = np.sin(2 * np.pi * (3 * t + 0.1)) + 1e-9
    found = np.asarray(_durations(jnp.asarray(path)[None])).ravel()
    found = found[np.isfinite(found)]
    np.testing.assert_allclose(found, 400 / 6, rtol=1e-3)
    assert found.size == 3


def test_rice_bound_is_below_the_exact_law():
    problem = stats.StationaryGaussian(C.RandomAcceleration())
    bound = stats.excursions(problem, stats.RiceBound())
    exact = stats.excursions(problem, stats.ExactRandomAcceleration())
    assert np.all(bound.survival <= exact.survival + 1e-9)
    assert np.isnan(bound.theta)


def test_rice_bound_is_close_for_short_excursions_of_a_smooth_process(law):
    bound = stats.excursions(diffusion(), stats.RiceBound())
    assert np.abs(bound.survival_at(law.t) - law.survival)[law.t < 0.5].max() < 1e-4


@pytest.mark.parametrize(
    ("correlation", "at", "negative"),
    [
        (C.Product(C.SquaredExponential(), C.Cosine(2.0)), 1.70, True),
        (C.Product(C.Rescaled(C.Diffusion(2), 0.5), C.Cosine(1.0)), 3.15, False),
    ],
)
def test_oscillation_is_refused(correlation, at, negative):
    problem = stats.StationaryGaussian(correlation, horizon=20.0)
    with pytest.raises(stats.InvalidIIA, match="increases at t = "):
        stats.excursions(problem, QUICK)
    formal = stats.excursions(problem, stats.SlepianIIA(points=2**12, check=False))
    assert not formal.valid
    assert np.isnan(formal.theta)
    assert float(formal.first_increase) == pytest.approx(at, abs=0.01)
    assert bool(formal.pdf.min() < -1e-6) is negative
    assert "lowest density" in formal.reason


def test_a_heavy_tail_has_no_exponent():
    law = stats.excursions(stats.StationaryGaussian(lambda t: 1.0 / (1.0 + t**2)), QUICK)
    assert law.valid
    assert np.isnan(law.theta)
    assert "sub-exponential" in law.reason
    assert np.isinf(law.quantile(1.0 - 1e-9))


def test_a_function_is_as_good_as_its_class():
    law = stats.excursions(stats.StationaryGaussian(lambda t: jnp.exp(-0.5 * t**2)), QUICK)
    same = stats.excursions(stats.StationaryGaussian(C.SquaredExponential()), QUICK)
    np.testing.assert_allclose(law.survival, same.survival, atol=1e-8)
    scaled = stats.StationaryGaussian(lambda t: 3.0 * jnp.exp(-0.5 * t**2), normalise=True)
    assert float(scaled.lambda2) == pytest.approx(1.0)


def test_the_unit_of_time_is_the_users(law):
    slow = stats.excursions(stats.StationaryGaussian(C.Rescaled(C.Diffusion(2), 10.0)), QUICK)
    np.testing.assert_allclose(slow.survival, law.survival, atol=1e-9)
    assert float(slow.theta) == pytest.approx(float(law.theta) / 10.0, rel=1e-9)


def theta_of(scale):
    return stats.excursions(stats.StationaryGaussian(C.Rescaled(C.Diffusion(2.0), scale)), QUICK).theta


def test_vmap_and_gradient_over_a_parameter():
    def theta(d):
        return stats.excursions(diffusion(d), QUICK).theta

    with float64():
        d = jnp.array([1.0, 2.0, 3.0])
        np.testing.assert_allclose(jax.vmap(theta)(d), [THETA[1], THETA[2], THETA[3]], atol=6e-7)
        slope = jax.grad(theta)(2.0)
        np.testing.assert_allclose(slope, (theta(2.001) - theta(1.999)) / 0.002, rtol=1e-5)
    with pytest.raises(TypeError, match="float64"):
        jax.vmap(theta)(jnp.array([1.0, 2.0]))


def test_one_program_serves_all_parameters():
    theta_of(2.0)
    size = _law._cached._cache_size()
    for scale in (3.0, 4.0):
        theta_of(scale)
    assert _law._cached._cache_size() == size


def test_quantiles_invert_the_law_beyond_the_horizon_too(law):
    q = np.array([0.1, 0.5, 0.9, 1.0 - 1e-6])
    np.testing.assert_allclose(law.survival_at(law.quantile(q)), 1.0 - q, rtol=1e-6)
    assert law.quantile(1.0 - 1e-6) > law.t[-1]


def test_samples_are_of_the_law(law):
    drawn = law.sample(KEY, 20_000)
    floor = stats.kolmogorov_smirnov_floor(drawn.size)
    assert stats.kolmogorov_smirnov(drawn, lambda t: 1.0 - law.survival_at(t)) < floor.mean + 4 * floor.std
    np.testing.assert_array_equal(drawn, law.sample(KEY, 20_000))
    assert drawn.mean() == pytest.approx(float(law.mean), rel=0.03)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: stats.StationaryGaussian(C.OrnsteinUhlenbeck()), ValueError, "infinite rate"),
        (lambda: stats.StationaryGaussian(lambda t: jnp.exp(-t)), ValueError, "infinite rate"),
        (lambda: stats.StationaryGaussian(lambda t: 2.0 * jnp.exp(-(t**2))), ValueError, r"r\(0\) = 1"),
        (lambda: stats.StationaryGaussian(lambda t: t * jnp.nan), ValueError, "correlation"),
        (lambda: stats.StationaryGaussian(3.0), TypeError, "correlation"),
        (lambda: stats.StationaryGaussian(C.Matern), TypeError, "correlation"),
        (lambda: diffusion(lambda2=-1.0), ValueError, "lambda2"),
        (lambda: diffusion(horizon=0.0), ValueError, "horizon"),
        (lambda: diffusion(level="1"), TypeError, "level"),
        (lambda: stats.SlepianIIA(points=2), ValueError, "points"),
        (lambda: stats.SimulatedExcursions(resolution=1), ValueError, "resolution"),
        (lambda: stats.excursions(C.Diffusion(2), QUICK), TypeError, "problem"),
        (lambda: stats.excursions(diffusion(), stats.SlepianIIA), TypeError, "method"),
        (lambda: stats.excursions(diffusion(), stats.SimulatedExcursions()), TypeError, "key"),
        (lambda: stats.excursions(diffusion(level=1.0), stats.ClassicalIIA()), ValueError, "level"),
        (lambda: stats.excursions(diffusion(level=1.0), stats.RiceBound()), ValueError, "level"),
        (lambda: stats.excursions(diffusion(), stats.ExactRandomAcceleration()), ValueError, "correlation"),
        (lambda: stats.excursions(diffusion(), stats.SimulatedExcursions(points=256), key=KEY), ValueError, "half"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("q", [-0.1, 1.0, np.nan])
def test_bad_probabilities(law, q):
    with pytest.raises(ValueError, match="q must be"):
        law.quantile(q)
