"""The plan: a sampler as a float64 table of coefficients, and the two executors that run it.

A plan holds `N` stages and a few registers, each the size of the state. Stage `k` forms a state from the registers,
`x_k = sum_r mix[k, r] register_r + draw[k] z_k`, evaluates the network there, turns its output into the data or the
noise prediction, and keeps what later stages need. Rows `N`, `N + 1`, ... form the results. One executor runs a plan
with `lax.scan` in JAX; the other is a plain loop that uses `*` and `+` only and so runs on arrays of any framework.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ._denoise import Denoiser, Row, conversion_row
from ._door import all_finite
from ._noise import path_noise
from ._prediction import AbstractPrediction, prediction_named
from ._process import AbstractProcess
from ._remember import frozen, remembered
from ._trace import Combination, Tracer, allocate


class Plan(eqx.Module):
    """A sampler compiled for a process: one row per network evaluation.

    The first `starts` registers hold what the sampler begins with. Stage `k` writes the state to register
    `state_slot[k]`, the output to `output_slot[k]`, the uncorrected noise prediction to `noise_slot[k]` where a method
    splits its evaluations, and `kept_mix[k] @ registers`, formed together with the state, to `kept_slot[k]`; a slot of
    `registers` means that the value is not needed again.

    `evaluations` is the exact number of network evaluations, `registers` the number of states kept in memory. The
    arrays are NumPy float64 on the host, read-only; nothing here depends on the network.
    """

    times: Float[np.ndarray, " stages"]
    model_times: Float[np.ndarray, " stages"]
    alphas: Float[np.ndarray, " stages"]
    sigmas: Float[np.ndarray, " stages"]
    orders: Int[np.ndarray, " stages"]
    predicts_data: Bool[np.ndarray, " stages"]
    mix: Float[np.ndarray, "rows registers"]
    draw: Float[np.ndarray, " rows"]
    state_slot: Int[np.ndarray, " stages"]
    output_slot: Int[np.ndarray, " stages"]
    noise_slot: Int[np.ndarray, "stages splits"]
    kept_mix: Float[np.ndarray, "stages kept registers"]
    kept_slot: Int[np.ndarray, "stages kept"]
    starts: int
    start_time: float
    prior_std: float

    @property
    def evaluations(self) -> int:
        """Number of network evaluations."""
        return self.times.shape[0]

    @property
    def registers(self) -> int:
        """Number of states kept between evaluations."""
        return self.mix.shape[1]

    @property
    def results(self) -> int:
        """Number of states that the plan ends with."""
        return self.mix.shape[0] - self.evaluations

    @property
    def stochastic(self) -> bool:
        """Whether the sampler adds noise."""
        return bool(np.any(self.draw != 0))

    def explain(self) -> str:
        """The plan as a text table: a row per evaluation with its time, half log-SNR, order and coefficients.

        >>> from perturbax.diffusion import DDIM, VPLinear, plan
        >>> print(plan(DDIM(steps=2), VPLinear()).explain().splitlines()[0].split()[:4])
        ['stage', 'time', 'half', 'log-SNR']
        """
        lines = [f"{'stage':>5} {'time':>9} {'half log-SNR':>12} {'order':>5} {'output':>6}  state ="]
        for k in range(self.evaluations + self.results):
            terms = [_in_words(self.mix[k])] + ([f"{self.draw[k]:+.6g} z"] if self.draw[k] != 0 else [])
            if k >= self.evaluations:
                lines.append(f"{'end':>5} {'':>9} {'':>12} {'':>5} {'':>6}  {' '.join(terms)}")
                continue
            kept = [f"r{s} := {what}" for what, s in self._kept(k)]
            half_log_snr = np.log(self.alphas[k]) - np.log(self.sigmas[k]) if self.alphas[k] > 0 else -np.inf
            lines.append(
                f"{k:>5} {self.times[k]:>9.5g} {half_log_snr:>12.5f} {self.orders[k]:>5} "
                f"{'data' if self.predicts_data[k] else 'noise':>6}  {' '.join(terms)}"
                + "".join(f"; {w}" for w in kept)
            )
        return "\n".join(lines)

    def _kept(self, k: int) -> list[tuple[str, int]]:
        pairs = [("state", self.state_slot[k]), ("output", self.output_slot[k])]
        pairs += [("noise", slot) for slot in self.noise_slot[k]]
        pairs += [(f"({_in_words(mix)})", slot) for mix, slot in zip(self.kept_mix[k], self.kept_slot[k], strict=True)]
        return [(what, int(slot)) for what, slot in pairs if slot < self.registers]

    @remembered
    def rows(self, prediction: AbstractPrediction, through: tuple[str, ...] = ("direct",)) -> Row:
        """The columns that a denoiser reads, for a network of the given prediction type.

        **Arguments:** `prediction`: what the network gives; `through`: the columns that will be used.

        **Raises:** `ValueError` when a stage lies where the prediction says nothing about what the method needs
        (noise prediction at `alpha = 0`, for example).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            rows = conversion_row(
                prediction, self.times, self.model_times, self.alphas, self.sigmas, self.predicts_data
            )
        used = [np.reshape(getattr(rows, name), (self.evaluations, -1)) for name in through]
        lost = np.flatnonzero(~np.isfinite(np.concatenate(used, axis=1)).all(axis=1))
        if lost.size:
            k = int(lost[0])
            raise ValueError(
                f"prediction {type(prediction).__name__}() cannot be turned into the "
                f"{'data' if self.predicts_data[k] else 'noise'} prediction at stage {k} (time {self.times[k]:.6g}, "
                f"alpha {self.alphas[k]:.6g}, sigma {self.sigmas[k]:.6g}); start a little later or use another network "
                "output"
            )
        return frozen(rows)

    def stepper(self, prediction: AbstractPrediction | str, corrector: Callable | None = None) -> "Stepper":
        """The plan as an object that is stepped from outside, for a network that someone else calls.

        **Arguments:** `prediction`: a prediction type, or its name in diffusers (`"epsilon"`, `"sample"`,
        `"v_prediction"`, `"flow_prediction"`); `corrector`: applied to every data prediction.

        **Raises:** `ValueError` for an unknown name, or a prediction that has no meaning along this plan.
        """
        if isinstance(prediction, str):
            prediction = prediction_named(prediction)
        prediction.check_scales(self.alphas, self.sigmas, "this plan")
        through = ("direct",) if corrector is None else ("to_data", "from_data")
        return Stepper(self, self.rows(prediction, through), corrector)


