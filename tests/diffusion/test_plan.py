"""Plans: exact counts, few registers, both executors alike, and the same result as the algorithm itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import diffusion
from perturbax.diffusion._method import Path
from perturbax.diffusion._trace import Combination, Tracer, Value, allocate

PROCESS = diffusion.VPLinear()
KEY = jax.random.key(3)
START = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)


OF_LOW_ORDER = (
    diffusion.DDIM | diffusion.DDPM | diffusion.Euler | diffusion.Heun | diffusion.DPMSolver | diffusion.DPMSolverPP
)


def spent(method):
    """What a method should spend of its budget."""
    budget = method.steps - method.grid.denoises
    stepping = getattr(method, "stepping", None)
    if isinstance(stepping, diffusion.FixedSinglestep):
        return method.order * (budget // method.order) + method.grid.denoises
    if isinstance(method, diffusion.Heun):
        return 2 * (budget // 2) + method.grid.denoises
    return method.steps


def test_few_registers_and_exact_evaluations(planned):
    plan = diffusion.plan(planned, PROCESS)
    assert plan.evaluations == spent(planned) <= planned.steps
    # The linear multistep and momentum methods of order 4 keep their history, and a velocity; a schedule that mixes
    # predictions keeps the state beside every output, to convert it, and corrected states.
    most = 4 if isinstance(planned, OF_LOW_ORDER) else 9 if isinstance(planned, diffusion.USF) else 6
    assert plan.registers <= most
    assert np.isfinite(plan.mix).all()
    assert plan.stochastic == bool(
        getattr(planned, "eta", 0)
        or getattr(getattr(planned, "noise", None), "eta", 0)
        or getattr(planned, "stochastic", 0)
        or isinstance(planned, diffusion.DDPM | diffusion.AnnealedLangevin)
    ) or (plan.stochastic and getattr(planned, "churn", None) is not None)
    assert np.all(np.any(plan.mix != 0, axis=0)), "a register that is never read"


def held_during(plan, k):
    """How many states any executor must hold while the network runs at stage `k`, its output not counted: the rank of
    the map from the registers to this state and all later ones, with every output from here on left out."""
    registers = list(np.eye(plan.registers))
    rows = []
    for j in range(k, plan.evaluations + plan.results):
        state = plan.mix[j] @ registers
        rows.append(state)
        if j < plan.evaluations:
            output = np.zeros(plan.registers)
            writes = [(plan.state_slot[j], state), (plan.output_slot[j], output)]
            writes += [(slot, output) for slot in plan.noise_slot[j]]
            writes += [(slot, mix @ registers) for mix, slot in zip(plan.kept_mix[j], plan.kept_slot[j], strict=True)]
            for slot, value in writes:
                if slot < plan.registers:
                    registers[slot] = value
    return np.linalg.matrix_rank(np.array(rows), tol=1e-9)


@pytest.mark.parametrize(
    ("method", "held"),
    [
        (diffusion.DDIM(steps=12), 1),
        (diffusion.DPMSolverPP(steps=12), 2),
        (diffusion.DPMSolverPP(steps=12, order=3), 3),
        (diffusion.PLMS(steps=12), 4),
        (diffusion.Nesterov(steps=12), 5),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, diffusion.AbstractPlanned) else "",
)
def test_no_change_of_basis_would_need_fewer_registers(method, held):
    plan = diffusion.plan(method, PROCESS)
    assert max(held_during(plan, k) for k in range(plan.evaluations)) == held
    assert plan.registers == held + 1, "the output"


def test_the_velocity_of_heavy_ball_needs_no_memory_of_its_own():
    """Carrying it takes one register less, but it is then formed beside the state, which takes one more state."""
    plan = diffusion.plan(diffusion.HeavyBall(steps=12), PROCESS)
    assert max(held_during(plan, k) for k in range(plan.evaluations)) == 4
    assert (plan.registers, plan.kept_mix.shape[1]) == (6, 0)


def test_both_executors_agree_and_count(planned, gaussian):
    calls = []

    def counting(x, t):
        calls.append(t)
        return gaussian.noise(x, t)

    def problem(model):
        return diffusion.Sampling(model, PROCESS, shape=(6,))

    eager = diffusion.sample(problem(counting), planned, key=KEY, x_T=START)
    scanned = diffusion.sample(problem(gaussian.noise), planned, key=KEY, x_T=jnp.asarray(START))
    assert isinstance(eager.x, np.ndarray)
    assert len(calls) == eager.stats["evaluations"] == scanned.stats["evaluations"]
    np.testing.assert_allclose(scanned.x, eager.x, atol=3e-4, rtol=1e-3)


def test_scanned_calls_the_model_as_often_as_it_says(gaussian):
    calls = []

    def model(x, t):
        jax.debug.callback(lambda t: calls.append(float(t)), t, ordered=True)
        return gaussian.noise(x, t)

    method = diffusion.DPMSolver(steps=9)
    samples = diffusion.sample(diffusion.Sampling(model, PROCESS, shape=(6,)), method, key=KEY)
    jax.effects_barrier()
    assert len(calls) == samples.stats["evaluations"] == 9
    np.testing.assert_allclose(calls, diffusion.plan(method, PROCESS).model_times, rtol=1e-6)


class Direct(Tracer):
    """Runs an algorithm on arrays, where a tracer would write it down."""

    def __init__(self, gaussian, noises):
        super().__init__()
        self.gaussian, self.noises, self.stage = gaussian, noises, 0

    def data(self, x, node, order=1):
        self.stage += 1
        return self.gaussian.data(x, node.time)

    def noise(self, x, node, order=1):
        self.stage += 1
        return self.gaussian.noise(x, node.time)

    def split(self, x, node, order=1):
        return self.data(x, node), self.gaussian.noise(x, node.time)

    def keep(self, x):
        return x

    def draw(self):
        return self.noises[self.stage]


def test_plan_is_the_algorithm(planned, gaussian):
    """The table, run with NumPy, equals the algorithm run on the arrays themselves."""
    rng = np.random.default_rng(2)
    x_T, noises = rng.normal(size=(3, 6)), rng.normal(size=(12, 3, 6))
    path = Path(PROCESS, planned.grid, None, planned.steps - planned.grid.denoises)
    direct = planned.integrate(x_T, Direct(gaussian, noises), path)
    plan = diffusion.plan(planned, PROCESS)
    if planned.grid.denoises:
        end = plan.times[plan.evaluations - 1]
        assert isinstance(planned, diffusion.USF) or end == pytest.approx(PROCESS.t_min)  # USF ends where it is told
        direct = gaussian.data(direct, end)
    registers = [x_T] + [None] * (plan.registers - 1)
    for k in range(plan.evaluations + 1):
        x = sum(c * registers[r] for r, c in enumerate(plan.mix[k]) if c != 0) + plan.draw[k] * noises[k]
        if k == plan.evaluations:
            break
        noise = gaussian.noise(x, plan.times[k])
        y = gaussian.data(x, plan.times[k]) if plan.predicts_data[k] else noise
        kept = [sum(c * registers[r] for r, c in enumerate(mix) if c != 0) for mix in plan.kept_mix[k]]
        writes = [(plan.state_slot[k], x), (plan.output_slot[k], y), *((slot, noise) for slot in plan.noise_slot[k])]
        for slot, value in [*writes, *zip(plan.kept_slot[k], kept, strict=True)]:
            if slot < plan.registers:
                registers[slot] = value
    np.testing.assert_allclose(x, direct, rtol=1e-9, atol=1e-10)


def test_a_linear_model_gives_a_matrix(deterministic):
    """For a linear noise prediction a deterministic sampler is one matrix, whatever it is multiplied with."""
    matrix = np.array([[0.5, 0.2, 0.0], [0.0, 0.7, -0.1], [0.3, 0.0, 0.6]])
    problem = diffusion.Sampling(lambda x, t: x @ matrix.T, PROCESS, shape=(3,))
    x_T = np.random.default_rng(0).normal(size=(5, 3))
    samples = diffusion.sample(problem, deterministic, x_T=np.concatenate((np.eye(3), x_T))).x
    np.testing.assert_allclose(samples[3:], x_T @ samples[:3], rtol=1e-9, atol=1e-9)


def test_explanation_shows_every_evaluation(planned):
    plan = diffusion.plan(planned, PROCESS)
    lines = plan.explain().splitlines()
    assert len(lines) == plan.evaluations + 2
    assert lines[-1].split()[0] == "end"
    for k, line in enumerate(lines[1:-1]):
        assert line.split()[0] == str(k)
        assert ("data" if plan.predicts_data[k] else "noise") in line
        assert f"{plan.times[k]:.5g}" in line
        assert (" z" in line) == (plan.draw[k] != 0)


def test_cancelled_coefficients_are_dropped():
    tracer = Tracer()
    node = diffusion._trace.Node.at(PROCESS, 0.5)
    output = tracer.noise(tracer.start, node)
    result = tracer.start + 0.3 * output - 0.1 * output - 0.2 * output
    registers = allocate(tracer.stages, tracer.finish([result]), 1)
    assert registers.mix.tolist() == [[1.0], [1.0]]
    assert registers.output_slot.tolist() == [1]


def test_an_order_one_method_keeps_only_its_state_and_output():
    plan = diffusion.plan(diffusion.DDIM(steps=8), PROCESS)
    assert plan.registers == 2
    assert diffusion.plan(diffusion.DPMSolverPP(steps=8), PROCESS).registers == 3


def test_a_noise_is_used_once():
    tracer = Tracer()
    node, noise = diffusion._trace.Node.at(PROCESS, 0.5), tracer.draw()
    output = tracer.noise(tracer.start + noise, node)
    with pytest.raises(ValueError, match="a noise may be used once"):
        allocate(tracer.stages, tracer.finish([output + noise]), 1)


def test_combinations_are_a_vector_space():
    x, y = Combination({Value("state", 0): 1.0}), Combination({Value("output", 0): 1.0})
    total = np.float64(2.0) * (x - y / 4.0) + x * 3.0 - (-y)
    assert total.terms == {Value("state", 0): 5.0, Value("output", 0): 0.5}
    with pytest.raises(TypeError, match="cannot be iterated"):
        list(x)


def test_trajectory_and_callback_see_every_evaluation(gaussian):
    problem = diffusion.Sampling(gaussian.noise, PROCESS, shape=(6,))
    method = diffusion.DPMSolverPP(steps=9)
    runs = []
    for x_T in (START, jnp.asarray(START)):
        seen = []

        def callback(stage, time, state, preview, seen=seen):
            seen.append((int(stage), float(time), np.asarray(state), np.asarray(preview)))

        samples = diffusion.sample(problem, method, x_T=x_T, trajectory=True, callback=callback)
        jax.effects_barrier()
        assert [stage for stage, *_ in seen] == list(range(9))
        np.testing.assert_allclose([time for _, time, *_ in seen], samples.times, rtol=1e-6)
        np.testing.assert_allclose(np.stack([state for *_, state, _ in seen]), np.stack(list(samples.states)))
        np.testing.assert_allclose(np.stack([preview for *_, preview in seen]), np.stack(list(samples.previews)))
        np.testing.assert_allclose(samples.states[0], START, atol=1e-6)
        np.testing.assert_allclose(samples.previews[-1], samples.x, atol=1e-6)
        runs.append(np.stack(list(samples.states)))
    np.testing.assert_allclose(runs[0], runs[1], atol=1e-4)
