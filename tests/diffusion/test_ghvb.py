"""Momentum samplers: the published tables, the limits of the family, and orders of convergence."""

import numpy as np
import pytest

from perturbax import core, diffusion
from perturbax.diffusion import GHVB, PLMS, DPMSolverPP, HeavyBall, HeavyBallPP, Nesterov
from perturbax.diffusion._adams_bashforth import GAMMA, newton_direction, uniform_direction, weights_of_differences

EPS = diffusion.LogSNR(final="eps")
PROCESS = diffusion.VPLinear()
X_T = np.random.default_rng(0).normal(size=(8, 6))

# Wizadwongsa et al. 2024, table of the weights a_j(beta) times the common denominator.
PUBLISHED = {
    2: (2, lambda b: (2 + b, -(2 - b))),
    3: (12, lambda b: (18 + 5 * b, -(24 - 8 * b), 6 - b)),
    4: (24, lambda b: (46 + 9 * b, -(78 - 19 * b), 42 - 5 * b, -(10 - b))),
    5: (720, lambda b: (1650 + 251 * b, -(3420 - 646 * b), 2880 - 264 * b, -(1380 - 106 * b), 270 - 19 * b)),
}


def draw(gaussian, method):
    problem = diffusion.Sampling(gaussian.noise, gaussian.process, shape=(6,))
    return diffusion.sample(problem, method, x_T=X_T).x


def slope(gaussian, make, budgets):
    exact = gaussian.flow(X_T, PROCESS.t_max, PROCESS.t_min)
    errors = [np.sqrt(np.mean((draw(gaussian, make(steps)) - exact) ** 2)) for steps in budgets]
    return -np.polyfit(np.log(budgets), np.log(errors), 1)[0]


class Symbol:
    """A value that remembers its weight in what is made of it."""

    def __init__(self, weights):
        self.weights = np.asarray(weights, dtype=float)

    def __add__(self, other):
        return Symbol(self.weights + other.weights)

    def __sub__(self, other):
        return Symbol(self.weights - other.weights)

    def __mul__(self, scalar):
        return Symbol(scalar * self.weights)

    __rmul__ = __mul__

    def __truediv__(self, scalar):
        return self * (1.0 / scalar)


@pytest.mark.parametrize("q", PUBLISHED)
@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9, 1.0])
def test_one_rule_gives_the_published_tables(q, beta):
    denominator, table = PUBLISHED[q]
    values = [Symbol(row) for row in np.eye(q)]
    ours = GHVB(order=q - 1 + beta)._uniform(values).weights
    np.testing.assert_allclose(ours * beta * denominator, np.array(table(beta)) * (beta if beta == 1.0 else 1.0))


def test_newton_direction_on_equal_steps_has_the_weights_of_adams_and_bashforth():
    values = [Symbol(row) for row in np.eye(4)]
    expected = np.array([55, -59, 37, -9]) / 24
    np.testing.assert_allclose(weights_of_differences(GAMMA[:4]), expected)
    np.testing.assert_allclose(uniform_direction(values).weights, expected)
    np.testing.assert_allclose(newton_direction([3.0, 2.0, 1.0, 0.0], 4.0, values).weights, expected, rtol=1e-12)


def test_newton_direction_integrates_polynomials_exactly():
    levels, target = [2.0, 2.7, 3.1, 5.0], 1.4
    for power in range(4):
        mean = (target ** (power + 1) - levels[0] ** (power + 1)) / (power + 1) / (target - levels[0])
        values = [np.array(level**power) for level in levels]
        assert newton_direction(levels, target, values) == pytest.approx(mean)


def test_integer_indices_are_plms_and_no_momentum_is_none(gaussian):
    for q in (1, 2, 3, 4):
        np.testing.assert_allclose(
            draw(gaussian, GHVB(steps=11, order=float(q))), draw(gaussian, PLMS(steps=11, order=q)), rtol=1e-9
        )
    for plain, momentum in (
        (PLMS(steps=11, order=3), HeavyBall(steps=11, order=3, beta=1.0)),
        (PLMS(steps=11, order=3), Nesterov(steps=11, order=3, beta=1.0)),
        (DPMSolverPP(steps=11), HeavyBallPP(steps=11, beta=1.0)),
        (DPMSolverPP(steps=8, grid=EPS), HeavyBallPP(steps=8, beta=1.0, grid=EPS)),
    ):
        np.testing.assert_allclose(draw(gaussian, momentum), draw(gaussian, plain), rtol=1e-9)
    ddim = draw(gaussian, diffusion.DDIM(steps=11, grid=diffusion.TimeUniform()))
    np.testing.assert_allclose(draw(gaussian, PLMS(steps=11, order=1)), ddim, rtol=1e-9)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_small_fractions_approach_the_lower_index(gaussian, k):
    """The transient of a slow velocity is what is left, so that the limit holds for the recurrence: its regions."""
    lower = diffusion.stability(PLMS(order=k), np.zeros(1)).real_interval
    assert diffusion.stability(GHVB(order=k + 1e-3), np.zeros(1)).real_interval == pytest.approx(lower, rel=2e-3)


