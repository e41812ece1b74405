"""Laws of a switch process with independent intervals, from what it is matched with.

A switch process is + on intervals `T+` and - on intervals `T-`, all independent. Let `A(t)` be the probability of + at
`t` when an interval of + began at 0, and `B(t)` that of - when one of - began. With `Psi = E exp(-s T)` renewal gives

    L[A](s) = (1/s) (1 - Psi+) / (1 - Psi+ Psi-),   and the same for B with the signs exchanged, so that

    Psi+ = (1 - a) / b,   a = s L[A](s), b = s L[B](s).                                                       (1)

In the masses `dG_A = -dA`, `dG_B = -dB` this is `Psi+ = G_A / (1 - G_B)`: geometrically many steps `G_B`. At level 0,
`A = B = (1 + E)/2`, and (1) is `Psi = (1 - s L[E]) / (1 + s L[E])`, a sum of `nu ~ Geometric(1/2)` variables whose
survival function is `E`: a distribution whenever `E` falls from 1 to 0.

The tail is `exp(-theta t)` at the first pole of (1), `G_B(-theta) = 1`. With `p- = B(inf)`, `H = (B - p-) / p-`,

    theta int_0^inf exp(theta t) H(t) dt = 1,   0 < theta < the rate at which H decays.                       (2)
"""

import abc
import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import check_integer
from ._excursions import AbstractExcursionMethod, ExcursionLaw, InvalidIIA, StationaryGaussian

# Panels of 16 Gauss-Legendre nodes, graded quadratically so that the ones near 0 are fine.
_PANELS = 128
_X, _W = np.polynomial.legendre.leggauss(16)
_EDGES = np.linspace(0.0, 1.0, _PANELS + 1) ** 2
_NODES = (0.5 * (_EDGES[1:] + _EDGES[:-1])[:, None] + 0.5 * np.diff(_EDGES)[:, None] * _X).ravel()
_WEIGHTS = (0.5 * np.diff(_EDGES)[:, None] * _W).ravel()
# Where H is this small its exponential tail takes over; rounding of H is 1e-7 of it.
_TAIL = 1e-9
# A rate of decay that falls by more than this from half way to the tail is not that of an exponential.
_STEADY = 0.9
# Rounding of the matched functions, by far.
_INCREASE, _NEGATIVE = 1e-7, 1e-6


class AbstractIndependentIntervals(AbstractExcursionMethod):
    """A method that matches a switch process with a Gaussian one."""

    points: eqx.AbstractVar[int]
    check: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def probabilities(self, problem: StationaryGaussian, t: Float[Array, " n"]) -> tuple[Array, Array]:
        """`A(t)` and `B(t)`."""

    @abc.abstractmethod
    def laplace(self, problem: StationaryGaussian, s: Any) -> Float[Array, "..."]:
        """`E exp(-s T)` of the excursions above level 0."""

    def __check_init__(self):
        check_integer("points", self.points, minimum=16)

    def law(self, problem: StationaryGaussian, key: Any) -> ExcursionLaw:
        law = _law(self, problem)
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(law)):
            return law
        law = jax.tree.map(np.asarray, law)
        if self.check and not law.valid:
            raise InvalidIIA(
                f"independent intervals make no distribution for this process: {law.reason}; they are for processes "
                "with monotone correlation (check=False returns what they formally give)"
            )
        if law.valid and float(problem.level) != 0.0:
            note = f"at level {float(problem.level):g} only seen on the grid, where no density is negative"
            return dataclasses.replace(law, note=note)
        return law


@eqx.filter_jit
def _law(method: AbstractIndependentIntervals, problem: StationaryGaussian) -> ExcursionLaw:
    t = jnp.linspace(0.0, problem.horizon, method.points)
    A, B = method.probabilities(problem, t)
    masses = renewal_masses(_centred(A), _centred(B))
    pdf = (masses / t[1]).at[0].multiply(2.0)
    survival = (1.0 - jnp.cumsum(masses) + 0.5 * masses).at[0].set(1.0)
    lowest = jax.lax.cummin(B)
    rises = lowest + _INCREASE < B
    where = jnp.argmin(jnp.where(jnp.arange(t.size) <= jnp.argmax(rises), B, jnp.inf))
    first_increase = jnp.where(rises.any(), t[where], jnp.nan)
    falls = ~rises.any() & (B[-1] > 1.0 - problem.share_above - _INCREASE)
    valid = jnp.where(problem.level == 0.0, falls, pdf.min() > -_NEGATIVE * pdf.max())
    theta = jnp.where(valid, persistency(method, problem, t, B), jnp.nan)
    return ExcursionLaw(t, survival, pdf, theta, jnp.asarray(problem.mean), valid, first_increase)