def _in_words(mix: np.ndarray) -> str:
    return " ".join(f"{c:+.6g} r{r}" for r, c in enumerate(mix) if c != 0)


def build_plan(tracer: Tracer, results: Sequence[Combination], process: AbstractProcess, start_time: float) -> Plan:
    """Assemble the plan of a traced algorithm."""
    stages = tracer.stages
    registers = allocate(stages, tracer.finish(results), len(tracer.starts))
    lost = np.flatnonzero(~(np.isfinite(registers.mix).all(axis=1) & np.isfinite(registers.draw)))
    if lost.size:
        raise ValueError(
            f"the step to stage {lost[0]} has no finite coefficients: the expansion of this method does not exist "
            "where alpha or sigma is 0; start a little later or use a method in the data prediction"
        )
    times = np.array([stage.node.time for stage in stages], dtype=np.float64)
    plan = Plan(
        times=times,
        model_times=np.asarray(process.model_time(times), dtype=np.float64),
        alphas=np.array([stage.node.alpha for stage in stages], dtype=np.float64),
        sigmas=np.array([stage.node.sigma for stage in stages], dtype=np.float64),
        orders=np.array([stage.order for stage in stages], dtype=np.int32),
        predicts_data=np.array([stage.data for stage in stages], dtype=bool),
        **registers._asdict(),
        starts=len(tracer.starts),
        # NumPy scalars, because a Python float is part of the program under jit: another start would compile again.
        start_time=np.float64(start_time),
        prior_std=np.float64(process.sigma(start_time)),
    )
    return frozen(plan)


