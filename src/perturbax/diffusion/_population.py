"""Many plans at once: stacked into arrays of one shape, and run by one compiled executor over all of them.

Coefficients are data, so that a program that was compiled for `P` plans of at most `N` evaluations runs any others. A
plan with fewer evaluations is filled up with stages whose outputs nobody reads, one with fewer registers with empty
ones.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import check_instance
from ._denoise import Denoiser, Row, conversion_row
from ._plan import Plan, run_scanned
from ._prediction import AbstractPrediction
from ._process import AbstractProcess
from ._schedule import SolverSchedule, times_of_half_log_snr
from ._schedule_weights import Decisions, decisions_of, weights_of


class PlanStack(eqx.Module):
    """Plans of one shape: `plans` is a `Plan` whose arrays have a leading axis; `evaluations` are those that count."""

    plans: Any
    evaluations: Int[np.ndarray, " plans"]

    def __len__(self) -> int:
        return self.evaluations.shape[0]

    def rows(self, prediction: AbstractPrediction, through: tuple[str, ...]) -> Row:
        """What a denoiser reads, see `Plan.rows`.

        **Raises:** `ValueError` when a stage lies where the prediction says nothing about the data.
        """
        plans = self.plans
        with np.errstate(divide="ignore", invalid="ignore"):
            rows = conversion_row(
                prediction, plans.times, plans.model_times, plans.alphas, plans.sigmas, plans.predicts_data
            )
        if not all(np.isfinite(getattr(rows, name)).all() for name in through):
            raise ValueError(f"prediction {type(prediction).__name__}() has no meaning at a stage of these plans")
        return rows


def stack_plans(plans: Sequence[Plan]) -> PlanStack:
    """Fill plans up to one shape and stack them.

    **Arguments:** `plans`: deterministic, each from one state to one state, such as from `diffusion.plan`.

    **Returns:** a `PlanStack`, for `run_stack`.

    **Raises:** `ValueError` when there is no plan, or one of another kind.

    >>> from perturbax.diffusion import DDIM, DPMSolverPP, VPLinear, plan
    >>> stack = stack_plans([plan(DDIM(steps=4), VPLinear()), plan(DPMSolverPP(steps=6), VPLinear())])
    >>> stack.evaluations.tolist(), stack.plans.mix.shape
    ([4, 6], (2, 7, 3))
    """
    if not plans:
        raise ValueError("plans must hold at least one plan, got none")
    for i, plan in enumerate(plans):
        check_instance(f"plans[{i}]", plan, Plan, "a plan such as diffusion.plan(method, process)")
        if plan.stochastic or plan.starts != 1 or plan.results != 1:
            raise ValueError(f"plans[{i}] must be deterministic, from one state to one state")
    stages, registers = max(p.evaluations for p in plans), max(p.registers for p in plans)
    splits, kept = (max(getattr(p, name).shape[1] for p in plans) for name in ("noise_slot", "kept_slot"))
    filled = [_filled(plan, stages, registers, splits, kept) for plan in plans]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *filled)
    return PlanStack(eqx.tree_at(lambda p: p.starts, stacked, 1), np.array([p.evaluations for p in plans]))


def _filled(plan: Plan, stages: int, registers: int, splits: int, kept: int) -> Plan:
    """A plan with stages at its end that evaluate the result again and keep nothing."""
    more, wider = stages - plan.evaluations, registers - plan.registers

    def lengthened(column: np.ndarray) -> np.ndarray:
        return np.concatenate([column, np.repeat(column[-1:], more, axis=0)])

    def unread(slots: np.ndarray, width: int) -> np.ndarray:
        slots = np.where(slots >= plan.registers, registers, slots).reshape(plan.evaluations, -1)
        full = np.full((stages, max(width, 1)), registers, np.int32)
        full[: plan.evaluations, : slots.shape[1]] = slots
        return full[:, :width]

    mix = np.pad(lengthened(plan.mix), ((0, 0), (0, wider)))
    kept_mix = np.zeros((stages, kept, registers))
    kept_mix[: plan.evaluations, : plan.kept_slot.shape[1], : plan.registers] = plan.kept_mix
    columns = ("times", "model_times", "alphas", "sigmas", "orders", "predicts_data")
    return Plan(
        **{name: lengthened(getattr(plan, name)) for name in columns},
        mix=mix,
        draw=np.zeros(stages + 1),
        state_slot=unread(plan.state_slot, 1)[:, 0],
        output_slot=unread(plan.output_slot, 1)[:, 0],
        noise_slot=unread(plan.noise_slot, splits),
        kept_mix=kept_mix,
        kept_slot=unread(plan.kept_slot, kept),
        starts=1,
        start_time=plan.start_time,
        prior_std=plan.prior_std,
    )


def stack_schedules(
    schedules: Sequence[SolverSchedule], process: AbstractProcess, steps: int | None = None
) -> PlanStack:
    """Compile schedules to plans of one shape, all at once: a tenth of a millisecond each, where `plan` takes some.

    Every state is written as a combination of the start and of all data predictions so far, which needs no choice of
    registers; so the plans keep one state per evaluation, and those of `USF` fewer.

    **Arguments:** `schedules`: with the same `final` and without implicit correctors; `process`; `steps`: fill up to so
    many steps, so that later calls have the same shape.

    **Returns:** a `PlanStack`.

    **Raises:** `ValueError` when a schedule does not fit.

    >>> from perturbax.diffusion import VPLinear
    >>> schedule = SolverSchedule([-5.0, 0.0, 4.5], orders=[1, 2])
    >>> len(stack_schedules([schedule] * 3, VPLinear()))
    3
    """
    if not schedules:
        raise ValueError("schedules must hold at least one schedule, got none")
    if len({schedule.final for schedule in schedules}) > 1:
        raise ValueError("schedules must all have the same final")
    if any("implicit" in schedule.correctors for schedule in schedules):
        raise ValueError("schedules must have no implicit corrector here; compile them one by one with USF")
    table = decisions_of(schedules, steps)
    first = np.array([schedule.analytic_first_step for schedule in schedules], np.int32)
    nodes = np.minimum(table.half_log_snr, np.array([schedule.half_log_snr[-1] for schedule in schedules])[:, None])
    times = times_of_half_log_snr(process, nodes)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        evaluations = np.array([schedule.evaluations for schedule in schedules])
        plans = _assemble(table, times, process, first, schedules[0].final == "zero", int(evaluations.max()))
    if not np.isfinite(plans.mix).all():
        p = int(np.argmin(np.isfinite(plans.mix).all((1, 2))))
        raise ValueError(f"schedules[{p}] has no finite coefficients on this process")
    return PlanStack(plans, evaluations)


def _assemble(table: Decisions, times: Any, process: AbstractProcess, first: Any, denoises: bool, stages: int) -> Any:
    """A `Plan` of schedules, with the leading axes of the table.

    **Arguments:** `table`; `times`: of the nodes; `process`; `first`: the number of the first point that is evaluated,
    0 or 1; `denoises`: evaluate at the last node too and return the data prediction there; `stages`: the largest number
    of evaluations.
    """
    alpha, sigma = np.asarray(process.alpha(times)), np.asarray(process.sigma(times))
    weights = weights_of(table, alpha, sigma)
    steps, points = table.order.shape[-1], table.order.shape[-1] + denoises
    batch = table.order.shape[:-1]
    width = 1 + stages
    stage_of = np.arange(points) - first[..., None]
    data = (stage_of[..., None] + 1 == np.arange(width)) * (stage_of[..., None] >= 0) * np.ones((*batch, 1, 1))
    x = np.broadcast_to(np.eye(width)[0], (*batch, width))
    evaluated, states, noises = [x], [x], []
    for i in range(steps):
        noises.append((evaluated[i] - alpha[..., i, None] * data[..., i, :]) / sigma[..., i, None])
        here = (np.arange(i + 1) == table.start[..., i, None]) * 1.0
        carried = weights.decay[..., i, None] * _combine(here, np.stack(states, axis=-2))

        def stepped(row: Any, i: int = i, carried: Any = carried) -> Any:
            known = len(noises)
            wants_data = table.data[..., i, None, None]
            values = np.where(wants_data, data[..., :known, :], np.stack(noises, axis=-2))
            return carried + _combine(row[..., :known], values)

        new = stepped(weights.predict[..., i, :])
        new = np.where(table.real[..., i, None], new, states[i])
        evaluated.append(new)
        if i + 1 < steps:
            # The corrector sees the prediction at the new point, which the next pass appends again for all.
            noises.append((new - alpha[..., i + 1, None] * data[..., i + 1, :]) / sigma[..., i + 1, None])
            corrected = stepped(weights.correct[..., i, :])
            noises.pop()
            new = np.where((table.corrector[..., i] > 0)[..., None], corrected, new)
        states.append(new)
    rows = np.stack(evaluated, axis=-2)[..., :points, :]
    at = np.clip(np.arange(stages) + first[..., None], 0, points - 1)
    mix = np.take_along_axis(rows, np.broadcast_to(at[..., None], (*batch, stages, 1)), axis=-2)
    last = states[-1]
    if denoises:
        # Filled-up schedules end earlier: their last real node.
        end = table.real.sum(-1)
        last = np.take_along_axis(data, np.broadcast_to(end[..., None, None], (*batch, 1, 1)), axis=-2)[..., 0, :]
    at = np.broadcast_to(at, (*batch, stages))
    times_at, alphas, sigmas = (np.take_along_axis(values, at, axis=-1) for values in (times, alpha, sigma))
    everywhere = (*batch, stages)
    return _unchecked(
        times=times_at,
        model_times=process.model_time(times_at),
        alphas=alphas,
        sigmas=sigmas,
        orders=np.take_along_axis(table.order, np.clip(at, 0, steps - 1), axis=-1),
        predicts_data=np.ones(everywhere, bool),
        mix=np.concatenate([mix, last[..., None, :]], axis=-2),
        draw=np.zeros((*batch, stages + 1)),
        state_slot=np.full(everywhere, width, np.int32),
        output_slot=np.broadcast_to(np.arange(1, width, dtype=np.int32), everywhere),
        noise_slot=np.zeros((*everywhere, 0), np.int32),
        kept_mix=np.zeros((*everywhere, 0, width)),
        kept_slot=np.zeros((*everywhere, 0), np.int32),
        starts=1,
        start_time=times[..., 0],
        prior_std=sigma[..., 0],
    )


def _combine(weights: Any, values: Any) -> Any:
    return (weights[..., None] * values).sum(-2)


def _unchecked(**fields: Any) -> Plan:
    """A plan whose arrays have leading axes, or are JAX's, as one has inside of `vmap`."""
    plan = object.__new__(Plan)
    for name, value in fields.items():
        object.__setattr__(plan, name, value)
    return plan


@eqx.filter_jit
def run_stack(
    plans: Any, denoiser: Denoiser, rows: Row, x: Float[Array, "batch ..."], condition: Any
) -> Float[Array, "plans batch ..."]:
    """The result of every plan of a stack from the same starts, in one program."""

    def run(plan: Any, rows: Row) -> Array:
        return run_scanned(plan, denoiser, rows, x, None, condition).x

    arrays, static = eqx.partition(plans, eqx.is_array)
    # Half of the leaves come from the host in float64 and take the precision of the state.
    arrays = jax.tree.map(jnp.asarray, arrays)
    return jax.vmap(lambda arrays, rows: run(eqx.combine(arrays, static), rows))(arrays, rows)
