"""Descents of an energy: `u_{t+1} = u_t - eta_t d(u_t)` from `u_0 = 0`, where methods differ in the direction `d`."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import Result, SolverError, check_instance, check_integer, check_number
from ..core import progress as progress_bar
from ._history import History, known_at
from ._problem import PDEProblem
from ._representation import AbstractRepresentation, AbstractSpace
from ._solve import AbstractPDEMethod, PDESolution
from ._step_size import AbstractStep

# Steps in one compiled program, and points at which the history's error is measured.
_CHUNK, _TEST_POINTS = 16, 512


class State(eqx.Module):
    """Where a descent is: with the first and the last norm of its gradient, and why it ended."""

    u: Any
    energy: Any
    size: Any
    first: Any
    norm: Any
    evaluations: Any
    full: Any
    risen: Any

    @property
    def finite(self) -> Any:
        return jnp.isfinite(self.energy) & ~jnp.isnan(self.norm)


class AbstractEnergyFlow(AbstractPDEMethod):
    """A method of `pde.solve` that descends the energy of a problem.

    Its fields are `representation`, `step`, `iterations` and `tolerance`.
    """

    def __check_init__(self):
        method: Any = self
        check_instance("representation", method.representation, AbstractRepresentation, "one such as PlaneWaves()")
        check_instance("step", method.step, AbstractStep, "a rule such as BoundedStep()")
        check_integer("iterations", method.iterations, minimum=1)
        check_number("tolerance", method.tolerance, minimum=0.0)

    @abc.abstractmethod
    def direction(self, space: AbstractSpace, g: Any) -> Any:
        """The direction of descent from the gradient in L2."""

    def certificate(self, space: AbstractSpace, u: Any, size: Any) -> dict[str, Any]:
        """Numbers for the history that are known before a step."""
        return {}

    @abc.abstractmethod
    def scale(self, space: AbstractSpace, d: Any) -> Any:
        """A bound of `|d|^2` in H1 over the mean of `DE d`, which is 1 for the gradient in H1."""

    def solve(self, problem: PDEProblem, key: Any, progress: bool | None) -> PDESolution:
        method: Any = self
        space = method.representation.space(problem)
        # As arrays, so that other numbers do not compile again.
        rules = jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, int | float) else leaf, self)
        test = known_at(problem, _TEST_POINTS)
        state, first, singular = _begin(space, test)
        if bool(singular):
            raise ValueError(
                "energy must have a minimum, it falls without end along constants: the mean of the source is not 0, "
                "and there is no term that holds u"
            )
        history = {name: [np.asarray(value)[None]] for name, value in first.items()}
        seconds, cpu, done, ended = [0.0], [0.0], 0, ""
        clock = History()
        with progress_bar(method.iterations, "pde.solve", show=progress) as bar:
            while done < method.iterations and not ended:
                count = min(_CHUNK, method.iterations - done)
                with clock.timed():
                    state, rows, made = _advance(rules, space, state, test, jnp.asarray(count))
                    made, ended = int(made), _ending(state, method)
                for name, column in rows.items():
                    history.setdefault(name, [np.full(1, np.nan)]).append(np.asarray(column)[:made])
                done += made
                seconds += [clock.seconds] * made
                cpu += [clock.cpu_seconds] * made
                if ended == "full":
                    space, state, ended = _enlarge(space, state, done)
                bar.advance(made)
                bar.update(loss=float(state.energy))
        columns = {name: np.concatenate(parts) for name, parts in history.items()}
        columns |= {"step": np.arange(done + 1), "loss": columns["energy"]}
        columns |= {"seconds": np.asarray(seconds), "cpu_seconds": np.asarray(cpu)}
        result = {"risen": Result.diverged, "nonfinite": Result.nonfinite}.get(ended, Result.successful)
        stats = {
            "steps": done,
            "evaluations": int(state.evaluations),
            "converged": ended == "converged",
            "terms": int(columns["terms"][-1]) if "terms" in columns else space.zero().size,
        }
        return PDESolution(problem, space.model(state.u), {}, columns, None, None, result, stats)


def _ending(state: State, method: Any) -> str:
    for name in ("full", "risen"):
        if bool(getattr(state, name)):
            return name
    if not bool(state.finite):
        return "nonfinite"
    return "converged" if float(state.norm) <= method.tolerance * float(state.first) else ""


def _enlarge(space: AbstractSpace, state: State, done: int) -> tuple[AbstractSpace, State, str]:
    wider = space.enlarged(state.u)
    if wider is None:
        kind: Any = space
        raise SolverError(
            f"step {done + 1} needs more than max_terms={kind.max_terms} waves to drop at most a share of "
            f"{float(kind.tolerance):g} of a product; give PlaneWaves more terms or a larger tolerance"
        )
    space, u = wider
    return space, eqx.tree_at(lambda s: (s.u, s.full), state, (u, jnp.asarray(False))), ""


def _numbers(space: AbstractSpace, u: Any, test: Any) -> dict[str, Any]:
    found = space.report(u)
    if test is not None:
        x, exact = test[0], test[1][:, 0]
        scale = jnp.linalg.norm(exact)
        found["error"] = jnp.linalg.norm(space.values(u, x) - exact) / jnp.where(scale > 0.0, scale, 1.0)
    return found


@eqx.filter_jit
def _begin(space: AbstractSpace, test: Any) -> tuple[State, dict[str, Any], Any]:
    u = space.zero()
    energy = space.energy(u)
    nothing, false = jnp.zeros_like(energy), jnp.asarray(False)
    state = State(u, energy, nothing, nothing, nothing + jnp.inf, jnp.zeros((), jnp.int32), false, false)
    row = {"energy": energy, "step_size": nothing, "gradient_norm": nothing * jnp.nan, "dropped": nothing}
    up, down = jax.lax.map(lambda value: space.energy(space.constant(value)), jnp.array([1.0, -1.0]))
    slope, bend = jnp.abs(up - down), jnp.abs(up + down - 2.0 * energy)
    singular = (slope > 0.0) & (bend <= 1e-10 * slope)
    return state, row | _numbers(space, u, test), singular


@eqx.filter_jit
def _advance(method: Any, space: AbstractSpace, state: State, test: Any, steps: Any) -> tuple[State, Any, Any]:
    """At most `steps` steps, ended by convergence, by an energy that rises or is not finite, or by a sum of waves that
    does not fit, of which the step is not made."""
    share = space.share

    def unfinished(carry: Any) -> Any:
        k, state, _ = carry
        going = (state.norm > method.tolerance * state.first) | (state.first == 0.0)
        return (k < steps) & going & state.finite & ~state.full & ~state.risen

    def body(carry: Any) -> Any:
        k, state, rows = carry
        g, lost = space.gradient(state.u)
        d = method.direction(space, g)
        slope = space.inner(g, d)
        norm = jnp.sqrt(slope)
        scale = method.scale(space, d)
        taken = method.step.take(space, state.u, state.energy, d, slope, scale, state.size)
        dropped = jnp.maximum(lost, taken.dropped)
        full = dropped > share * (1.0 + 1e-6)
        first = jnp.where(state.first == 0.0, norm, state.first)
        rise = taken.energy - state.energy
        # What is dropped moves the energy by its share, to first order in the gradient.
        risen = rise > (share + 1e-12) * (jnp.abs(state.energy) + norm)
        made = State(
            taken.u, taken.energy, taken.size, first, norm, state.evaluations + taken.evaluations + 1, full, risen
        )
        kept = eqx.tree_at(lambda s: s.full, state, full)
        new = jax.tree.map(lambda a, b: jnp.where(full, a, b), kept, made)
        row = {"energy": made.energy, "step_size": made.size, "gradient_norm": norm, "dropped": dropped}
        row |= _numbers(space, made.u, test) | method.certificate(space, state.u, made.size)
        rows = {name: rows[name].at[k].set(value) for name, value in row.items()}
        return k + ~full, new, rows

    shapes = jax.eval_shape(lambda: _numbers(space, state.u, test))
    blank = {name: jnp.zeros(_CHUNK, one.dtype) for name, one in shapes.items()}
    names = ("energy", "step_size", "gradient_norm", "dropped", *method.certificate(space, state.u, state.size))
    blank |= {name: jnp.zeros(_CHUNK, float) for name in names}
    k, state, rows = jax.lax.while_loop(unfinished, body, (jnp.zeros((), int), state, blank))
    return state, rows, k