class Execution(eqx.Module):
    """What an executor hands back: the result (a tuple when there are several), the first stage with a non-finite
    output (`N` when only the result is not finite, `N + 1` when everything is), the path, and the last memory of a
    corrector that has one."""

    x: Any
    first_nonfinite: Any
    states: Any = None
    previews: Any = None
    memory: Any = None


@eqx.filter_jit
def run_scanned(
    plan: Plan,
    denoiser: Denoiser,
    rows: Row,
    x: Float[Array, "batch ..."] | tuple[Float[Array, "batch ..."], ...],
    keys: Any,
    condition: Any,
    trajectory: bool = False,
    callback: Callable | None = None,
) -> Execution:
    """Run a plan with `lax.scan`. Coefficients, weights, conditions and keys are values: changing them does not
    recompile. `keys` is `None` for a deterministic plan."""
    starts = x if isinstance(x, tuple) else (x,)
    shape, dtype = starts[0].shape, starts[0].dtype
    width = plan.mix.shape[1]

    def mixed(mix: Array, registers: tuple[Array, ...]) -> Array:
        total = mix[0] * registers[0]
        for r in range(1, width):
            total = total + mix[r] * registers[r]
        return total

    def form(index: Any, mix: Array, draw: Array, kept_mix: Array, registers: tuple[Array, ...]) -> list[Array]:
        """The state and the kept values of a stage, each stored once.

        XLA does not fuse through a branch. Without one it would form the state again, noise included, in every
        register that is written, each of which then needs all old registers, and so a second copy of them.
        """

        def quiet() -> list[Array]:
            return [mixed(mix, registers), *(mixed(kept_mix[i], registers) for i in range(kept_mix.shape[0]))]

        def noisy() -> list[Array]:
            state, *kept = quiet()
            return [state + draw * path_noise(keys, index, shape, dtype), *kept]

        def never() -> list[Array]:
            return [jnp.zeros(shape, dtype)] * (1 + kept_mix.shape[0])

        return jax.lax.cond(index >= 0, quiet, never) if keys is None else jax.lax.cond(draw != 0, noisy, quiet)

    def stage(carry: tuple[tuple[Array, ...], Any], columns: Any):
        registers, memory = carry
        index, row, mix, draw, kept_mix, state_slot, output_slot, noise_slot, kept_slot = columns
        state, *kept = form(index, mix, draw, kept_mix, registers)
        output, preview, noise, memory = denoiser.evaluate(state, row, condition, memory)
        writes = [(state_slot, state), (output_slot, output)]
        writes += [(noise_slot[i], noise) for i in range(noise_slot.shape[0])]
        writes += [(kept_slot[i], value) for i, value in enumerate(kept)]
        for slot, value in writes:
            registers = tuple(jnp.where(slot == r, value, register) for r, register in enumerate(registers))
        if callback is not None:
            jax.debug.callback(callback, index, row.time, state, preview, ordered=True)
        return (registers, memory), (jnp.all(jnp.isfinite(output)), (state, preview) if trajectory else None)

    stages = plan.times.shape[0]
    mix, draw = jnp.asarray(plan.mix, dtype), jnp.asarray(plan.draw, dtype)
    table = jax.tree.map(lambda column: jnp.asarray(column, dtype), rows)
    slots = jax.tree.map(jnp.asarray, (plan.state_slot, plan.output_slot, plan.noise_slot, plan.kept_slot))
    columns = (jnp.arange(stages), table, mix[:stages], draw[:stages], jnp.asarray(plan.kept_mix, dtype), *slots)
    # One array per register, written by selection: writing into one stacked array at a traced index makes XLA copy the
    # whole stack at every stage.
    registers = (*starts, *(jnp.zeros(shape, dtype) for _ in range(width - len(starts))))
    carry = (registers, denoiser.begin(starts[0]))
    (registers, memory), (finite, path) = jax.lax.scan(stage, carry, columns)
    ends = [form(k, mix[k], draw[k], mix[:0], registers)[0] for k in range(stages, mix.shape[0])]
    finite = jnp.append(finite, jnp.all(jnp.isfinite(jnp.stack(ends))))
    first_nonfinite = jnp.where(jnp.all(finite), stages + 1, jnp.argmin(finite))
    states, previews = (None, None) if path is None else path
    return Execution(ends[0] if len(ends) == 1 else tuple(ends), first_nonfinite, states, previews, memory)