def test_both_weights_agree_on_equal_steps():
    process = diffusion.EDM(t_min=1.0, t_max=13.0)
    grid = diffusion.TimeUniform(final="eps")
    problem = diffusion.Sampling(lambda x, t: 0.1 * x + t, process, shape=(2,))
    for order in (1.5, 2.5, 3.5, 3.0):
        uniform, variable = (
            diffusion.sample(
                problem, GHVB(steps=12, order=order, coefficients=name, grid=grid), x_T=np.full((1, 2), 13.0)
            ).x
            for name in ("uniform", "variable")
        )
        # A polynomial is integrated alike; the starts differ by the order they have while values are few.
        np.testing.assert_allclose(uniform, variable, rtol=2e-2)


@pytest.mark.parametrize(
    ("make", "budgets", "low", "high"),
    [
        (lambda n: HeavyBall(steps=n, beta=0.8, grid=EPS), (96, 192), 0.9, 1.1),
        (lambda n: Nesterov(steps=n, grid=EPS), (384, 768), 0.9, 1.1),
        (lambda n: HeavyBallPP(steps=n, grid=EPS), (96, 192), 0.9, 1.1),
        (lambda n: GHVB(steps=n, order=1.5, grid=EPS), (96, 192), 1.85, 2.15),
        (lambda n: GHVB(steps=n, order=2.5, grid=EPS), (96, 192), 1.85, 2.15),
        (lambda n: GHVB(steps=n, order=2.5, coefficients="variable", grid=EPS), (96, 192), 2.75, 3.2),
        (lambda n: PLMS(steps=n, order=4, grid=EPS), (96, 192), 1.8, 2.2),
    ],
)
def test_order_of_convergence(gaussian, make, budgets, low, high):
    assert low <= slope(gaussian, make, budgets) <= high


def test_only_a_few_states_are_kept():
    for method, most in (
        (PLMS(steps=50, order=4), 5),
        (HeavyBall(steps=50, order=4), 6),
        (GHVB(steps=50, order=3.5), 6),
        (HeavyBallPP(steps=50), 4),
    ):
        plan = diffusion.plan(method, PROCESS)
        assert plan.evaluations == 50
        assert plan.registers <= most


def test_the_compiled_sampler_is_the_eager_one(gaussian):
    method = GHVB(steps=11, order=2.5, grid=EPS)
    problem = diffusion.Sampling(gaussian.noise, gaussian.process, shape=(6,))
    with core.float64():
        import jax.numpy as jnp

        compiled = diffusion.sample(problem, method, x_T=jnp.asarray(X_T)).x
    np.testing.assert_allclose(compiled, draw(gaussian, method), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GHVB(order=0.0), "order must be in"),
        (lambda: GHVB(order=5.5), "order must be"),
        (lambda: GHVB(order=float("nan")), "order must be"),
        (lambda: HeavyBall(beta=0.0), "beta must be in"),
        (lambda: HeavyBall(beta=1.5), "beta must be"),
        (lambda: Nesterov(beta=-0.1), "beta must be"),
        (lambda: HeavyBallPP(beta=0.0), "beta must be in"),
        (lambda: PLMS(order=5), "order must be"),
        (lambda: GHVB(steps=0), "steps must be"),
    ],
)
def test_parameters_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
def test_plms_is_that_of_diffusers(gaussian_under):
    """PNDM differs in its start; LMS has the weights of the actual steps, in the noise level from step to step."""
    torch, diffusers = pytest.importorskip("torch"), pytest.importorskip("diffusers")
    betas = np.linspace(1e-4, 2e-2, 1000)
    process = diffusion.Discrete(np.cumprod(1.0 - betas))
    gaussian = gaussian_under(process)

    def ours(indices, coefficients):
        grid = diffusion.Explicit((np.asarray(indices) + 1.0) / 1000, final="eps")
        problem = diffusion.Sampling(gaussian.noise, process, shape=(6,), start=grid.at[0])
        method = PLMS(len(indices) - 1, coefficients=coefficients, grid=grid)
        return diffusion.sample(problem, method, x_T=X_T).x

    def output(x, index):
        return torch.from_numpy(gaussian.noise(x.numpy(), float(index)))

    pndm = diffusers.PNDMScheduler(num_train_timesteps=1000, trained_betas=betas, skip_prk_steps=True)
    pndm.set_timesteps(50)
    x = torch.from_numpy(X_T)
    for index in pndm.timesteps:
        x = pndm.step(output(x, index), index, x).prev_sample
    np.testing.assert_allclose(ours(np.unique(pndm.timesteps.numpy())[::-1], "uniform"), x.numpy(), atol=1e-3)

    lms = diffusers.LMSDiscreteScheduler(num_train_timesteps=1000, trained_betas=betas)
    lms.set_timesteps(28)  # every 37th of 1000
    indices = lms.timesteps.numpy()
    alphas = np.asarray(process.alpha((indices + 1.0) / 1000))
    y = torch.from_numpy(X_T / alphas[0])
    for k, index in enumerate(lms.timesteps[:-1]):
        y = lms.step(output(float(alphas[k]) * y, index), index, y, order=4).prev_sample
    np.testing.assert_allclose(ours(indices, "variable"), alphas[-1] * y.numpy(), atol=2e-4)
