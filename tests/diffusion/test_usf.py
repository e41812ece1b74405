"""Solver schedules: known solvers are special cases to rounding, steps are exact on polynomials, files, bad input."""

import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import diffusion
from perturbax.diffusion import USF, DPMSolver, DPMSolverPP, SolverSchedule, UniPC, solver_schedule
from perturbax.diffusion._schedule_weights import phi_functions

PROCESS = diffusion.VPLinear()
X_T = np.random.default_rng(0).normal(size=(8, 6))
EXACT = diffusion.Multistep(third="exact")
FLOW = diffusion.FlowMatching(t_max=1.0)
STEPPINGS = (EXACT, diffusion.Singlestep(), diffusion.FixedSinglestep())


def draw(model, method, x_T=X_T, **parts):
    problem = diffusion.Sampling(model, parts.pop("process", PROCESS), shape=(6,), **parts)
    return diffusion.sample(problem, method, x_T=x_T)


@pytest.mark.parametrize(
    ("cls", "final"),
    [
        (DPMSolver, "eps"),
        (DPMSolverPP, "zero"),
        pytest.param(DPMSolver, "zero", marks=pytest.mark.slow),
        pytest.param(DPMSolverPP, "eps", marks=pytest.mark.slow),
    ],
)
def test_known_solvers_are_schedules(gaussian, cls, final):
    """The bar of the system: the same samples to 1e-10 in float64."""
    grid, other = diffusion.LogSNR(final=final), diffusion.Karras(final=final)
    methods = [
        cls(steps=8, order=order, stepping=stepping, solver_type=kind, grid=grid)
        for order, stepping, kind in itertools.product((2, 3), STEPPINGS, ("midpoint", "taylor"))
    ]
    methods += [cls(steps=8, order=1, grid=grid), cls(steps=11, order=3, stepping=STEPPINGS[1], grid=other)]
    for method in [diffusion.DDIM(steps=8, grid=grid), *methods]:
        schedule = solver_schedule(method, PROCESS)
        ours, direct = draw(gaussian.noise, USF(schedule)), draw(gaussian.noise, method)
        np.testing.assert_allclose(ours.x, direct.x, rtol=0.0, atol=1e-10)
        assert ours.stats == direct.stats


@pytest.mark.parametrize(
    "process",
    [diffusion.EDM(), diffusion.VPCosine(), diffusion.Discrete(np.cumprod(1 - np.linspace(1e-4, 2e-2, 1000)))],
)
def test_on_every_process(gaussian_under, process):
    gaussian = gaussian_under(process)
    x_T = process.prior_std * X_T
    method = DPMSolverPP(steps=8, order=3, stepping=EXACT)
    usf = USF(solver_schedule(method, process))
    ours, direct = (draw(gaussian.noise, m, x_T, process=process).x for m in (usf, method))
    np.testing.assert_allclose(ours, direct, atol=1e-9)


def test_a_schedule_of_another_process_is_refused():
    schedule = solver_schedule(DPMSolverPP(steps=5), diffusion.EDM())
    with pytest.raises(ValueError, match=r"half_log_snr must lie in"):
        diffusion.plan(USF(schedule), PROCESS)


def polynomial_flow(coefficients, data, nodes):
    """The exact end of the ODE when the prediction is a polynomial in lambda alone, by integration in closed form."""
    sign = 1.0 if data else -1.0
    # INT e^(sign l) p(l) dl = e^(sign l) (p / sign - p' / sign^2 + p'' / sign^3 - ...), by parts.
    polynomial = np.polynomial.Polynomial(coefficients)
    series = sum((-1) ** k * sign ** (k + 1) * polynomial.deriv(k) for k in range(len(coefficients)))
    first, last = nodes[0], nodes[-1]
    return np.exp(sign * last) * series(last) - np.exp(sign * first) * series(first)


