"""Paths: what they join, exact rates, and custom ones that are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, transport
from perturbax.transport._path import check_path

from .interpolants import NOISES, PATHS, SOME_WITH_MARKS

TIMES = np.concatenate([np.linspace(0.01, 0.99, 40), [0.5]])


@pytest.mark.parametrize("name", PATHS)
def test_every_path_passes_the_check(name):
    assert check_path(PATHS[name]) is PATHS[name]


@pytest.mark.parametrize("name", SOME_WITH_MARKS)
def test_rates_are_the_derivatives(name):
    """Against central differences; at the kink of a trigonometric path, the derivative from the left."""
    h = 1e-6

    @jax.jit
    def gaps(t, left):
        rates, here = PATHS[name].rates(t), PATHS[name].coefficients(t)
        after, before = PATHS[name].coefficients(t + h), PATHS[name].coefficients(t - h)
        central = jax.tree.map(lambda r, a, b: r - (a - b) / (2 * h), rates, after, before)
        backward = jax.tree.map(lambda r, c, b: r - (c - b) / h, rates, here, before)
        return jax.tree.map(lambda c, b: jnp.where(left, b, c), central, backward)

    with core.float64():
        found = gaps(jnp.asarray(TIMES), jnp.asarray(TIMES == 0.5))
    np.testing.assert_allclose(found, 0.0, atol=2e-5)


@pytest.mark.parametrize("name", [name for name in PATHS if "trigonometric" in name])
def test_trigonometric_paths_keep_a_unit_variance(name):
    at = PATHS[name].coefficients(jnp.asarray(TIMES, jnp.float32))
    np.testing.assert_allclose(at.alpha**2 + at.beta**2 + at.variance, 1.0, atol=1e-6)


@pytest.mark.parametrize("name", ["trigonometric-sine", "variance-preserving"])
def test_velocities_are_the_derivative_of_the_state(name):
    path = PATHS[name]

    @jax.jit
    def both(t, x0, x1, z):
        _, moved = jax.jvp(lambda t: path.state(t, x0, x1, z), (t,), (jnp.ones_like(t),))
        return transport.Velocity().value(path, t, x0, x1, z), moved

    with core.float64():
        rows = (jnp.asarray(row) for row in np.random.default_rng(0).normal(size=(3, len(TIMES), 2)))
        target, moved = both(jnp.asarray(TIMES), *rows)
    np.testing.assert_allclose(target, moved, rtol=1e-9, atol=1e-9)


def test_noises_vanish_at_both_ends_also_in_float32():
    for noise in NOISES.values():
        assert noise.variance(jnp.array([0.0, 1.0])).tolist() == [0.0, 0.0]


def test_only_brownian_noise_and_the_diffusion_are_rough():
    rough = {name for name, path in PATHS.items() if path.rough}
    assert rough == {"linear-bridge", "trigonometric-bridge", "mirror-bridge", "variance-preserving"}
    assert {name for name, path in PATHS.items() if not path.noisy} == {"linear-none", "trigonometric-none"}


class Broken(transport.AbstractPath):
    """A path of the user's that leaves noise at its end."""

    left: float = 0.1

    def coefficients(self, t):
        return transport.Coefficients(1.0 - t, t, self.left * t)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transport.BridgeNoise(0.0), "scale must be"),
        (lambda: transport.SigmoidNoise(-1.0), "sharpness must be"),
        (lambda: transport.TrigonometricPath(transport.BridgeNoise(5.0)), "gamma < 1 .* got 1.12 at t = 1/2"),
        (lambda: transport.MirrorPath(transport.NoNoise()), "must not be NoNoise"),
        (lambda: check_path(Broken()), r"= \(0.0, 1.0, 0.0\) at t = 1, got \(0, 1, 0.1\)"),
        (lambda: check_path(Broken(-1.0)), r"gamma\^2 >= 0"),
    ],
)
def test_paths_that_join_nothing_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("make", [transport.LinearPath, transport.TrigonometricPath, transport.MirrorPath])
def test_a_noise_must_be_one(make):
    with pytest.raises(TypeError, match="noise"):
        make("brownian")
