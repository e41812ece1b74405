"""Points carried along exact fields: laws at both ends, inverses, likelihoods, orders, exact counts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, stats, transport
from perturbax.transport._carry import along_ode, along_sde
from perturbax.transport._fields import Fields

from .interpolants import PATHS, exact, mixtures

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def linear():
    return transport.mixture_fields(*mixtures(), transport.LinearPath(transport.BridgeNoise(0.7)))


@pytest.fixture(scope="module")
def normal():
    """From noise to a wide Gaussian, so that the law at every time is one."""
    return transport.mixture_fields(
        None, stats.GaussianMixture([1.0], [[2.0]], [[4.0]]), transport.OneSidedLinearPath()
    )


def test_the_flow_back_is_the_inverse(linear):
    x = linear.starts(KEY, 50)
    there = linear.forward(x)
    back = linear.reverse(there.x)
    np.testing.assert_allclose(back.x, x, atol=5e-3)
    assert there.result == core.Result.successful


@pytest.mark.parametrize("epsilon", [0.0, 1.0])
def test_both_directions_have_the_right_law_for_every_diffusion(linear, epsilon):
    """Means and covariances of 4000 points at both ends."""
    first, second = mixtures()
    method = transport.SDE(transport.Constant(epsilon), steps=100)
    for carried, law in (
        (linear.sample(KEY, 4000, method), second),
        (linear.reverse(second.sample(KEY, 4000), method, key=KEY), first),
    ):
        np.testing.assert_allclose(carried.x.mean(0), law.mean, atol=0.12)
        np.testing.assert_allclose(jnp.cov(carried.x.T), law.covariance, atol=0.25)


def test_proportional_diffusion_is_finite_without_a_margin(normal):
    solved = normal.sample(KEY, 4000, transport.SDE(transport.Proportional(1.0), steps=50, margin=0.01))
    assert float(solved.x.mean()) == pytest.approx(2.0, abs=0.12)
    assert float(solved.x.std()) == pytest.approx(2.0, abs=0.12)


def test_likelihoods_are_those_of_the_mixture(linear):
    first, second = mixtures()
    x = second.sample(jax.random.key(3), 30)
    found = linear.log_prob(x, base=first.log_density)
    np.testing.assert_allclose(found.log_density, second.log_density(x), atol=0.02)


def test_hutchinsons_estimate_has_the_mean_of_the_exact_divergence():
    matrix = jax.random.normal(KEY, (3, 3))
    x, rule = jnp.ones((500, 3)), transport.HutchinsonDivergence(8)
    velocity, exactly = transport.ExactDivergence()(lambda x: x @ matrix, x, jnp.zeros(0))
    same, guess = rule(lambda x: x @ matrix, x, rule.draw(KEY, x))
    np.testing.assert_allclose(exactly, jnp.trace(matrix), rtol=1e-5)
    np.testing.assert_array_equal(same, velocity)
    assert float(guess.mean()) == pytest.approx(float(jnp.trace(matrix)), abs=0.2)


@pytest.mark.slow
def test_likelihoods_by_hutchinsons_estimate(linear):
    first, second = mixtures()
    x = second.sample(jax.random.key(3), 30)
    found = linear.log_prob(x, base=first.log_density)
    guess = linear.log_prob(x, base=first.log_density, divergence=transport.HutchinsonDivergence(64), key=KEY)
    assert abs(float((guess.log_density - found.log_density).mean())) < 0.1


@pytest.mark.slow
def test_starts_from_noise_have_a_known_density(normal):
    x = np.linspace(-2.0, 6.0, 9)[:, None]
    found = normal.log_prob(x)
    np.testing.assert_allclose(found.log_density, jax.scipy.stats.norm.logpdf(x[:, 0], 2.0, 2.0), atol=5e-3)


def test_the_weak_error_of_euler_halves_with_the_step(normal):
    """The variance at the end, whose recursion is exact for an affine drift: started from moments, not from draws."""

    def variance(steps):
        method = transport.SDE(transport.Constant(1.0), steps, transport.EulerMaruyama(), margin=0.01)
        return float(normal.forward(starts, method, key=KEY).x.var())

    starts = jax.random.normal(KEY, (200_000, 1))
    errors = [abs(variance(steps) - 4.0) for steps in (10, 20)]
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.5)


class Counting(transport.AbstractFields):
    """Fields that tell how often they were evaluated."""

    path: transport.AbstractPath
    counts: list = eqx.field(static=True)

    @property
    def size(self):
        return 1

    @property
    def knows_score(self):
        return True

    def __call__(self, x, t, condition=None):
        jax.debug.callback(lambda: self.counts.append(1))
        return Fields(jnp.sin(3.0 * x) * t, -x)


@pytest.mark.parametrize("stepper", [None, transport.Heun(), transport.EulerMaruyama()])
def test_evaluations_are_counted_exactly(stepper):
    counts: list = []
    fields = Counting(path=transport.LinearPath(), counts=counts)
    x, zero, one = jnp.ones((3, 1)), jnp.asarray(0.0), jnp.asarray(1.0)
    if stepper is None:
        _, _, evaluations = along_ode(fields, transport.ODE(), x, None, zero, one)
    else:
        diffusion, steps = transport.Constant(jnp.asarray(0.1)), jnp.asarray(7)
        _, _, evaluations = along_sde(fields, diffusion, stepper, 1e-3, steps, KEY, x, None, zero, one)
        assert int(evaluations) == 7 * stepper.evaluations + 1
    jax.effects_barrier()
    assert int(evaluations) == len(counts)


def test_other_diffusions_and_steps_compile_nothing_new(normal):
    before = None
    for epsilon, steps in ((0.3, 5), (0.6, 9), (0.9, 3)):
        normal.sample(KEY, 16, transport.SDE(transport.Constant(epsilon), steps=steps, margin=0.01))
        size = along_sde._cached._cache_size()
        assert before in (None, size)
        before = size


def test_too_large_a_diffusion_warns_with_a_number_of_steps(linear):
    with pytest.warns(UserWarning, match=r"eps dt Lip\(score\) reaches .* take \d+ steps"):
        linear.forward(linear.starts(KEY, 16), transport.SDE(transport.Constant(20.0), steps=20), key=KEY)


def test_states_that_are_not_finite_raise(normal):
    with pytest.raises(core.SolverError, match="SDE from t = 0 to 1: A value became NaN"):
        normal.forward(np.full((16, 1), 3e38), transport.SDE(transport.Constant(0.3), 5, margin=0.01), key=KEY)


@pytest.mark.slow
def test_too_many_steps_raise(linear):
    with pytest.raises(core.SolverError, match="ODE from t = 0 to 1: The largest number of steps"):
        linear.forward(linear.starts(KEY, 16), transport.ODE(max_steps=2))


def test_scores_at_vanishing_noise_are_asked_a_little_inside(linear, normal):
    x = np.zeros((1, 2))
    with pytest.warns(UserWarning, match=r"t is moved into \[0.0001, 0.9999\]"):
        assert np.isfinite(linear.score(x, 1.0)).all()
    with pytest.warns(UserWarning, match=r"t is moved into \[0, 0.9999\]"):
        normal.denoiser(x[:, :1], 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: transport.ODE(tolerance=0.0), "tolerance must be"),
        (lambda s: transport.SDE(steps=0), "steps must be"),
        (lambda s: transport.SDE(margin=0.5), "margin must be < 0.5"),
        (lambda s: transport.Constant(-1.0), "value must be"),
        (lambda s: transport.Proportional(-1.0), "scale must be"),
        (lambda s: transport.HutchinsonDivergence(0), "probes must be"),
        (lambda s: s.forward(np.zeros((3, 3))), "x must have 2 entries"),
        (lambda s: s.forward(np.full((3, 2), np.nan)), "x must be finite"),
        (lambda s: s.log_prob(np.zeros((3, 2))), "base must be"),
        (lambda s: s.velocity(np.zeros((3, 2)), 1.5), "t must be"),
        (lambda s: s.velocity(np.zeros((3, 2)), 0.5, np.zeros((3, 1))), "condition must be None"),
    ],
)
def test_bad_arguments_are_named(linear, make, message):
    with pytest.raises(ValueError, match=message):
        make(linear)


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.forward(np.zeros((3, 2)), transport.SDE()),
        lambda s: s.log_prob(np.zeros((3, 2)), base=lambda x: x[:, 0], divergence=transport.HutchinsonDivergence()),
    ],
)
def test_noise_needs_a_key(linear, call):
    with pytest.raises(TypeError, match="key must be one JAX PRNG key"):
        call(linear)


def test_fields_go_through_jit(linear):
    x = linear.starts(KEY, 4)
    np.testing.assert_allclose(
        jax.jit(lambda x, t: linear.velocity(x, t))(x, jnp.asarray(0.4)), linear.velocity(x, 0.4), rtol=1e-5
    )


@pytest.mark.slow
def test_draws_go_through_transformations(linear):
    x = linear.starts(KEY, 4)
    assert jax.jit(lambda x: linear.forward(x).x)(x).shape == (4, 2)
    batched = jax.vmap(lambda key: linear.sample(key, 4, transport.SDE(steps=5)).x)(jax.random.split(KEY, 3))
    assert batched.shape == (3, 4, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHS)
def test_every_path_ends_where_it_should(name):
    solved = exact(PATHS[name])
    with core.float64():
        found = solved.sample(KEY, 4000, transport.SDE(transport.Constant(0.5), steps=200))
        law = solved.coupling.x1.mixture
        np.testing.assert_allclose(found.x.mean(0), law.mean, atol=0.12)
        np.testing.assert_allclose(jnp.cov(found.x.T), law.covariance, atol=0.25)