@pytest.mark.parametrize("data", [False, True])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("corrector", ["none", "pseudo"])
def test_a_step_of_order_n_is_exact_for_polynomials_of_degree_below_n(order, data, corrector):
    """With the right number of points; a corrector raises the degree by one."""
    degree = order - 1 + (corrector != "none")
    coefficients = np.random.default_rng(order).normal(size=degree + 1)
    polynomial = np.polynomial.Polynomial(coefficients)

    def model(x, t):
        return np.broadcast_to(polynomial(float(PROCESS.half_log_snr(t))), x.shape) + 0.0 * x

    # Uneven nodes; the first steps, of low order, and the last, which has no corrector, are too short to show.
    tiny = [1e-4 * 1.3**i for i in range(order)]
    nodes = np.cumsum([-2.0, *tiny, 0.4, 0.7, 0.3, 1e-4])
    schedule = SolverSchedule(nodes, order, "data" if data else "noise", correctors=corrector)
    prediction = diffusion.Data() if data else diffusion.Epsilon()
    t_0, t_1 = np.asarray(PROCESS.time_of_half_log_snr(nodes[[0, -1]])).tolist()
    found = draw(model, USF(schedule), prediction=prediction, start=t_0).x
    integral = polynomial_flow(coefficients, data, nodes)
    scale = PROCESS.sigma if data else PROCESS.alpha
    exact = scale(t_1) / scale(t_0) * X_T + (1.0 if data else -1.0) * scale(t_1) * integral
    np.testing.assert_allclose(found, exact, atol=1e-5)
    lower = USF(SolverSchedule(nodes, max(order - 1, 1), "data" if data else "noise", correctors="none"))
    if order > 1 or corrector != "none":
        assert np.abs(draw(model, lower, prediction=prediction, start=t_0).x - exact).max() > 1e-4


def test_phi_functions_against_exact_sums():
    for z in (-30.0, -1.5, -1.0, -0.3, 1e-9, 0.0, 0.9999, 1.0001, 4.0):
        for k, found in enumerate(phi_functions(np.float64(z), 5), start=1):
            exact = sum(Fraction(z) ** j / math.factorial(j + k) for j in range(150))
            assert float(found) == pytest.approx(float(exact), rel=1e-9)


def order_of(gaussian, make):
    errors = []
    for steps in (40, 80):
        exact = gaussian.flow(X_T, PROCESS.t_max, PROCESS.t_min)
        errors.append(np.sqrt(np.mean((draw(gaussian.noise, make(steps)).x - exact) ** 2)))
    return math.log2(errors[0] / errors[1])


@pytest.mark.parametrize(
    ("order", "prediction", "low", "high"), [(1, "data", 1.8, 2.3), (2, "data", 2.7, 3.8), (2, "noise", 2.7, 3.8)]
)
def test_the_corrector_raises_the_order_by_one(gaussian, order, prediction, low, high):
    grid = diffusion.LogSNR(final="eps")
    found = order_of(gaussian, lambda n: UniPC(n, order, prediction=prediction, grid=grid, lower_order_final=False))
    assert low <= found <= high


def test_correctors_and_the_analytic_first_step_cost_what_they_should(gaussian):
    nodes = np.linspace(-5.0, 4.5, 6)
    for correctors, skips, final, wanted in (
        ("none", False, "eps", 5),
        ("pseudo", False, "eps", 5),
        ("implicit", False, "eps", 9),
        ("pseudo", True, "eps", 4),
        (["implicit", "none", "pseudo", "none", "none"], True, "zero", 6),
    ):
        schedule = SolverSchedule(nodes, 2, correctors=correctors, analytic_first_step=skips, final=final)
        assert schedule.evaluations == wanted
        assert draw(gaussian.noise, USF(schedule)).stats["evaluations"] == wanted


def test_an_implicit_corrector_is_nearer_to_the_solution_than_a_pseudo_one_here(gaussian):
    def error(kind):
        schedule = SolverSchedule(np.linspace(*_ends(), 21), 1, correctors=kind)
        exact = gaussian.flow(X_T, PROCESS.t_max, PROCESS.t_min)
        return np.sqrt(np.mean((draw(gaussian.noise, USF(schedule)).x - exact) ** 2))

    assert error("implicit") < error("pseudo") < 0.5 * error("none")


def _ends():
    return float(PROCESS.half_log_snr(PROCESS.t_max)), float(PROCESS.half_log_snr(PROCESS.t_min))