class Stepper:
    """A plan run one evaluation at a time, with `*` and `+` only, so on arrays of any framework.

    `begin(x)` gives the state of the first evaluation. `advance(state, output)` takes a state that was evaluated and
    the prediction there, and gives the next state, or after the last evaluation the result. `draw(k)` gives the noise
    of stage `k` where the plan has one.
    """

    def __init__(self, plan: Plan, rows: Row, corrector: Callable | None = None):
        self.plan = plan
        self.stage = 0
        self._rows = rows
        self._corrector = corrector
        self._registers: list[Any] = [None] * plan.registers

    @property
    def row(self) -> Row:
        """What a denoiser reads of the current stage, as Python floats."""
        return jax.tree.map(lambda column: column[self.stage].tolist(), self._rows)

    def begin(self, x: Any, draw: Callable[[int], Any]) -> Any:
        """The state of the first evaluation."""
        self.stage = 0
        starts = x if isinstance(x, tuple) else (x,)
        self._registers = [*starts] + [None] * (self.plan.registers - len(starts))
        return self._combine(self.stage, draw)

    def advance(self, state: Any, output: Any, noise: Any, draw: Callable[[int], Any]) -> Any:
        """The next state, or the result (a tuple when there are several), given the predictions at the current one."""
        plan, k = self.plan, self.stage
        writes = [(state, plan.state_slot[k]), (output, plan.output_slot[k])]
        writes += [(noise, slot) for slot in plan.noise_slot[k]]
        writes += [
            (self._mixed(mix), slot)
            for mix, slot in zip(plan.kept_mix[k], plan.kept_slot[k], strict=True)
            if slot < plan.registers
        ]
        for value, slot in writes:
            if slot < plan.registers:
                self._registers[slot] = value
        self.stage += 1
        if self.stage < plan.evaluations:
            return self._combine(self.stage, draw)
        ends = [self._combine(self.stage + i, draw) for i in range(plan.results)]
        return ends[0] if len(ends) == 1 else tuple(ends)

    def step(self, raw: Any, state: Any, draw: Callable[[int], Any]) -> tuple[Any, Any]:
        """`advance` with the raw output of a network that was called elsewhere; also gives its data prediction."""
        output, data, noise = Denoiser(lambda *_: raw, None, self._corrector)(state, self.row, None)
        return self.advance(state, output, noise, draw), data

    def _combine(self, k: int, draw: Callable[[int], Any]) -> Any:
        total = self._mixed(self.plan.mix[k])
        return total if self.plan.draw[k] == 0 else total + float(self.plan.draw[k]) * draw(k)

    def _mixed(self, mix: np.ndarray) -> Any:
        terms = [float(c) * self._registers[r] for r, c in enumerate(mix) if c != 0]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


def run_eager(
    plan: Plan,
    denoiser: Denoiser,
    rows: Row,
    x: Any,
    draw: Callable[[int], Any],
    condition: Any,
    trajectory: bool = False,
    callback: Callable | None = None,
) -> Execution:
    """Run a plan as a Python loop with `*` and `+` on arrays of any framework. `draw(k)` gives stage `k`'s noise."""
    stepper = Stepper(plan, rows)
    path: list[tuple[Any, Any]] = []
    state = stepper.begin(x, draw)
    memory = denoiser.begin(state)
    for k in range(plan.evaluations):
        output, preview, noise, memory = denoiser.evaluate(state, stepper.row, condition, memory)
        if not all_finite(output):
            return Execution(output, k, memory=memory)
        if callback is not None:
            callback(k, float(plan.times[k]), state, preview)
        if trajectory:
            path.append((state, preview))
        state = stepper.advance(state, output, noise, draw)
    states, previews = zip(*path, strict=True) if path else (None, None)
    ends = state if isinstance(state, tuple) else (state,)
    return Execution(state, plan.evaluations + all(map(all_finite, ends)), states, previews, memory)
