"""A reduced march in time that asks the full model for single steps, and learns from them.

A step whose error estimate is above the tolerance is given up. The state at its beginning is that of the full model if
that solved the step before; else the law is replayed at all points with the displacements of the steps since the last
full one. From there the full model solves one step, its solution enriches bases and quadrature, and the reduced march
goes on from it.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from ..core import SolverError
from ..systems import Viscoplastic
from ._full_step import FullModel, FullState
from ._online import Loads, March, Online, advance, begin, half_steps, loads, online
from ._reduced import ReducedModel, cumulated
from ._simulate import FullStep, RomSolution, Segment, full_step


def march(
    problem: Viscoplastic,
    model: ReducedModel,
    *,
    tol: float = math.inf,
    forced: Bool[np.ndarray, " steps"] | None = None,
    budget: int = 0,
) -> RomSolution:
    """A history by a reduced model.

    **Arguments:** `tol`: the largest estimate of a step that is taken; `forced`: the steps that the full model solves
    in any case; `budget`: how many it may solve.

    **Raises:** `SolverError` when neither a step nor its two halves converge and no full step is left.
    """
    return _Marching(problem, model, tol, forced, budget).run()


class _Marching:
    """The host's side of a march. For use inside `core.float64()`."""

    def __init__(self, problem: Viscoplastic, model: ReducedModel, tol: float, forced: Any, budget: int):
        self.problem, self.tol, self.budget = problem, tol, budget
        self.wanted = tol
        self.forced = np.zeros(problem.steps, bool) if forced is None else forced
        self.full_model: FullModel | None = None
        self.known: FullState | None = None  # the last state of the full model, at the end of step `since - 1`
        self.since = 0
        self.segments: list[Segment] = []
        self.full: dict[int, FullStep] = {}
        self.settle(model)
        self.now = begin(model, problem, self.online)

    def settle(self, model: ReducedModel) -> None:
        """Make a model the one that marches."""
        self.model: ReducedModel = model
        self.online: Online = online(model)
        self.loads: Loads = loads(model, self.problem)

    def run(self) -> RomSolution:
        steps = self.problem.steps
        while (first := int(self.now.step)) < steps:
            start = eqx.tree_at(lambda m: [m.stopped, m.failed], self.now, [np.array(False), np.array(False)])
            tol, law = np.float64(self.tol), self.problem.law
            self.now = advance(self.online, self.loads, law, start, self.model.calibration, tol, self.forced)
            self._keep(first)
            if int(self.now.step) < steps:
                self._intervene()
        indicator, estimate = (np.asarray(x) for x in (self.now.indicator, self.now.estimate))
        reduced = np.setdiff1d(np.arange(steps), list(self.full))
        return RomSolution(
            problem=self.problem,
            model=self.model,
            segments=tuple(self.segments),
            full=self.full,
            indicator=indicator,
            error_estimate=estimate,
            trusted=not (estimate[reduced] > self.wanted).any(),
            stats={
                "full_steps": len(self.full),
                "newton_steps": int(self.now.iterations),
                "points": int(self.model.points.size),
                "modes": len(self.model.displacement.modes),
            },
        )

    def _keep(self, first: int) -> None:
        """Store the steps that were taken since `first`."""
        last = int(self.now.step)
        if last > first:
            a = np.asarray(self.now.coefficients)[first:last, : len(self.model.displacement.modes)]
            p = np.asarray(self.now.plasticity)[first:last, : self.model.points.size]
            self.segments.append(Segment(first, self.model, a, p))

    def _intervene(self) -> None:
        """A step was not taken: in halves when Newton failed, else by the full model, else without a tolerance."""
        k, failed, more = int(self.now.step), bool(self.now.failed), len(self.full) < self.budget
        if failed and self._took_halves(k, more):
            return
        if more:
            self._solve_fully(k)
        elif failed:
            when = f"reduced model, step {k} at time {self.problem.times[k]:g}"
            raise SolverError(f"{when}: Newton does not converge, nor does it in two half steps")
        else:
            self.tol, self.forced = math.inf, np.zeros_like(self.forced)

    def _took_halves(self, k: int, more: bool) -> bool:
        """Whether step `k` was taken in two halves; not where the full model is wanted and may solve one `more`."""
        a, state, solved = half_steps(self.online, self.loads, self.problem.law, self.now)
        if not bool(solved):
            return False
        p = cumulated(self.problem.law, state)[: self.model.points.size]
        self._see(k, p)
        if more and (self.forced[k] or self.now.estimate[k] > self.tol):
            return False
        self._take(k, a, state, p)
        self._keep(k)
        return True

    def _solve_fully(self, k: int) -> None:
        if self.full_model is None:
            self.full_model = FullModel(self.problem)
            self.known = self.full_model.begin()
        assert self.known is not None
        before = self.known if self.since == k else self._replayed(self.known, k)
        self.known, self.since = self.full_model.step(before, k), k + 1
        self.full[k] = full_step(self.problem, self.known)
        lift = self.problem.displacement.at(k)
        self.settle(self.model.enriched(self.known, lift))
        model, size = self.model, self.online.weights.size
        a = model.displacement.coefficients((self.known.u - lift)[None, self.problem.body.free])[0]
        index = np.pad(model.points, (0, size - model.points.size), mode="edge")
        state = jax.tree.map(lambda leaf: leaf[index], self.known.state)
        old = self.now
        self.now = begin(model, self.problem, self.online)
        names = ("step", "peak", "indicator", "estimate", "iterations")
        self.now = eqx.tree_at(lambda m: [getattr(m, n) for n in names], self.now, [getattr(old, n) for n in names])
        padded = np.pad(a, (0, self.online.active.size - a.size))
        self._take(k, padded, state, self.full[k].plasticity[model.points])

    def _see(self, k: int, p: Float[np.ndarray, " S"]) -> None:
        """The indicator and the estimate of step `k` from its plasticity at the points."""
        indicator, estimate = (np.array(x) for x in (self.now.indicator, self.now.estimate))
        peak = self._peak(p)
        indicator[k] = self.model.gappy.residual(p[None])[0] / peak if peak > 0.0 else np.nan
        estimate[k] = np.nan if self.model.calibration is None else self.model.calibration(indicator[k])
        self.now = eqx.tree_at(lambda m: [m.indicator, m.estimate], self.now, [indicator, estimate])

    def _peak(self, p: Float[np.ndarray, " S"]) -> float:
        return max(float(self.now.peak), float(np.sqrt(np.square(p).mean())))

    def _take(self, k: int, a: Any, state: Any, p: Float[np.ndarray, " S"]) -> None:
        """Go on from the end of step `k`."""
        now = self.now
        coefficients, plasticity = (np.array(x) for x in (now.coefficients, now.plasticity))
        coefficients[k], plasticity[k, : p.size] = a, p
        self.now = March(
            np.array(k + 1),
            np.asarray(a),
            jax.tree.map(np.asarray, state),
            np.array(self._peak(p)),
            coefficients,
            plasticity,
            now.indicator,
            now.estimate,
            now.iterations,
            now.stopped,
            now.failed,
        )

    def _replayed(self, known: FullState, k: int) -> FullState:
        """The state of all points at the beginning of step `k`, from the displacements since the known one."""
        problem, body = self.problem, self.problem.body
        u = problem.displacement.amplitudes @ problem.displacement.fields
        for part in self.segments:
            if part.first >= self.since:
                steps = slice(part.first, part.first + len(part.coefficients))
                u[steps, body.free] = part.coefficients @ part.model.displacement.modes
        fields = body.interpolate(problem.temperature.fields)
        bounds = np.array(self.since), np.array(k)
        state, stress = replay(
            body, problem.law, u, problem.temperature.amplitudes, fields, problem.lengths, known.state, bounds
        )
        return FullState(u[k - 1], jax.tree.map(np.asarray, state), np.asarray(stress))


@eqx.filter_jit
def replay(
    body: Any, law: Any, u: Any, amplitudes: Any, fields: Any, lengths: Any, state: Any, bounds: Any
) -> tuple[Any, Any]:
    """States and stresses at all points after the steps between two numbers, with given displacements."""

    def one(k: Any, now: Any) -> Any:
        stress, new = law.advance(body.strain(u[k]), now[0], amplitudes[k] @ fields, lengths[k])
        return new, stress

    empty = jnp.zeros((fields.shape[1], body.components))
    return jax.lax.fori_loop(bounds[0], bounds[1], one, (state, empty))