def test_the_analytic_first_step_is_a_model_that_says_zero_there(gaussian):
    def blind(x, t):
        return 0.0 * x if float(t) == PROCESS.t_max else gaussian.data(x, t)

    schedule = SolverSchedule(np.linspace(*_ends(), 6), 3, ["data", "noise"] * 2 + ["data"], correctors="pseudo")
    fields = {name: getattr(schedule, name) for name in schedule.__dataclass_fields__}
    skipping = SolverSchedule(**{**fields, "analytic_first_step": True})
    full = draw(blind, USF(schedule), prediction=diffusion.Data())
    np.testing.assert_allclose(draw(gaussian.noise, USF(skipping)).x, full.x, atol=1e-10)


@given(st.integers(0, 2**32 - 1))
def test_every_schedule_commutes_with_centring(gaussian, seed):
    """So that a first data prediction of 0 in a centred model is one of the mean in the model itself."""
    from perturbax.diffusion._evolution import DECISIONS, Space, random_schedule

    space = Space(4, *_ends(), "eps", tuple(name for name in DECISIONS if name != "afs"))
    schedule = random_schedule(space, np.random.default_rng(seed))
    mean = np.linspace(-1.0, 1.0, 6)

    def centred(y, t):
        return gaussian.noise(y + PROCESS.alpha(t) * mean, t)

    alpha_T, alpha = PROCESS.alpha(PROCESS.t_max), PROCESS.alpha(PROCESS.t_min)
    y = draw(centred, USF(schedule), X_T - alpha_T * mean).x
    x = draw(gaussian.noise, USF(schedule)).x
    np.testing.assert_allclose(y + alpha * mean, x, rtol=1e-8, atol=1e-8)