def _centred(values: Float[Array, " n"]) -> Float[Array, " n"]:
    """Masses at the grid points of a measure with this survival function; cells to one side would shift it."""
    before = jnp.concatenate([values[:1], values[:-1]])
    after = jnp.concatenate([values[1:], values[-1:]])
    return 0.5 * (before - after)


def renewal_masses(above: Float[Array, " n"], below: Float[Array, " n"]) -> Float[Array, " n"]:
    """Masses of `T+` from (1), second order in the step, in `O(n log n)`.

    **Arguments:** `above`, `below`: masses of `G_A` and `G_B` at the grid points.

    **Returns:** masses at the same points.
    """
    n = above.size
    # The geometric sum is convolved on a ring of 4n points; the damping leaves 1e-12 of what comes around.
    damping = jnp.exp(-np.log(1e12) / 4.0 * jnp.arange(n) / n)
    G_A, G_B = (jnp.fft.rfft(masses * damping, 4 * n) for masses in (above, below))
    return jnp.fft.irfft(G_A / (1.0 - G_B), 4 * n)[:n] / damping


def persistency(
    method: AbstractIndependentIntervals, problem: StationaryGaussian, t: Float[Array, " n"], B: Float[Array, " n"]
) -> Float[Array, ""]:
    """The root of (2), differentiable by the implicit function theorem; NaN when `H` has no exponential tail."""
    share_below = 1.0 - problem.share_above

    def excess(t: Array) -> Array:
        return method.probabilities(problem, jnp.atleast_1d(t))[1] / share_below - 1.0

    small = B / share_below - 1.0 < _TAIL
    end = jax.lax.stop_gradient(jnp.where(small.any(), t[jnp.argmax(small)], t[-1]))
    ends = jnp.stack([0.5 * end, end])
    last, slope = jax.jvp(excess, (ends,), (jnp.ones(2),))
    rate = jnp.where(last > 0.0, -slope / jnp.where(last > 0.0, last, 1.0), jnp.inf)
    nodes, H = end * _NODES, excess(end * _NODES)
    mean = (end * _WEIGHTS @ H + last[1] / rate[1]) * share_below / problem.share_above

    def condition(x: Array, args: Any) -> Array:
        nodes, H, end, last, rate, mean = args
        theta = x / mean
        tail = last * jnp.exp(theta * end) / jnp.where(theta < rate, rate - theta, jnp.nan)
        return theta * (end * _WEIGHTS @ (jnp.exp(theta * nodes) * H) + tail) - 1.0

    args = (nodes, H, end, last[1], rate[1], mean)
    # Jensen: exp(theta E V) <= E exp(theta V) = 1 / p+. From above the root Newton's iteration falls to it, because
    # the condition is increasing and convex.
    highest = jnp.minimum(-jnp.log(problem.share_above), (1.0 - 1e-6) * rate[1] * mean)
    highest = jax.lax.stop_gradient(highest)
    steady = (rate[1] > _STEADY * rate[0]) & (condition(highest, args) > 0.0)
    found = optx.root_find(
        lambda x, args: jnp.where(steady, condition(jnp.where(steady, x, 0.0), args), x),
        optx.Newton(rtol=1e-13, atol=1e-13),
        jnp.where(steady, highest, 0.0),
        args,
        max_steps=100,
        throw=False,
    )
    return jnp.where(steady & (found.result == optx.RESULTS.successful), found.value, jnp.nan) / mean


def integrate(function: Any, end: Any) -> Array:
    """The integral from 0 to `end` of a function of an array of times; its last axis is that of the times."""
    return end * (function(end * _NODES) @ _WEIGHTS)
