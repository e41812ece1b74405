"""Inversion and editing: what is exact is exact to rounding, what is approximate is told apart."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, diffusion
from perturbax.diffusion import BDIA, BELM, DDIM, EDICT, FixedPointDDIM

EPS = diffusion.LogSNR(final="eps")
X_0 = np.random.default_rng(3).normal(size=(4, 6))


def problem_of(gaussian, **settings):
    return diffusion.Sampling(gaussian.noise, gaussian.process, shape=(6,), **settings)


def there_and_back(problem, method, x_0=X_0):
    """The largest error after data -> latent -> data."""
    latent = diffusion.invert(problem, method, x_0).latent
    return float(abs(diffusion.sample_latent(problem, method, latent).x - x_0).max())


@pytest.mark.parametrize(
    "method",
    [
        BDIA(steps=20, grid=EPS),
        BDIA(steps=20, gamma=0.9, grid=EPS),
        BDIA(steps=20, grid=diffusion.TimeUniform(final="eps")),
        BDIA(steps=40, increment=diffusion.MidpointIncrement(), grid=EPS),
        BDIA(steps=40, increment=diffusion.HeunIncrement(), grid=EPS),
        BDIA(steps=60, increment=diffusion.HeunIncrement("heun"), grid=EPS),
        BELM(steps=20, grid=EPS),
        EDICT(steps=40, grid=EPS),
    ],
    ids=repr,
)
def test_inversion_is_exact(gaussian, method):
    assert there_and_back(problem_of(gaussian), method) < 1e-10


def test_ddim_inversion_is_not_exact_and_its_fixed_point_is(gaussian):
    problem = problem_of(gaussian)
    assert there_and_back(problem, DDIM(steps=20, grid=EPS)) > 1e-2
    rough, fine = (there_and_back(problem, FixedPointDDIM(steps=20, iterations=k, grid=EPS)) for k in (1, 60))
    assert fine < 1e-9 < rough


@pytest.mark.parametrize("method", [BDIA(steps=20, gamma=0.95, grid=EPS), BELM(steps=20, grid=EPS)], ids=repr)
def test_the_latent_of_a_sample_is_found_again(gaussian, method):
    problem = problem_of(gaussian)
    samples = diffusion.sample(problem, method, x_T=X_0, trajectory=True)
    latent = diffusion.invert(problem, method, samples.x, before=samples.states[-1]).latent
    np.testing.assert_allclose(latent.states[0], X_0, atol=1e-10 if isinstance(method, BDIA) else 1e-6)
    made_up = diffusion.invert(problem, method, samples.x).latent
    assert np.abs(made_up.states[0] - X_0).max() > 1e-3


def test_float32_is_as_exact_as_its_digits(gaussian):
    x_0 = jnp.asarray(X_0, jnp.float32)
    assert there_and_back(problem_of(gaussian), BDIA(steps=20, grid=EPS), x_0) < 2e-5


def test_jax_and_numpy_give_the_same_latent(gaussian):
    method = BDIA(steps=20, grid=EPS)
    with core.float64():
        ours, foreign = (
            diffusion.invert(problem_of(gaussian), method, x_0).latent.states for x_0 in (jnp.asarray(X_0), X_0)
        )
    for one, other in zip(ours, foreign, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_evaluations_are_counted_both_ways(gaussian):
    problem = problem_of(gaussian)
    for method, up in (
        (DDIM(steps=12, grid=EPS), 12),
        (BDIA(steps=12, grid=EPS), 12),
        (BELM(steps=12, grid=EPS), 12),
        (EDICT(steps=12, grid=EPS), 12),  # 6 steps of 2
        (FixedPointDDIM(steps=12, iterations=3, grid=EPS), 37),
    ):
        inversion = diffusion.invert(problem, method, X_0)
        assert inversion.stats["evaluations"] == up
        # A pair leaves out the evaluation that made its second state.
        down = diffusion.sample_latent(problem, method, inversion.latent).stats["evaluations"]
        assert down == (11 if isinstance(method, BDIA | BELM) else 12)


def test_an_edit_changes_the_condition_only(gaussian):
    def model(x, t, shift):
        centred = x - gaussian.process.alpha(t) * shift
        return gaussian.noise(centred, t)

    source, target = (
        diffusion.Sampling(model, gaussian.process, shape=(6,), condition=np.full((1, 6), shift))
        for shift in (0.0, 2.0)
    )
    method = BDIA(steps=40, grid=EPS)
    unchanged = diffusion.edit(source, source, method, X_0)
    np.testing.assert_allclose(unchanged.x, X_0, atol=1e-11)
    assert unchanged.stats["evaluations"] == 2 * 32 - 1
    moved = [diffusion.edit(source, target, method, X_0, strength=strength).x - X_0 for strength in (0.3, 1.0)]
    assert 0.0 < moved[0].mean() < moved[1].mean() < 2.5
    assert moved[1].mean() > 1.5


def test_amplification_is_told(gaussian):
    problem = problem_of(gaussian)
    with pytest.warns(UserWarning, match="amplifies rounding"):
        inversion = diffusion.invert(problem, BDIA(steps=50, gamma=0.5, grid=EPS), X_0)
    assert inversion.amplification == 2.0**49
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert diffusion.invert(problem, BDIA(steps=50, grid=EPS), X_0).amplification == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: diffusion.invert(p, BDIA(steps=5, gamma=0.0, grid=EPS), X_0), "gamma must be positive"),
        (lambda p: diffusion.invert(p, BDIA(steps=5), X_0), 'must have final="eps"'),
        (lambda p: diffusion.invert(p, DDIM(steps=5, eta=0.5, grid=EPS), X_0), "eta must be 0"),
        (lambda p: diffusion.invert(p, DDIM(steps=5, grid=EPS), X_0, before=X_0), "before has no meaning for DDIM"),
        (lambda p: diffusion.invert(p, BDIA(steps=5, grid=EPS), X_0, before=X_0[:2]), "before must be an array like"),
        (lambda p: diffusion.invert(p, BDIA(steps=5, grid=EPS), X_0[:, :3]), "x_0 must have shape"),
        (lambda p: diffusion.invert(p, BDIA(steps=5, grid=EPS), np.full((1, 6), np.nan)), "x_0 must be finite"),
        (lambda p: diffusion.edit(p, p, BDIA(steps=5, grid=EPS), X_0, strength=0.1), "strength must undo at least 2"),
    ],
)
def test_bad_input_is_refused(gaussian, call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(problem_of(gaussian))


def test_another_grid_than_that_of_the_inversion_is_refused(gaussian):
    problem = problem_of(gaussian)
    latent = diffusion.invert(problem, BDIA(steps=10, grid=EPS), X_0).latent
    with pytest.raises(ValueError, match="latent was made with other steps"):
        diffusion.sample_latent(problem, BDIA(steps=11, grid=EPS), latent)
    with pytest.raises(ValueError, match="latent was made with other steps"):
        diffusion.sample_latent(problem, DDIM(steps=10, grid=EPS), latent)


def test_a_latent_goes_through_jit(gaussian):
    problem, method = problem_of(gaussian), BDIA(steps=20, grid=EPS)
    latent = diffusion.invert(problem, method, jnp.asarray(X_0, jnp.float32)).latent
    again = jax.jit(lambda states: diffusion.sample_latent(problem, method, diffusion.Latent(states, latent.times)).x)
    np.testing.assert_allclose(again(latent.states), X_0, atol=2e-5)
