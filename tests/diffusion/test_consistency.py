"""Corrections of data predictions by measurements, against direct solutions, by themselves and inside a sampler."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import diffusion, systems
from perturbax.diffusion import diffpir

KEY = jax.random.key(0)
PROCESS = diffusion.VPLinear()
SHAPE = (4, 4)
BATCH = 8
RENOISE = diffusion.Renoise(steps=6)


@pytest.fixture(scope="module")
def problem():
    """Data N(0, I) in k-space of three coils."""
    prior = diffusion.Sampling(lambda x, t: PROCESS.alpha(t) * x, PROCESS, SHAPE, diffusion.Data())
    operator = systems.MRI(systems.column_mask(KEY, SHAPE, acceleration=2), systems.coil_maps(3, SHAPE))
    parts = jax.random.normal(jax.random.key(4), (2, BATCH, 3, *SHAPE))
    return diffusion.InverseProblem(prior, operator, parts[0] + 1j * parts[1], 0.05)


def test_enough_conjugate_gradients_are_the_direct_solution(problem):
    x_0 = jax.random.normal(KEY, (BATCH, *SHAPE))
    found = diffusion.Proximal(gamma=3.0, steps=20, tolerance=0.0)(problem, x_0, 0.5)
    matrix = jax.vmap(problem.normal)(jnp.eye(16).reshape(-1, *SHAPE)).reshape(16, 16)
    right = (x_0 + 3.0 * problem.adjoint(problem.y)).reshape(-1, 16)
    direct = jnp.linalg.solve(jnp.eye(16) + 3.0 * matrix, right.T).T
    np.testing.assert_allclose(found.reshape(-1, 16), direct, atol=1e-4)


def test_projection_meets_the_measurements_and_moves_nothing_else(problem):
    x_0 = jax.random.normal(KEY, (BATCH, *SHAPE))
    projected = diffusion.Projected()(problem, x_0, 0.5)
    back = problem.pseudo_inverse(problem.y).x
    np.testing.assert_allclose(problem.pseudo_inverse(problem.forward(projected)).x, back, atol=1e-3)
    moved = projected - x_0
    np.testing.assert_allclose(problem.pseudo_inverse(problem.forward(moved)).x, moved, atol=1e-3)


def test_one_gradient_step_is_the_exact_line_search(problem):
    x_0 = jax.random.normal(KEY, (BATCH, *SHAPE))
    r = problem.adjoint(problem.y - problem.forward(x_0))
    image = jax.vmap(problem.normal)(r)
    a = (r**2).sum((1, 2)) / (r * image).sum((1, 2))
    stepped = diffusion.Noiseless(steps=1, tolerance=0.0)(problem, x_0, 0.5)
    np.testing.assert_allclose(stepped, x_0 + a[:, None, None] * r, atol=1e-4)


@pytest.mark.slow
def test_the_gradient_step_is_dds_with_one_conjugate_gradient(problem):
    by_method = diffusion.restore(problem, diffusion.GradientStep(RENOISE), key=KEY)
    by_hand = diffusion.restore(problem, diffusion.DDS(diffusion.Noiseless(1, 0.0), RENOISE), key=KEY)
    np.testing.assert_array_equal(by_method.x, by_hand.x)


def test_diffpir_solves_its_proximal_problem(problem):
    consistency = diffpir._LevelProximal(1.0, 100)
    x_0, time = jax.random.normal(KEY, (BATCH, *SHAPE)), 0.4
    rho = (0.05 * PROCESS.alpha(time) / PROCESS.sigma(time)) ** 2
    matrix = jax.vmap(problem.normal)(jnp.eye(16).reshape(-1, *SHAPE)).reshape(16, 16)
    right = (problem.adjoint(problem.y) + rho * x_0).reshape(-1, 16)
    direct = np.linalg.solve(np.asarray(matrix) + rho * np.eye(16), np.asarray(right).T).T
    np.testing.assert_allclose(consistency(problem, x_0, time).reshape(-1, 16), direct, atol=2e-3)


@pytest.mark.slow
def test_diffpir_steps_by_the_noise_that_belongs_to_the_corrected_data_as_ddim_does(problem):
    grid = diffusion.TimeUniform()
    method = diffusion.DiffPIR(steps=6, zeta=0.0, grid=grid)
    consistency = diffpir._LevelProximal(method.weight, method.cg_steps)
    by_ddim = diffusion.restore(problem, diffusion.DDS(consistency, diffusion.DDIM(6, grid=grid)), key=KEY)
    np.testing.assert_allclose(diffusion.restore(problem, method, key=KEY).x, by_ddim.x, atol=1e-3)


def test_the_weight_from_the_noise_gives_the_posterior_mean_of_normal_data():
    process = diffusion.EDM()
    prior = diffusion.Sampling(lambda x, s: x / (1.0 + s**2), process, (4,), diffusion.Data())
    matrix = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    problem = diffusion.InverseProblem(prior, lambda x: matrix @ x, np.ones((1, 3)), 0.5)
    x, sigma = jnp.array([[0.3, -1.0, 0.5, 2.0]]), 0.7
    weight = diffusion.PosteriorWeight()
    found = diffusion.Proximal(weight, steps=10, tolerance=0.0)(problem, x / (1.0 + sigma**2), sigma)
    # Given x = x_0 + sigma z and y = A x_0 + n at once, with x_0 ~ N(0, I).
    precision = np.eye(4) * (1.0 + 1.0 / sigma**2) + matrix.T @ matrix / 0.25
    exact = np.linalg.solve(precision, np.asarray(x[0]) / sigma**2 + matrix.T @ np.ones(3) / 0.25)
    np.testing.assert_allclose(found[0], exact, atol=1e-4)


def test_a_memory_is_refused_where_steps_are_not_fixed(problem):
    guided = diffusion.Sampling(
        problem.prior.model,
        PROCESS,
        SHAPE,
        diffusion.Data(),
        corrector=diffusion.Consistent(problem, diffusion.Noiseless()),
    )
    with pytest.raises(TypeError, match="carries a memory"):
        diffusion.sample(guided, diffusion.AdaptiveDPMSolver(), key=KEY, num_samples=BATCH)
    with pytest.raises(ValueError, match="x_T must have one start for each"):
        diffusion.sample(guided, RENOISE, key=KEY, num_samples=3)
