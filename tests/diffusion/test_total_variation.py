"""Total variation: a closed form, what it is good for, and an ADMM that is carried from step to step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import diffusion, systems

KEY = jax.random.key(0)
PROCESS = diffusion.VPLinear()


def problem_of(operator, y, shape, model=lambda x, t: 0.0 * x, noise_std=0.1):
    prior = diffusion.Sampling(model, PROCESS, shape, diffusion.Data())
    return diffusion.InverseProblem(prior, operator, y, noise_std)


def shrunk(y, weight):
    """The minimum for two pixels on a circle, whose two differences are the same: their difference shrinks by 4 w."""
    mean, difference = 0.5 * (y[0] + y[1]), y[1] - y[0]
    difference = np.sign(difference) * max(abs(difference) - 4 * weight, 0.0)
    return np.array([mean - 0.5 * difference, mean + 0.5 * difference])


@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0])
def test_two_pixels_have_a_closed_form(weight):
    y = np.array([1.0, -0.2])
    problem = problem_of(lambda x: x, y.reshape(1, 2, 1), (2, 1))
    found = diffusion.restore(problem, diffusion.TotalVariation(weight=weight), key=KEY)
    np.testing.assert_allclose(found.x.reshape(2), shrunk(y, weight), atol=1e-4)
    assert found.stats["evaluations"] == 0
    assert int(found.stats["operator_applications"][0]) >= 100


@pytest.mark.slow
def test_a_piecewise_constant_image_comes_back_from_half_of_its_pixels():
    image = np.zeros((8, 8), np.float32)
    image[2:6, 2:6] = 1.0
    operator = systems.Inpainting(np.random.default_rng(0).random((8, 8)) < 0.6)
    problem = problem_of(operator, operator(jnp.asarray(image))[None], (8, 8))
    errors = [
        float(jnp.abs(diffusion.restore(problem, method, key=KEY).x - image).mean())
        for method in (diffusion.TotalVariation(weight=0.01, iterations=300), diffusion.Tikhonov())
    ]
    assert errors[0] < 0.5 * errors[1]


def test_carried_iterations_converge_where_iterations_that_are_reset_do_not():
    y = np.array([1.0, -0.2])
    problem = problem_of(lambda x: x, y.reshape(1, 2, 1, 1), (2, 1, 1))
    consistency = diffusion.SliceVariation(weight=0.1, rho=1.0)
    carried, x, alone = consistency.begin(problem), problem.y, problem.y
    once = eqx.filter_jit(consistency.correct)
    for _ in range(60):
        x, _, carried = once(problem, x, jnp.asarray(0.5), carried)
        alone = once(problem, alone, jnp.asarray(0.5), consistency.begin(problem)).x
    np.testing.assert_allclose(x.reshape(2), shrunk(y, 0.1), atol=1e-3)
    assert np.abs(np.asarray(alone).reshape(2) - shrunk(y, 0.1)).max() > 0.05


@pytest.mark.slow
def test_dds_of_a_volume_makes_one_iteration_a_step_and_never_resets_it():
    target = np.random.default_rng(1).normal(size=(3, 2, 2)).astype(np.float32)
    y = np.random.default_rng(2).normal(size=(2, 3, 2, 2)).astype(np.float32)
    # A network that always says the same, so that what reaches ADMM at every step is known.
    model = diffusion.Slicewise(lambda x, t: jnp.tile(jnp.asarray(target), (x.shape[0] // 3, 1, 1)))
    problem = problem_of(lambda x: x, y, (3, 2, 2), model)
    consistency = diffusion.SliceVariation(weight=0.2, rho=2.0)
    method = diffusion.DDS(consistency, diffusion.Renoise(steps=4))
    found = diffusion.restore(problem, method, key=KEY)
    carried = consistency.begin(problem)
    for _ in range(4):
        x, _, carried = consistency.correct(problem, jnp.stack([target] * 2), 0.5, carried)
    np.testing.assert_allclose(found.x, x, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: diffusion.SliceVariation(rho=0.0), "rho must be"),
        (lambda p: diffusion.TotalVariation(weight=-1.0), "weight must be"),
        (lambda p: diffusion.restore(p, diffusion.TotalVariation(axes=(4,)), key=KEY), "axes must be"),
        (lambda p: diffusion.restore(p, diffusion.DDS(diffusion.SliceVariation(axis=3)), key=KEY), "axis must be"),
        (lambda p: diffusion.restore(p, diffusion.TotalVariation(), key=KEY, trajectory=True), "trajectory has no"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call(problem_of(lambda x: x, np.ones((1, 2, 2)), (2, 2)))
