"""Known samplers as solver schedules, and what a search begins with."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import check_instance, check_integer
from ._grid import AbstractGrid, Karras, LogSNR, TimePower, TimeUniform
from ._method import AbstractPlanned
from ._process import AbstractProcess
from ._remember import remembered
from ._schedule import SolverSchedule
from ._scheduled import AbstractScheduled
from ._stepping import AbstractExponential, Multistep, Singlestep
from .ddim import DDIM
from .dpm_solver import DPMSolver
from .dpm_solver_pp import DPMSolverPP
from .unipc import UniPC


def solver_schedule(method: AbstractPlanned, process: AbstractProcess, start: float | None = None) -> SolverSchedule:
    """The schedule that a known sampler is on a process.

    **Arguments:** `method`: `DDIM`, `DPMSolver` or `DPMSolverPP` without noise, `UniPC` or `USF`; a third-order
    multistep solver must have `third="exact"`; `process`; `start`: where sampling starts, `t_max` by default.

    **Returns:** a `SolverSchedule`, with which `USF` gives the same samples up to rounding.

    **Raises:** `ValueError` for a sampler that is no schedule.

    >>> from perturbax.diffusion import VPLinear
    >>> solver_schedule(DPMSolverPP(steps=4), VPLinear()).orders
    (1, 2, 2)
    """
    check_instance("method", method, AbstractPlanned, "a sampler such as DPMSolverPP()")
    check_instance("process", process, AbstractProcess, "a process such as VPLinear()")
    if isinstance(method, AbstractScheduled):
        return method.schedule_for(process, start)
    plan = method.plan(process, start)
    with np.errstate(divide="ignore"):
        nodes = (np.log(plan.alphas) - np.log(plan.sigmas)).tolist()
    if method.grid.denoises == 0:
        nodes.append(float(process.half_log_snr(method.grid.end(process))))
    if not np.isfinite(nodes[0]):
        raise ValueError("method must start where alpha > 0 to be a schedule; start a little later")
    orders = plan.orders[: len(nodes) - 1].tolist()
    if isinstance(method, DDIM) and method.eta == 0.0:
        return SolverSchedule(nodes, final=method.grid.final)
    if not isinstance(method, AbstractExponential) or method.stochastic:
        raise ValueError(f"method must be a deterministic exponential integrator, got {method!r}")
    steps = _multistep(method, orders) if isinstance(method.stepping, Multistep) else _singlestep(method, orders)
    fields: dict[str, Any] = {name: [step[name] for step in steps] for name in steps[0]}
    predictions = "data" if method.expansion.data else "noise"
    return SolverSchedule(nodes, predictions=predictions, final=method.grid.final, **fields)


def _multistep(method: AbstractExponential, orders: list[int]) -> list[dict[str, Any]]:
    assert isinstance(method.stepping, Multistep)
    if method.stepping.start != "lower_order":
        raise ValueError("method must start with lower orders to be a schedule with one evaluation a step")
    if 3 in orders and method.stepping.third != "exact":
        raise ValueError(
            'method must have stepping=Multistep(third="exact") for order 3: the published formula is no Taylor '
            "expansion"
        )
    return [
        {"orders": n, "starts": 0, "active_points": tuple(range(1, n)), "relaxations": _relaxed(method, n)}
        for n in orders
    ]


def _relaxed(method: AbstractExponential, order: int) -> str:
    return "bh2" if order == 2 and method.midpoint else "none"


def _singlestep(method: AbstractExponential, orders: list[int]) -> list[dict[str, Any]]:
    """Every group of `n` steps starts over: inner nodes of orders 1 and 2, then the step over the whole group."""
    steps: list[dict[str, Any]] = []
    while len(steps) < len(orders):
        n = orders[len(steps)]
        steps.append({"orders": 1, "starts": 0, "active_points": (), "relaxations": "none"})
        if n == 3:
            steps.append({"orders": 2, "starts": 1, "active_points": (0,), "relaxations": "none"})
            # The midpoint form takes the last inner node alone, with Taylor's weight.
            last = (2, (0,)) if method.midpoint else (3, (1, 0))
            steps.append({"orders": last[0], "starts": 2, "active_points": last[1], "relaxations": "none"})
        elif n == 2:
            relaxed = _relaxed(method, 2)
            steps.append({"orders": 2, "starts": 1, "active_points": (0,), "relaxations": relaxed})
    return steps


_GRIDS: tuple[type[AbstractGrid], ...] = (LogSNR, TimeUniform, TimePower, Karras)


def known_schedules(
    steps: int, process: AbstractProcess, final: Any = "eps", start: float | None = None
) -> dict[str, SolverSchedule]:
    """All known solvers on all grids as schedules, by name; those that cannot spend exactly `steps` are left out.

    **Arguments:** `steps`: network evaluations; `process`; `final`: `"eps"` or `"zero"`; `start`: where sampling
    starts.

    **Returns:** a dictionary such as `{"UniPC-2, LogSNR": ...}`.

    **Raises:** `ValueError` when `steps` is too small.

    >>> from perturbax.diffusion import VPLinear
    >>> len(known_schedules(5, VPLinear()))
    60
    """
    check_integer("steps", steps, minimum=1 + (final == "zero"))
    return dict(_known_schedules(int(steps), process, final, start))


@remembered
def _known_schedules(
    steps: int, process: AbstractProcess, final: Any, start: float | None
) -> tuple[tuple[str, SolverSchedule], ...]:
    found = []
    for where in _GRIDS:
        grid = where(final=final)
        for name, method in _solvers(steps, grid):
            try:
                schedule = solver_schedule(method(), process, start)
            except ValueError:  # a solver whose order needs more evaluations, or a grid that needs alpha > 0
                continue
            if schedule.evaluations == steps:
                found.append((f"{name}, {where.__name__}", schedule))
    return tuple(found)


def _solvers(n: int, grid: AbstractGrid) -> Iterator[tuple[str, Callable[[], AbstractPlanned]]]:
    exact = Multistep(third="exact", lower_order_final=False)
    yield "DDIM", functools.partial(DDIM, n, grid=grid)
    for cls, sign in ((DPMSolverPP, "++"), (DPMSolver, "")):
        build = functools.partial(cls, n, grid=grid)
        for kind in ("midpoint", "taylor"):
            yield f"2M{sign} {kind}", functools.partial(build, order=2, stepping=exact, solver_type=kind)
        yield f"3M{sign}", functools.partial(build, order=3, stepping=exact)
        for order in (2, 3):
            yield f"{order}S{sign}", functools.partial(build, order=order, stepping=Singlestep())
    unipc = functools.partial(UniPC, n, grid=grid, lower_order_final=False)
    for order in (2, 3):
        yield f"UniPC-{order}", functools.partial(unipc, order=order)
    yield "UniPC-2 bh1", functools.partial(unipc, order=2, variant="bh1")
    yield "UniPC-2 taylor", functools.partial(unipc, order=2, variant="none")
