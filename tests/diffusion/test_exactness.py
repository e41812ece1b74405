"""What is known exactly of each sampler: equivalences, orders of convergence, variances of the stochastic ones."""

import jax
import numpy as np
import pytest

from perturbax import diffusion
from perturbax.diffusion._exponential import Expansion, phi
from perturbax.diffusion._trace import Node

PROCESS = diffusion.VPLinear()
EPS = diffusion.LogSNR(final="eps")
KEY = jax.random.key(5)
X_T = np.random.default_rng(0).normal(size=(8, 6))
Fixed, Multi, Single = diffusion.FixedSinglestep, diffusion.Multistep, diffusion.Singlestep


def run(gaussian, method, x_T=X_T, **settings):
    problem = diffusion.Sampling(gaussian.noise, gaussian.process, shape=(6,), **settings)
    return diffusion.sample(problem, method, key=KEY, x_T=x_T)


def draw(*arguments, **settings):
    return run(*arguments, **settings).x


def slope(gaussian, make, budgets):
    exact = gaussian.flow(X_T, PROCESS.t_max, PROCESS.t_min)
    runs = [run(gaussian, make(steps)) for steps in budgets]
    spent = [samples.stats["evaluations"] for samples in runs]
    errors = [np.sqrt(np.mean((samples.x - exact) ** 2)) for samples in runs]
    return -np.polyfit(np.log(spent), np.log(errors), 1)[0]


@pytest.mark.parametrize(
    "method",
    [
        diffusion.Euler(steps=7, grid=diffusion.LogSNR()),
        diffusion.DPMSolver(steps=7, order=1),
        diffusion.DPMSolver(steps=7, order=1, stepping=Fixed()),
        diffusion.DPMSolver(steps=7, order=1, stepping=Multi(), solver_type="taylor"),
        diffusion.DPMSolverPP(steps=7, order=1),
        diffusion.DPMSolverPP(steps=7, order=1, stepping=Single()),
        diffusion.DPMSolverPP(steps=7, order=1, stepping=Multi(start="singlestep")),
    ],
    ids=repr,
)
def test_everything_of_order_one_is_ddim(gaussian, method):
    np.testing.assert_allclose(draw(gaussian, method), draw(gaussian, diffusion.DDIM(steps=7)), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    "grid", [diffusion.TimeUniform(), diffusion.TimeUniform(final="eps"), diffusion.Karras()], ids=repr
)
def test_ddpm_is_ddim_with_all_the_noise(gaussian, grid):
    ddpm = draw(gaussian, diffusion.DDPM(steps=9, grid=grid))
    np.testing.assert_allclose(ddpm, draw(gaussian, diffusion.DDIM(steps=9, eta=1.0, grid=grid)), rtol=1e-12)
    assert np.abs(ddpm - draw(gaussian, diffusion.DDIM(steps=9, grid=grid))).max() > 0.01


def test_ddpm_steps_are_the_posterior_of_the_paper():
    """Ho et al. 2020, equation 7, written with its own betas."""
    betas = np.linspace(1e-4, 2e-2, 50)
    abar = np.cumprod(1 - betas)
    process = diffusion.Discrete(abar)
    grid = diffusion.Explicit(np.arange(50, 0, -1) / 50, final="eps")
    for variance in ("posterior", "forward"):
        plan = diffusion.plan(diffusion.DDPM(steps=49, variance=variance, grid=grid), process)
        k = 10
        n = 49 - k  # the entry at stage k; the step goes to entry n - 1
        mean_of_data = np.sqrt(abar[n - 1]) * betas[n] / (1 - abar[n])
        mean_of_state = np.sqrt(1 - betas[n]) * (1 - abar[n - 1]) / (1 - abar[n])
        std = np.sqrt(betas[n] * (1 - abar[n - 1]) / (1 - abar[n])) if variance == "posterior" else np.sqrt(betas[n])
        row = plan.mix[k + 1]
        assert row[plan.output_slot[k]] == pytest.approx(mean_of_data, rel=1e-9)
        assert row[plan.state_slot[k]] == pytest.approx(mean_of_state, rel=1e-9)
        assert plan.draw[k + 1] == pytest.approx(std, rel=1e-9)


def test_heun_is_the_algorithm_of_the_paper(gaussian_under):
    """Karras et al. 2022, algorithm 1, written out."""
    gaussian = gaussian_under(diffusion.EDM())
    x = start = 80.0 * X_T
    times = diffusion.Karras().times(diffusion.EDM(), 8)
    for s, t in zip(times, [*times[1:], 0.0], strict=True):
        d = gaussian.noise(x, s)
        following = x + (t - s) * d
        if t > 0:
            following = x + (t - s) * 0.5 * (d + gaussian.noise(following, t))
        x = following
    np.testing.assert_allclose(draw(gaussian, diffusion.Heun(steps=17), x_T=start), x, rtol=1e-8, atol=1e-9)


