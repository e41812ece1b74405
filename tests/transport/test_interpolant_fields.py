"""Fields that are known: the transport equation holds, scores are gradients, and heads are equivalent."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, stats, transport
from perturbax.transport._fields import NetworkFields
from perturbax.transport._regress import check_targets

from .interpolants import PATHS, SOME_WITH_MARKS, exact, log_density, mixtures

X = np.random.default_rng(0).normal(size=(6, 2))


@pytest.mark.parametrize("name", SOME_WITH_MARKS)
def test_the_score_is_the_gradient_and_the_transport_equation_holds(name):
    """`d/dt log rho + div b + b . s = 0` at points and times, with a density written down on its own."""
    path = PATHS[name]
    fields = exact(path).fields

    @jax.jit
    @jax.vmap
    def residuals(x, t):
        velocity, score = fields(x, t)
        slope, rate = jax.grad(lambda x, t: log_density(path, x, t), argnums=(0, 1))(x, t)
        divergence = jnp.trace(jax.jacfwd(lambda x: fields(x, t).velocity)(x))
        return score - slope, rate + divergence + velocity @ score

    with core.float64():
        times = jnp.asarray([0.03, 0.2, 0.45, 0.55, 0.8, 0.97])
        gradient, transport_equation = residuals(jnp.asarray(X), times)
        np.testing.assert_allclose(gradient, 0.0, atol=1e-9)
        np.testing.assert_allclose(transport_equation, 0.0, atol=1e-8)


def test_one_time_for_all_points_is_the_same_as_one_for_each():
    solved = exact(PATHS["linear-bridge"])
    with core.float64():
        once = solved.velocity(X, 0.3), solved.score(X, 0.3)
        each = solved.velocity(X, np.full(6, 0.3)), solved.score(X, np.full(6, 0.3))
    np.testing.assert_allclose(once, each, rtol=1e-10)


def test_velocities_are_finite_at_the_ends_and_match_independent_means():
    """At `t = 0` of a linear path `b = E[x_1] - x + gamma gamma' s`-terms; with `gamma gamma' = a / 2`."""
    path = transport.LinearPath(transport.BridgeNoise(0.7))
    solved = exact(path)
    first, second = mixtures()
    with core.float64():
        start = solved.velocity(X, 0.0)
        wanted = second.mean - X - 0.35 * first.score(X)
        np.testing.assert_allclose(start, wanted, atol=1e-6)


class Known(eqx.Module):
    """The exact conditional mean of each target, in the place of a network."""

    solved: transport.Interpolation
    targets: tuple
    centre: np.ndarray
    scale: float

    def __call__(self, x, t, condition=None):
        x = self.centre + self.scale * x
        velocity, score = self.solved.fields(x, t)
        half = 0.5 * self.solved.path.rates(t).variance[..., None]
        means = {
            transport.Velocity: velocity,
            transport.DataVelocity: velocity + half * score,
            transport.Score: score,
            transport.Denoiser: -self.solved.path.gamma(t)[..., None] * score,
        }
        unit = jnp.asarray(self.scale)
        return jnp.concatenate([means[type(target)] / target.unit(unit) for target in self.targets], axis=-1)


def network_fields(network, path, targets, centre, scale):
    return NetworkFields(
        network=network, centre=jnp.asarray(centre), scale=jnp.asarray(scale), path=path, targets=targets
    )


V, D, S, E = transport.Velocity(), transport.DataVelocity(), transport.Score(), transport.Denoiser()


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("linear-bridge", (V, E)),
        ("variance-preserving", (V,)),
        pytest.param("linear-bridge", (S, D), marks=pytest.mark.slow),
        pytest.param("variance-preserving", (E,), marks=pytest.mark.slow),
        pytest.param("linear-sigmoid", (D, E), marks=pytest.mark.slow),
        pytest.param("trigonometric-parabolic", (V, S), marks=pytest.mark.slow),
        pytest.param("one-sided-linear", (V,), marks=pytest.mark.slow),
        pytest.param("one-sided-linear", (E,), marks=pytest.mark.slow),
        pytest.param("one-sided-trigonometric", (S,), marks=pytest.mark.slow),
    ],
)
def test_all_choices_of_targets_give_the_same_fields(name, targets):
    with core.float64():
        solved = exact(PATHS[name])
        centre, scale = np.array([0.3, -0.2]), 1.7
        network = Known(solved, targets, centre, scale)
        learnt = network_fields(network, solved.path, targets, centre, scale)
        x, t = jnp.asarray(X), jnp.linspace(0.05, 0.95, 6)
        both = jax.jit(lambda x, t: (learnt(x, t), solved.fields(x, t)))(x, t)
        for found, wanted in zip(*both, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_velocity_alone_between_samples_has_no_score():
    path = PATHS["linear-none"]
    fields = network_fields(lambda x, t, condition: x, path, (V,), np.zeros(2, np.float32), np.float32(1.0))
    assert not fields.knows_score
    assert np.isnan(fields(jnp.zeros((1, 2)), jnp.asarray(0.5)).score).all()


@pytest.mark.parametrize(
    ("path", "targets", "message"),
    [
        ("linear-bridge", (E,), "must give the velocity"),
        ("linear-bridge", (D,), "must give the velocity"),
        ("linear-bridge", (V, V), "must differ"),
        ("linear-none", (V, E), "Velocity\\(\\) alone"),
        ("mirror-bridge", (), "must give the velocity"),
    ],
)
def test_targets_that_do_not_suffice_are_refused(path, targets, message):
    with pytest.raises(ValueError, match=message):
        check_targets(PATHS[path], targets)


def test_entropic_pairs_of_gaussians_give_the_schroedinger_drift():
    """With the covariance of the entropic plan and the noise of a bridge, `b + eps / 2 s` is the bridge's drift."""
    epsilon = 1.0
    with core.float64():
        bridge = transport.bridge_of_gaussians([0.0], [[1.0]], [0.0], [[0.25]], epsilon)
        ends = (stats.GaussianMixture([1.0], [[0.0]], [[v]]) for v in (1.0, 0.25))
        cross = np.asarray(bridge.process.cross_covariance)[None, None]
        solved = transport.mixture_fields(*ends, transport.LinearPath(transport.BridgeNoise(epsilon)), cross)
        x = np.linspace(-2.0, 2.0, 21)[:, None]
        for t in (0.1, 0.5, 0.9):
            np.testing.assert_allclose(solved.drift(x, t, epsilon / 2), bridge.drift(x, t), atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda g0, g1: transport.mixture_fields(None, g1, transport.LinearPath()), "first must be a mixture"),
        (lambda g0, g1: transport.mixture_fields(g0, g1, transport.OneSidedLinearPath()), "first must be None"),
        (
            lambda g0, g1: transport.mixture_fields(g0.marginal([0]), g1, transport.LinearPath()),
            "second must have the 1 dimensions",
        ),
        (
            lambda g0, g1: transport.mixture_fields(g0, g1, transport.LinearPath(), np.ones((2, 3, 2, 2))),
            "positive semidefinite",
        ),
        (
            lambda g0, g1: transport.mixture_fields(None, g1, transport.MirrorPath(), np.ones((1, 3, 2, 2))),
            "cross_covariances must be None",
        ),
    ],
)
def test_mixtures_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(*mixtures())
