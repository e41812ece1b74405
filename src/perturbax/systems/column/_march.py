"""The full equations in time: finite volumes in the column, an implicit Runge-Kutta method of second order.

With the means `c`, `q` of the cells and the transport `A c` between them,

    c' = -A c - alpha r,   q' = r = k_a theta c - k_d q.

A stage of the method of Alexander, `y = y* + g dt f(y)` with `g = 1 - 1/sqrt 2`, gives `q` by `c` cell by cell,

    r = (k_a theta c - k_d q*) / (1 + g dt k_d),

and leaves one banded system for each component, as long as `theta` and the speed are known:

    (1 + g dt A + g dt alpha k_a theta / (1 + g dt k_d)) c = c* + g dt alpha k_d q* / (1 + g dt k_d) + inlet.

They depend on `q` and `r`, so that a stage is repeated until these stay. Both stages conserve matter exactly, the last
one is the new state, and steps that are long against the passage of the gas are damped.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ._column import Injection, as_arrays
from ._scheme import AbstractScheme, Bands, solve_bands, transport

_GAMMA = 1.0 - 0.5**0.5
# Of a stage where components compete: when it ends, as a share of the largest rate, and after how many repetitions.
_CLOSE, _REPETITIONS = 1e-10, 50
# Steps while the pulse enters, at least.
_PULSE_STEPS = 20


class Elution(eqx.Module):
    """What the full equations say.

    - `outlet`: concentration at the outlet at the times, in mol/m^3.
    - `injected`, `eluted`, `held`: amounts of each component until the last time, in mol per m^2 of the gas's section.
    - `occupied`: the largest share of the sites that was taken anywhere.
    - `repetitions`: the most that a stage needed.
    """

    outlet: Float[Array, "m n"]
    injected: Float[Array, " m"]
    eluted: Float[Array, " m"]
    held: Float[Array, " m"]
    occupied: Float[Array, ""]
    repetitions: Int[Array, ""]

    @property
    def settled(self) -> Any:
        """Whether every stage settled."""
        return self.repetitions < _REPETITIONS


class TimeGrid(eqx.Module):
    """Steps in time, `ends` and their `lengths`, and the `places` of the wanted times among the ends; 0 is before all
    ends."""

    ends: Float[np.ndarray, " steps"]
    lengths: Float[np.ndarray, " steps"]
    places: Int[np.ndarray, " n"]


def time_grid(times: Float[np.ndarray, " n"], edges: tuple[float, ...], longest: float) -> TimeGrid:
    """Steps that are not longer than `longest` and end at every wanted time and every edge of the pulse.

    >>> time_grid(np.array([1.0, 2.0]), (0.0, 0.1), 0.5).ends[-4:].round(3).tolist()
    [0.55, 1.0, 1.5, 2.0]
    """
    end = times[-1]
    stops = np.unique(np.concatenate([[0.0], times, [edge for edge in edges if 0.0 < edge < end]]))
    lengths = np.diff(stops)
    entering = (stops[:-1] < edges[-1]) & (stops[1:] > edges[0])
    limit = np.where(entering, min(longest, (edges[-1] - edges[0]) / _PULSE_STEPS), longest)
    counts = np.ceil(lengths / limit - 1e-9).astype(int)
    steps = np.repeat(lengths / counts, counts)
    ends = np.cumsum(steps)
    # The sums end at the stops but for rounding; there they are exact.
    ends[np.cumsum(counts) - 1] = stops[1:]
    return TimeGrid(ends, steps, np.searchsorted(ends, times - 1e-12 * end) + 1 - (times == 0.0))


def march(injection: Injection, scheme: AbstractScheme, grid: TimeGrid, cells: int) -> Elution:
    """Solve the full equations on a number of cells and steps of time. Needs float64; forward-mode differentiable."""
    return _march(as_arrays(injection), as_arrays(grid), scheme, cells)


@eqx.filter_jit
def _march(injection: Injection, grid: TimeGrid, scheme: AbstractScheme, cells: int) -> Elution:
    lines = _Lines(injection, scheme, cells)
    empty = jnp.zeros((cells, injection.components))
    nothing = jnp.zeros(injection.components)

    def step(state: Any, now: Any) -> Any:
        c, q, rate, injected, eluted, occupied, repetitions = state
        end, dt = now
        # A pulse that jumps at the end of a step has not jumped yet.
        middle, late = (lines.inlet(end - dt + share * dt) for share in (_GAMMA, 1.0 - 1e-9))
        one = lines.stage(c, q, rate, middle, _GAMMA * dt)
        rest = (1.0 - _GAMMA) / _GAMMA
        two = lines.stage(c + rest * (one.c - c), q + rest * (one.q - q), one.rate, late, _GAMMA * dt)
        injected = injected + dt * ((1.0 - _GAMMA) * one.inflow + _GAMMA * two.inflow)
        eluted = eluted + dt * ((1.0 - _GAMMA) * one.outflow + _GAMMA * two.outflow)
        occupied = jnp.maximum(occupied, injection.kinetics.load(two.q).max())
        repetitions = jnp.maximum(repetitions, jnp.maximum(one.repetitions, two.repetitions))
        return (two.c, two.q, two.rate, injected, eluted, occupied, repetitions), scheme.outlet(two.c)

    start = (empty, empty, empty, nothing, nothing, jnp.zeros(()), jnp.zeros((), jnp.int32))
    state, outlet = jax.lax.scan(step, start, (grid.ends, grid.lengths))
    c, q, _, injected, eluted, occupied, repetitions = state
    held = lines.dx * (c + injection.column.phase_ratio * q).sum(0)
    outlet = jnp.concatenate([nothing[None], outlet])[grid.places].T
    return Elution(outlet, injected, eluted, held, occupied, repetitions)


class _Stage(eqx.Module):
    c: Array
    q: Array
    rate: Array
    inflow: Array
    outflow: Array
    repetitions: Array


class _Lines:
    """The equations of the cells."""

    def __init__(self, injection: Injection, scheme: AbstractScheme, cells: int):
        self.injection, self.scheme = injection, scheme
        self.dx = injection.column.length / cells
        self.speeds = injection.column.flow.velocity(jnp.linspace(0.0, 1.0, cells + 1))
        self.slowing = injection.column.flow.molar_volume * injection.column.phase_ratio * self.dx
        self.alone = injection.kinetics.linear and not injection.column.flow.slowed
        self.bands = self.transport(self.speeds)

    def inlet(self, t: Any) -> Float[Array, " m"]:
        return jnp.asarray(self.injection.concentration) * self.injection.pulse(t)

    def transport(self, speeds: Float[Array, " faces"]) -> Bands:
        problem = self.injection
        return transport(self.scheme, speeds, jnp.asarray(problem.dispersion), self.dx, problem.inlet.dispersive)

    def stage(self, c: Array, q: Array, guess: Array, inlet: Array, g: Array) -> _Stage:
        """`y = (c, q) + g f(y)`, from a guess of the rates."""

        def repeat(rate: Array) -> tuple[Array, Array]:
            speeds = self.speeds_at(rate)
            return self.solve(c, q, self.bands if self.alone else self.transport(speeds), q + g * rate, inlet, g)

        def unsettled(state: Any) -> Any:
            return ~state[2] & (state[3] < _REPETITIONS)

        def again(state: Any) -> Any:
            _, rate, _, count = state
            new, r = repeat(rate)
            # Scarce sites couple rates to loads, and a rate that stays says that loads and speeds stay.
            close = jnp.abs(r - rate).max() <= _CLOSE * jnp.abs(r).max() + jnp.finfo(r.dtype).tiny
            return new, r, close, count + 1

        if self.alone:
            (new, rate), count = repeat(guess), jnp.ones((), jnp.int32)
        else:
            start = (c, guess, jnp.zeros((), bool), jnp.zeros((), jnp.int32))
            new, rate, _, count = jax.lax.while_loop(unsettled, again, start)
        problem, speeds = self.injection, self.speeds_at(rate)
        across = 2.0 * problem.inlet.dispersive * problem.dispersion / self.dx
        inflow = speeds[0] * inlet + across * (inlet - new[0])
        return _Stage(new, q + g * rate, rate, inflow, speeds[-1] * self.scheme.outlet(new), count)

    def speeds_at(self, rate: Array) -> Float[Array, " faces"]:
        """Slowed by what is adsorbed upstream."""
        if self.alone:
            return self.speeds
        return self.speeds - self.slowing * jnp.concatenate([jnp.zeros(1), jnp.cumsum(rate.sum(1))])

    def solve(self, c: Array, q: Array, bands: Bands, load: Array, inlet: Array, g: Array) -> tuple[Array, Array]:
        """The new concentrations and rates where the free sites are those of a load."""
        kinetics, alpha = self.injection.kinetics, self.injection.column.phase_ratio
        gain = kinetics.adsorption * kinetics.free(load)
        slow = 1.0 + g * kinetics.desorption
        uptake = jnp.broadcast_to(g * alpha * gain / slow, c.shape)
        matrix = Bands(
            g * bands.second, g * bands.first, 1.0 + g * bands.diagonal + uptake, g * bands.above, g * bands.inlet
        )
        new = solve_bands(matrix, c + g * alpha * kinetics.desorption * q / slow - matrix.inlet * inlet)
        return new, (gain * new - kinetics.desorption * q) / slow