def test_the_last_step_to_zero_is_the_data_prediction(gaussian):
    for make in (diffusion.DPMSolver, diffusion.DPMSolverPP, diffusion.DDIM):
        at_eps = draw(gaussian, make(steps=20, grid=EPS))
        np.testing.assert_allclose(
            draw(gaussian, make(steps=21, grid=diffusion.LogSNR())), gaussian.data(at_eps, PROCESS.t_min), rtol=1e-7
        )


@pytest.mark.parametrize(
    ("make", "low", "high"),
    [
        (lambda n: diffusion.DDIM(steps=n, grid=EPS), 0.95, 1.05),
        (lambda n: diffusion.DPMSolver(steps=n, order=2, stepping=Fixed(), grid=EPS), 1.9, 2.1),
        (lambda n: diffusion.DPMSolver(steps=n, order=3, stepping=Fixed(), grid=EPS), 2.85, 3.2),
        (lambda n: diffusion.DPMSolver(steps=n, order=3, stepping=Fixed(), grid=EPS, solver_type="taylor"), 2.85, 3.2),
        (lambda n: diffusion.DPMSolver(steps=n, order=3, grid=EPS), 1.9, 2.3),
        (lambda n: diffusion.DPMSolver(steps=n + 1, order=3, grid=EPS), 1.9, 2.3),
        (lambda n: diffusion.DPMSolver(steps=n + 2, order=3, grid=EPS), 2.9, 3.2),
        (lambda n: diffusion.DPMSolver(steps=n, order=2, stepping=Multi(), grid=EPS), 1.9, 2.1),
        (lambda n: diffusion.DPMSolver(steps=n, order=3, stepping=Multi(third="exact"), grid=EPS), 2.7, 4.2),
        (lambda n: diffusion.DPMSolverPP(steps=n, order=2, stepping=Fixed(), grid=EPS), 1.9, 2.1),
        (lambda n: diffusion.DPMSolverPP(steps=n, order=3, stepping=Fixed(), grid=EPS), 2.7, 3.1),
        (lambda n: diffusion.DPMSolverPP(steps=n, grid=EPS), 1.9, 2.1),
        (lambda n: diffusion.DPMSolverPP(steps=n, grid=EPS, solver_type="taylor"), 1.9, 2.1),
        (lambda n: diffusion.DPMSolverPP(steps=n, order=3, grid=EPS), 1.9, 2.2),
        (lambda n: diffusion.DPMSolverPP(steps=n, order=3, stepping=Multi(third="exact"), grid=EPS), 2.8, 4.2),
        (
            lambda n: diffusion.DPMSolverPP(
                steps=n, order=3, stepping=Multi(third="exact", start="singlestep"), grid=EPS
            ),
            2.8,
            4.2,
        ),
        (lambda n: diffusion.Heun(steps=n, grid=EPS), 1.8, 2.2),
    ],
)
def test_order_of_convergence(gaussian, make, low, high):
    """Slopes on the Gaussian, where the flow is known; between few evaluations, so not yet at their limits."""
    assert low <= slope(gaussian, make, (96, 192)) <= high


@pytest.mark.slow
def test_order_of_convergence_to_768_evaluations(gaussian):
    budgets = (96, 192, 384, 768)
    official = slope(gaussian, lambda n: diffusion.DPMSolverPP(steps=n, order=3, grid=EPS), budgets)
    assert 1.9 <= official <= 2.1
    for order in (1, 2, 3):
        for cls in (diffusion.DPMSolver, diffusion.DPMSolverPP):
            rate = slope(gaussian, lambda n, c=cls, k=order: c(steps=n, order=k, stepping=Fixed(), grid=EPS), budgets)
            assert rate == pytest.approx(order, abs=0.2)


def variance(method):
    """Of the result for data N(0, 1), by propagating the plan's linear map; the exact noise prediction is sigma x."""
    plan = diffusion.plan(method, PROCESS)
    n = plan.evaluations
    registers = np.zeros((plan.registers, n + 2))
    registers[0, 0] = 1.0
    for k in range(n + 1):
        state = plan.mix[k] @ registers
        state[k + 1] += plan.draw[k]
        if k == n:
            return float(np.sum(state**2))
        output = (plan.alphas[k] if plan.predicts_data[k] else plan.sigmas[k]) * state
        for slot, value in ((plan.state_slot[k], state), (plan.output_slot[k], output)):
            if slot < plan.registers:
                registers[slot] = value


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"steps": 25}, 1.0437),
        ({"steps": 50}, 1.0120),
        ({"steps": 25, "solver_type": "taylor"}, 1.1120),
        ({"steps": 25, "order": 1}, 0.6984),
    ],
)
def test_variance_of_the_reverse_sde(settings, expected):
    """Spec 70, claim 4."""
    stepping = Multi(lower_order_final=False)
    assert variance(diffusion.DPMSolverPP(stochastic=1.0, stepping=stepping, grid=EPS, **settings)) == pytest.approx(
        expected, abs=1e-3
    )


