"""The reduced march in time, compiled: Newton for the coefficients, the law at the points, the indicator.

    sum_{x in S} w_x sigma(eps(Psi) a)_x : eps(Psi_i)_x = F_i(t),
    z = argmin_z |Pi_S z - p_S|,      rho(t) = |Pi_S z - p_S| / max_{s <= t} |p_S(s)|

Modes and points are padded to a few sizes, so that a model that grows is compiled a few times only; the padding has no
weight. Everything costs as much as there are points and modes, whatever the mesh.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from ..core import Result, iterate
from ..systems import Viscoplastic
from ._full_step import MAX_NEWTON, TOLERANCE
from ._reduced import ReducedModel

_MODES, _POINTS = 32, 256


class Online(eqx.Module):
    """A reduced model at its points."""

    strains: Float[np.ndarray, "S components r"]
    weights: Float[np.ndarray, " S"]
    real: Bool[np.ndarray, " S"]
    active: Bool[np.ndarray, " r"]
    range_: Float[np.ndarray, "S k"]


class Loads(eqx.Module):
    """What happens at the points and to the modes, for every step."""

    force: Float[np.ndarray, "steps r"]
    temperature: Float[np.ndarray, "steps S"]
    strain: Float[np.ndarray, "steps S components"]
    length: Float[np.ndarray, " steps"]


class March(eqx.Module):
    """Where the march is: next step, coefficients, states of the points, largest root mean square of the plasticity so
    far; and what there was at each step."""

    step: Any
    a: Any
    state: Any
    peak: Any
    coefficients: Any
    plasticity: Any
    indicator: Any
    estimate: Any
    iterations: Any
    stopped: Any
    failed: Any


def online(model: ReducedModel) -> Online:
    """Padded arrays."""
    strains = model.body.strain(model.body.lift(model.displacement.modes))[:, model.points].transpose(1, 2, 0)
    points, _, modes = strains.shape
    size, rank = _padded(points, _POINTS), _padded(modes, _MODES)
    range_ = model.gappy.range_
    return Online(
        np.pad(strains, ((0, size - points), (0, 0), (0, rank - modes))),
        np.pad(model.weights, (0, size - points)),
        np.arange(size) < points,
        np.arange(rank) < modes,
        np.pad(range_, ((0, size - points), (0, _padded(range_.shape[1], _MODES) - range_.shape[1]))),
    )


def loads(model: ReducedModel, problem: Viscoplastic) -> Loads:
    """Forces on modes, temperatures and given strains at points."""
    body, lifted = problem.body, problem.displacement
    more = _padded(model.points.size, _POINTS) - model.points.size
    rank = _padded(len(model.displacement.modes), _MODES)
    forces = problem.force.fields[:, body.free] @ model.displacement.modes.T
    temperature = problem.temperature.amplitudes @ body.interpolate(problem.temperature.fields, model.points)
    strain = np.zeros((problem.steps, model.points.size, body.components))
    if lifted.fields.any():
        strain = np.tensordot(lifted.amplitudes, body.strain(lifted.fields)[:, model.points], 1)
    return Loads(
        np.pad(problem.force.amplitudes @ forces, ((0, 0), (0, rank - forces.shape[1]))),
        np.pad(temperature, ((0, 0), (0, more)), mode="edge"),
        np.pad(strain, ((0, 0), (0, more), (0, 0))),
        problem.lengths,
    )


def begin(model: ReducedModel, problem: Viscoplastic, shape: Online) -> March:
    """Before the first step."""
    size, _, rank = shape.strains.shape
    state = jax.tree.map(np.asarray, problem.law.begin(size, problem.body.components))
    empty = np.full(problem.steps, np.nan)
    zero, no = np.zeros(()), np.array(False)
    return March(
        np.array(0),
        np.zeros(rank),
        state,
        zero,
        np.zeros((problem.steps, rank)),
        np.zeros((problem.steps, size)),
        empty,
        empty,
        np.array(0),
        no,
        no,
    )


@eqx.filter_jit
def advance(online: Online, loads: Loads, law: Any, start: March, calibration: Any, tol: Any, forced: Any) -> March:
    """Steps until the end, one whose estimate is above `tol` or that is `forced`, or one that fails: that one is not
    taken."""
    enough = TOLERANCE * _scale(online, loads, law)
    count = online.real.sum()

    def go_on(now: March) -> Any:
        return (now.step < loads.length.shape[0]) & ~now.stopped

    def one(now: March) -> March:
        k = now.step
        load = jax.tree.map(lambda values: values[k], loads)
        a, state, solved, spent = equilibrate(online, load, law, now.a, now.state, enough)
        p = jnp.where(online.real, jax.vmap(law.cumulated)(state), 0.0)
        peak = jnp.maximum(now.peak, jnp.sqrt(p @ p / count))
        left = p - online.range_ @ (online.range_.T @ p)
        # Without plasticity there is nothing to see: not a number, which is above no tolerance.
        indicator = jnp.sqrt(left @ left / count) / jnp.where(peak > 0.0, peak, jnp.nan)
        estimate = indicator * jnp.nan if calibration is None else calibration(indicator)
        stopped = (estimate > tol) | forced[k] | ~solved

        def keep(new: Any, old: Any) -> Any:
            return jax.tree.map(lambda a, b: jnp.where(stopped, b, a), new, old)

        return March(
            keep(k + 1, k),
            keep(a, now.a),
            keep(state, now.state),
            keep(peak, now.peak),
            now.coefficients.at[k].set(keep(a, now.coefficients[k])),
            now.plasticity.at[k].set(keep(p, now.plasticity[k])),
            now.indicator.at[k].set(indicator),
            now.estimate.at[k].set(estimate),
            now.iterations + spent,
            stopped,
            ~solved,
        )

    return jax.lax.while_loop(go_on, one, start)


def equilibrate(online: Online, load: Any, law: Any, a: Any, state: Any, enough: Any) -> tuple[Any, Any, Any, Any]:
    """Coefficients and states at the end of a step, whether Newton converged, and its iterations."""
    weighted = online.strains * online.weights[:, None, None]

    def newton(now: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        a = now[0]
        stress, new, tangent = law.linearise(online.strains @ a + load.strain, state, load.temperature, load.length)
        residual = load.force - jnp.einsum("scr,sc->r", weighted, stress)
        stiffness = jnp.einsum("scr,scq->rq", weighted, tangent @ online.strains)
        # The padding has no stiffness.
        stiffness = stiffness + jnp.diag(jnp.where(online.active, 0.0, 1.0))
        size = jnp.linalg.norm(residual)
        return jnp.where(size <= enough, a, a + jnp.linalg.solve(stiffness, residual)), new, size

    found = iterate(
        newton,
        (a, state, jnp.asarray(np.finfo(np.float64).max, a.dtype)),
        done=lambda _, now: now[2] <= enough,
        max_steps=MAX_NEWTON,
        throw=False,
    )
    a, state, _ = found.state
    return a, state, found.result == Result.successful, found.steps


@eqx.filter_jit
def half_steps(online: Online, loads: Loads, law: Any, start: March) -> tuple[Any, Any, Any]:
    """A step in two halves, with the loads in the middle between its ends: coefficients, states, whether it worked."""
    k = start.step
    end = jax.tree.map(lambda values: values[k], loads)
    before = jax.tree.map(lambda values: values[jnp.maximum(k - 1, 0)], loads)
    enough = TOLERANCE * _scale(online, loads, law)
    a, state, solved = start.a, start.state, True
    for load in (jax.tree.map(lambda x, y: (x + y) / 2.0, before, end), end):
        load = eqx.tree_at(lambda each: each.length, load, end.length / 2.0)
        a, state, met, _ = equilibrate(online, load, law, a, state, enough)
        solved = solved & met
    return a, state, solved


def _scale(online: Online, loads: Loads, law: Any) -> Any:
    """The largest residual of the body as it was, over all times."""
    state = law.begin(online.weights.size, loads.strain.shape[2])

    def size(load: Loads) -> Any:
        stress, _ = law.advance(load.strain, state, load.temperature, load.length)
        return jnp.linalg.norm(load.force - jnp.einsum("s,scr,sc->r", online.weights, online.strains, stress))

    return jax.vmap(size)(loads).max()


def _padded(size: int, unit: int) -> int:
    return -(-size // unit) * unit