def test_json_keeps_every_digit(tmp_path):
    schedule = solver_schedule(UniPC(steps=7, order=3), PROCESS)
    schedule.to_json(tmp_path / "schedule.json")
    assert SolverSchedule.from_json(tmp_path / "schedule.json") == schedule
    assert SolverSchedule.from_json(schedule.to_json()) == schedule


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: "{", "is not JSON"),
        (lambda f: json.dumps([1]), "is not JSON|no solver schedule"),
        (lambda f: json.dumps({**f, "format": "other"}), "format must be"),
        (lambda f: json.dumps({k: v for k, v in f.items() if k != "orders"}), "must have the fields"),
        (lambda f: json.dumps({**f, "orders": [1, 2, 9]}), r"orders\[2\] must be"),
        (lambda f: json.dumps({**f, "half_log_snr": ["a"] * 4}), "half_log_snr must be"),
        (lambda f: json.dumps({**f, "active_points": [[], [7], [1]]}), r"active_points\[1\] must be"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, change, message):
    path = tmp_path / "s.json"
    path.write_text(change(json.loads(SolverSchedule([-5.0, 0.0, 2.0, 4.0], 2).to_json())))
    with pytest.raises(ValueError, match=message) as caught:
        SolverSchedule.from_json(path)
    assert "s.json" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SolverSchedule([0.0]), "half_log_snr must hold"),
        (lambda: SolverSchedule([0.0, 0.0]), "half_log_snr must hold"),
        (lambda: SolverSchedule([1.0, 0.0]), "half_log_snr must hold"),
        (lambda: SolverSchedule([0.0, math.nan]), "half_log_snr must be finite"),
        (lambda: SolverSchedule([0.0, 1.0], orders=[2]), r"orders\[0\] must be an integer in \[1, 1\]"),
        (lambda: SolverSchedule([0.0, 1.0, 2.0], orders=[1]), "orders must have one entry"),
        (lambda: SolverSchedule([0.0, 1.0], predictions="velocity"), r"predictions\[0\] must be"),
        (lambda: SolverSchedule([0.0, 1.0, 2.0], starts=[0, 2]), r"starts\[1\] must be"),
        (lambda: SolverSchedule([0.0, 1.0, 2.0], 2, active_points=[(), (0,)]), "other than the start 0"),
        (lambda: SolverSchedule([0.0, 1.0, 2.0], 2, active_points=[(), ()]), r"active_points\[1\] must name 1 to 1"),
        (lambda: SolverSchedule([0.0, 1.0], correctors=["pseudo"]), "correctors must end with"),
        (lambda: SolverSchedule([0.0, 1.0], coefficients=[math.inf]), r"coefficients\[0\] must be"),
        (lambda: SolverSchedule([0.0, 1.0], analytic_first_step=True), "needs another evaluation"),
        (lambda: SolverSchedule([0.0, 1.0], final="one"), "final"),
        (lambda: USF("schedule.json"), "schedule"),
        (lambda: UniPC(order=5), "order must be"),
        (lambda: UniPC(variant="bh3"), "variant"),
        (lambda: solver_schedule(DPMSolverPP(steps=9, order=3), PROCESS), "third="),
        (lambda: solver_schedule(DPMSolverPP(steps=9, stochastic=1.0), PROCESS), "deterministic exponential"),
        (lambda: solver_schedule(diffusion.Heun(steps=9), PROCESS), "deterministic exponential"),
        (lambda: solver_schedule(DPMSolverPP(steps=9, grid=diffusion.TimeUniform()), FLOW), "alpha > 0"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_few_registers():
    """The plan of a schedule that keeps to one prediction needs no more states than the solver that it stands for."""
    method = DPMSolverPP(steps=40, order=3, stepping=EXACT)
    plans = [diffusion.plan(m, PROCESS) for m in (method, USF(solver_schedule(method, PROCESS)))]
    assert plans[1].registers <= plans[0].registers + 1


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("variant", ["bh1", "bh2"])
@pytest.mark.parametrize("data", [True, False])
def test_unipc_is_that_of_diffusers(gaussian, order, variant, data):
    """The peer's scheduler with the noise levels of our grid."""
    diffusers = pytest.importorskip("diffusers")
    torch = pytest.importorskip("torch")
    times = diffusion.LogSNR().times(PROCESS, 8)
    scheduler = diffusers.UniPCMultistepScheduler(
        solver_order=order, solver_type=variant, predict_x0=data, final_sigmas_type="sigma_min"
    )
    scheduler.set_timesteps(8)
    scheduler.sigmas = torch.tensor([float(PROCESS.sigma_bar(t)) for t in times], dtype=torch.float64)
    scheduler.timesteps = torch.arange(8, 0, -1)
    scheduler.set_begin_index(0)
    x = torch.tensor(X_T)
    for t, timestep in zip(times[:-1], scheduler.timesteps, strict=True):
        x = scheduler.step(torch.tensor(gaussian.noise(x.numpy(), t)), timestep, x).prev_sample
    method = UniPC(8, order, variant, "data" if data else "noise", grid=diffusion.LogSNR(final="eps"))
    np.testing.assert_allclose(draw(gaussian.noise, method).x, x.numpy(), atol=1e-4)


def test_a_schedule_of_multistep_is_that_of_diffusers(gaussian):
    diffusers = pytest.importorskip("diffusers")
    torch = pytest.importorskip("torch")
    times = diffusion.LogSNR().times(PROCESS, 7)
    scheduler = diffusers.DPMSolverMultistepScheduler(solver_order=2, final_sigmas_type="zero")
    scheduler.set_timesteps(8)
    scheduler.sigmas = torch.tensor([*(float(PROCESS.sigma_bar(t)) for t in times), 0.0], dtype=torch.float64)
    scheduler.timesteps = torch.arange(8, 0, -1)
    scheduler.set_begin_index(0)
    x = torch.tensor(X_T)
    for t, timestep in zip(times, scheduler.timesteps, strict=True):
        x = scheduler.step(torch.tensor(gaussian.noise(x.numpy(), t)), timestep, x).prev_sample
    usf = USF(solver_schedule(DPMSolverPP(steps=8), PROCESS))
    np.testing.assert_allclose(draw(gaussian.noise, usf).x, x.numpy(), atol=1e-4)


def test_a_schedule_runs_in_a_diffusers_pipeline(gaussian):
    from perturbax.interop.diffusers import PlanScheduler

    schedule = SolverSchedule(np.linspace(*_ends(), 6), 3, ["data", "noise"] * 2 + ["data"], correctors="pseudo")
    scheduler = PlanScheduler(diffusion.plan(USF(schedule), PROCESS))
    x = X_T
    for timestep in scheduler.timesteps:
        x = scheduler.step(gaussian.noise(x, float(timestep)), timestep, x).prev_sample
    np.testing.assert_allclose(x, draw(gaussian.noise, USF(schedule)).x, atol=1e-5)