def test_variance_in_the_limit():
    assert variance(diffusion.DPMSolverPP(steps=100, stochastic=1.0, grid=EPS)) == pytest.approx(1.0, abs=5e-3)
    assert variance(diffusion.DPMSolverPP(steps=400, stochastic=0.5, grid=EPS)) == pytest.approx(1.0, abs=1e-3)
    assert variance(
        diffusion.DPMSolver(steps=300, order=2, stepping=Multi(), stochastic=1.0, grid=EPS)
    ) == pytest.approx(1.0, abs=0.05)
    assert variance(diffusion.DPMSolver(steps=5, order=1, stepping=Multi(), stochastic=1.0, grid=EPS)) > 100
    assert variance(diffusion.DDPM(steps=1000, grid=diffusion.TimeUniform(final="eps"))) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_first_order_sde_step_is_that_of_k_diffusion(eta):
    s, t = Node.at(PROCESS, 0.6), Node.at(PROCESS, 0.4)
    h = t.half_log_snr - s.half_log_snr
    weights = Expansion(data=True).weights(s, t, eta)
    assert weights.decay == pytest.approx(t.sigma / s.sigma * np.exp(-eta * h))
    assert weights.first == pytest.approx(t.alpha * -np.expm1(-(1 + eta) * h))
    assert weights.noise == pytest.approx(t.sigma * np.sqrt(-np.expm1(-2 * eta * h)))


def test_sde_weights_of_the_paper():
    s, t = Node.at(PROCESS, 0.6), Node.at(PROCESS, 0.4)
    h = t.half_log_snr - s.half_log_snr
    data, noise = (Expansion(data).weights(s, t, 1.0) for data in (True, False))
    assert data.second == pytest.approx(t.alpha * ((1 - np.exp(-2 * h)) / (-2 * h) + 1))
    assert noise.decay == pytest.approx(t.alpha / s.alpha)
    assert noise.first == pytest.approx(-2 * t.sigma * (np.exp(h) - 1))
    assert noise.second == pytest.approx(-2 * t.sigma * ((np.exp(h) - 1) / h - 1))
    assert noise.noise == pytest.approx(t.sigma * np.sqrt(np.exp(2 * h) - 1))


def exact_phi(z, terms=60):
    """phi_1, phi_2 and phi_3 from their series in extended precision."""
    z = np.longdouble(z)
    power, factorial = [np.longdouble(1)], [np.longdouble(1)]
    for n in range(1, terms):
        power.append(power[-1] * z)
        factorial.append(factorial[-1] * n)
    return [
        sum(power[n] / factorial[n] for n in range(1, terms)),
        sum(power[n] / factorial[n + 1] for n in range(1, terms - 1)),
        sum(power[n] / factorial[n + 2] for n in range(1, terms - 2)),
    ]


@pytest.mark.parametrize("z", [-8.0, -1.0, -0.1, -0.0101, -0.0099, -1e-4, -1e-9, 0.0, 1e-9, 0.0099, 0.0101, 0.5, 4.0])
def test_phi_functions(z):
    for value, exact, tolerance in zip(phi(z), exact_phi(z), (1e-15, 1e-12, 1e-9), strict=True):
        assert float(value) == pytest.approx(float(exact), rel=tolerance, abs=1e-300)


def test_phi_functions_at_minus_infinity_are_their_limits():
    assert [float(value) for value in phi(-np.inf)] == [-1.0, -1.0, -0.5]


def test_flow_is_followed_from_the_middle(gaussian):
    method = diffusion.DPMSolverPP(steps=60, order=3, grid=EPS)
    x = gaussian.flow(X_T, 1.0, 0.5)
    exact = gaussian.flow(x, 0.5, PROCESS.t_min)
    np.testing.assert_allclose(draw(gaussian, method, x_T=x, start=0.5), exact, atol=1e-3)


@pytest.mark.parametrize(
    "process",
    [diffusion.VPCosine(), diffusion.VE(), diffusion.EDM(), diffusion.FlowMatching(shift=2.0)],
    ids=lambda process: type(process).__name__,
)
def test_every_process_follows_its_flow(gaussian_under, process):
    gaussian = gaussian_under(process)
    x_T = X_T * process.prior_std
    exact = gaussian.flow(x_T, process.t_max, process.t_min)
    for method in (diffusion.DPMSolverPP(steps=80, grid=EPS), diffusion.DPMSolver(steps=80, grid=EPS)):
        assert np.sqrt(np.mean((draw(gaussian, method, x_T=x_T) - exact) ** 2)) < 2e-3


def test_churn_keeps_the_law(gaussian_under):
    """With the exact denoiser churn changes the samples, not their distribution."""
    gaussian = gaussian_under(diffusion.EDM(t_max=20.0))
    x_T = 20.0 * np.random.default_rng(0).normal(size=(10_000, 6))
    # At 61 evaluations the steps themselves make the samples 4 % wider; here it is less than the sampling error.
    method = diffusion.Heun(steps=241, churn=diffusion.Churn(amount=20.0, low=0.0, noise_scale=1.0))
    x = draw(gaussian, method, x_T=x_T)
    np.testing.assert_allclose(x.std(axis=0), np.sqrt(gaussian.variances), rtol=0.035)
    np.testing.assert_allclose(x.mean(axis=0), gaussian.mean, atol=0.035)
