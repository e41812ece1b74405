"""Functions of one real variable, and lines below and above them on an interval.

A function is known by the pieces on which it is convex or concave. On a convex piece `[l, u]` the tangent at any point
is a lower line and the chord is the upper one; on a concave piece it is the other way round. On an interval with
several pieces any slope `s` gives the two lines

    s x + min (phi(x) - s x) <= phi(x) <= s x + max (phi(x) - s x)                                        over [l, u]

whose extremes lie at the ends of the pieces or where `phi' = s`, which bisection finds because `phi'` is monotone on a
piece. So a line is sound whatever slope was chosen, and the choice may be a heuristic: here the slope of the envelope
at a point, which is what makes the area between line and function least when the point is the middle.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from ._sets import Interval

# Points on each side of a place, from which a slope is chosen; halvings of a bracket, beyond the bits of float32.
_GRID, _HALVINGS = 9, 26


class Lines(eqx.Module):
    """`lower_slope x + lower_offset <= phi(x) <= upper_slope x + upper_offset`, elementwise."""

    lower_slope: Any
    lower_offset: Any
    upper_slope: Any
    upper_offset: Any


@dataclasses.dataclass(frozen=True)
class Scalar:
    """An elementwise function with what bounds have to know about it.

    **Arguments:**

    - `function`: of an array, elementwise and differentiable by JAX.
    - `curvatures`: 1 for convex and -1 for concave, of each piece from left to right.
    - `inflections`: where the pieces meet, one fewer.
    - `monotone`: 1 when the function never falls, -1 when it never rises, else 0.
    - `extrema`: where the derivative is zero, for a function that is not monotone.
    - `pole`: where it is not defined; intervals on one side of it are bounded, the others are not.
    - `stationary`: for two pieces that meet in 0 and an even derivative, the `x >= 0` where the derivative is a given
      number, or 0 when there is none; it spares a bisection.

    **Raises:** `ValueError` when the numbers of pieces do not fit.

    >>> softplus = Scalar(jax.nn.softplus, curvatures=(1,), monotone=1)
    >>> float(softplus.range(Interval(jnp.zeros(()), jnp.ones(()))).upper) > 1.3
    True
    """

    function: Callable[[Array], Array]
    curvatures: tuple[int, ...]
    inflections: tuple[float, ...] = ()
    monotone: int = 0
    extrema: tuple[float, ...] = ()
    pole: float | None = None
    stationary: Callable[[Array], Array] | None = None

    def __post_init__(self):
        if len(self.curvatures) != len(self.inflections) + 1 or not set(self.curvatures) <= {1, -1}:
            raise ValueError(
                "curvatures must hold a 1 or -1 for each piece, one more than inflections, got "
                f"{self.curvatures} and {self.inflections}"
            )

    def derivative(self, x: Array) -> Array:
        """`phi'`, elementwise."""
        return jax.jvp(self.function, (x,), (jnp.ones_like(x),))[1]

    def range(self, x: Interval) -> Interval:
        """The values on an interval, exactly; infinite where the function is not defined on all of it."""
        points = [x.lower, x.upper, *(jnp.clip(point, x.lower, x.upper) for point in self.extrema)]
        values = [self.function(point) for point in points]
        if self.monotone:
            lower, upper = values[:: self.monotone]
        else:
            lower, upper = jnp.stack(values).min(0), jnp.stack(values).max(0)
        undefined = jnp.isnan(lower) | jnp.isnan(upper)
        if self.pole is not None:
            undefined |= (x.lower <= self.pole) & (x.upper >= self.pole)
        return Interval(jnp.where(undefined, -jnp.inf, lower), jnp.where(undefined, jnp.inf, upper))

    def offsets(self, slope: Array, x: Interval) -> Interval:
        """The least and the largest value of `phi(x) - slope x` on an interval."""
        ends = [x.lower, *(jnp.clip(c, x.lower, x.upper) for c in self.inflections), x.upper]
        left, right = jnp.stack(ends[:-1]), jnp.stack(ends[1:])
        if self.stationary is None:
            # The derivative does not fall on a convex piece.
            signs = jnp.reshape(jnp.asarray(self.curvatures, slope.dtype), (-1, *(1,) * slope.ndim))
            inner = self._where_derivative_is(slope, left, right, signs)
        else:
            r = lax.stop_gradient(self.stationary(slope))
            inner = jnp.clip(jnp.stack([-r, r]), left, right)
        points = jnp.concatenate([jnp.stack(ends), inner])
        values = self.function(points) - slope * points
        return Interval(values.min(0), values.max(0))

    def lines(self, x: Interval, place: Any) -> Lines:
        """The lines on an interval. Tangents touch at `lower + place (upper - lower)`, or as near as they may."""
        low, high = x.lower, x.upper
        width = high - low
        t = low + place * width
        narrow = width <= 1e-6 * (1.0 + jnp.abs(low) + jnp.abs(high))
        tangent = self.derivative(t)
        chord = jnp.where(narrow, tangent, (self.function(high) - self.function(low)) / jnp.where(narrow, 1.0, width))
        touch = self.function(t) - tangent * t
        at_ends = (self.function(low) - chord * low, self.function(high) - chord * high)
        below, above = jnp.minimum(*at_ends), jnp.maximum(*at_ends)
        convex, concave = (self._lies_in(x, curvature) for curvature in (1, -1))
        if len(self.curvatures) == 1:
            lower_slope, upper_slope = (tangent, chord) if self.curvatures[0] > 0 else (chord, tangent)
            lower_offset, upper_offset = (touch, above) if self.curvatures[0] > 0 else (below, touch)
        else:
            lower_steep, upper_steep = self._envelope_slopes(x, t)
            lower_slope = jnp.where(convex, tangent, jnp.where(concave, chord, lower_steep))
            upper_slope = jnp.where(concave, tangent, jnp.where(convex, chord, upper_steep))
            both = self.offsets(
                jnp.stack([lower_slope, upper_slope]), Interval(jnp.stack([low, low]), jnp.stack([high, high]))
            )
            mixed_lower, mixed_upper = both.lower[0], both.upper[1]
            lower_offset = jnp.where(convex, touch, jnp.where(concave, below, mixed_lower))
            upper_offset = jnp.where(concave, touch, jnp.where(convex, above, mixed_upper))
        return Lines(lower_slope, lower_offset, upper_slope, upper_offset)

    def _lies_in(self, x: Interval, curvature: int) -> Array:
        """Whether the interval lies in one piece of this curvature."""
        ends = (-math.inf, *self.inflections, math.inf)
        inside = jnp.zeros(x.shape, bool)
        for a, b, sign in zip(ends[:-1], ends[1:], self.curvatures, strict=True):
            if sign == curvature:
                inside |= (x.lower >= a) & (x.upper <= b)
        return inside

    def _where_derivative_is(self, slope: Array, a: Array, b: Array, sign: Array) -> Array:
        def halve(_: Any, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = bracket
            middle = 0.5 * (low + high)
            right = sign * (self.derivative(middle) - slope) < 0
            return jnp.where(right, middle, low), jnp.where(right, high, middle)

        # The extreme is stationary in the place where it is, so its gradient is that of a place which is fixed.
        slope, a, b = lax.stop_gradient((slope, a, b))
        low, high = lax.fori_loop(0, _HALVINGS, halve, (a, b))
        return 0.5 * (low + high)

    def _envelope_slopes(self, x: Interval, t: Array) -> tuple[Array, Array]:
        """Slopes of the convex envelope from below and the concave one from above at `t`, on a grid.

        The envelope at `t` is the extreme, over chords that span `t`, of the chord's value there.
        """
        x, t = lax.stop_gradient((x, t))
        steps = jnp.linspace(0.0, 1.0, _GRID, dtype=t.dtype)[1:].reshape(-1, *(1,) * t.ndim)
        left, right = (t - steps * (t - x.lower))[:, None], (t + steps * (x.upper - t))[None]
        values_left, values_right = self.function(left), self.function(right)
        gap = right - left
        slopes = (values_right - values_left) / jnp.where(gap > 0, gap, 1.0)
        values = (values_left + slopes * (t - left)).reshape(-1, *t.shape)
        slopes = slopes.reshape(values.shape)

        def at(index: Array) -> Array:
            return jnp.take_along_axis(slopes, index[None], 0)[0]

        return at(values.argmin(0)), at(values.argmax(0))


def _of_tanh(slope: Array) -> Array:
    return jnp.arctanh(jnp.sqrt(_inside(1.0 - slope, _below_one(slope))))


def _of_logistic(slope: Array) -> Array:
    root = jnp.sqrt(_inside(1.0 - 4.0 * slope, _below_one(slope)))
    return jnp.log1p(root) - jnp.log1p(-root)


def _of_erf(slope: Array) -> Array:
    return jnp.sqrt(-jnp.log(_inside(0.5 * math.pi**0.5 * slope, 1.0)))


def _of_atan(slope: Array) -> Array:
    return jnp.sqrt(1.0 / _inside(slope, 1.0) - 1.0)


def _of_asinh(slope: Array) -> Array:
    return jnp.sqrt(1.0 / _inside(slope, 1.0) ** 2 - 1.0)


def _inside(x: Array, largest: float) -> Array:
    return jnp.clip(x, _SMALLEST, largest)


# Where a slope is beyond those of the function any point will do: the ends of the interval are looked at too.
_SMALLEST = 1e-12


def _below_one(x: Array) -> float:
    # Farther below, the point for a small slope would miss the extreme by more than rounding, and no line were sound.
    return 1.0 - float(jnp.finfo(x.dtype).eps)


class Wave(Scalar):
    """`sin(x + phase)`, whose pieces are half periods and whose extremes are known."""

    def __init__(self, function: Callable[[Array], Array], phase: float):
        super().__init__(function, (1, -1), (0.0,))
        object.__setattr__(self, "phase", phase)

    def range(self, x: Interval) -> Interval:
        return self.offsets(jnp.zeros_like(x.lower), x)

    def offsets(self, slope: Array, x: Interval) -> Interval:
        # cos(y) = s at y = +-arccos(s) + 2 pi k: a maximum of sin(y) - s y with +, a minimum with -.
        first = jnp.arccos(jnp.clip(slope, -1.0, 1.0))
        points = [x.lower, x.upper]
        for start in (first, -first):
            start = start - self.phase  # pyright: ignore[reportAttributeAccessIssue]
            for k in (jnp.ceil((x.lower - start) / _PERIOD), jnp.floor((x.upper - start) / _PERIOD)):
                points.append(jnp.clip(lax.stop_gradient(start + _PERIOD * k), x.lower, x.upper))
        values = jnp.stack([self.function(point) - slope * point for point in points])
        return Interval(values.min(0), values.max(0))

    def _lies_in(self, x: Interval, curvature: int) -> Array:
        half = jnp.floor((x.lower + self.phase) / (0.5 * _PERIOD))  # pyright: ignore[reportAttributeAccessIssue]
        end = jnp.ceil((x.upper + self.phase) / (0.5 * _PERIOD))  # pyright: ignore[reportAttributeAccessIssue]
        # sin is concave where it is positive, in every other half period from 0 on.
        return (end - half <= 1) & (half % 2 == (1 if curvature > 0 else 0))


_PERIOD = 2.0 * math.pi


def integer_power(y: int) -> Scalar:
    """`x^y` for an integer, on the side of 0 where it is defined."""

    def power(x: Array) -> Array:
        return lax.integer_pow(x, y)

    if y % 2 == 0:
        return Scalar(power, (1,), extrema=(0.0,)) if y > 0 else Scalar(power, (1, 1), (0.0,), pole=0.0)
    if y > 0:
        return Scalar(power, (-1, 1), (0.0,), monotone=1)
    return Scalar(power, (-1, 1), (0.0,), monotone=-1, pole=0.0)


def real_power(y: float) -> Scalar:
    """`x^y` for `x > 0`, and for all `x` when `y` is a whole number."""
    if y and y.is_integer():
        return integer_power(int(y))
    return Scalar(lambda x: x**y, (1 if y >= 1 or y <= 0 else -1,), monotone=1 if y >= 0 else -1)


SCALARS: dict[str, Scalar] = {
    "exp": Scalar(jnp.exp, (1,), monotone=1),
    "exp2": Scalar(jnp.exp2, (1,), monotone=1),
    "expm1": Scalar(jnp.expm1, (1,), monotone=1),
    "log": Scalar(jnp.log, (-1,), monotone=1),
    "log1p": Scalar(jnp.log1p, (-1,), monotone=1),
    "sqrt": Scalar(jnp.sqrt, (-1,), monotone=1),
    "rsqrt": Scalar(lax.rsqrt, (1,), monotone=-1),
    "cbrt": Scalar(jnp.cbrt, (1, -1), (0.0,), monotone=1),
    "square": Scalar(jnp.square, (1,), extrema=(0.0,)),
    "tanh": Scalar(jnp.tanh, (1, -1), (0.0,), monotone=1, stationary=_of_tanh),
    "logistic": Scalar(lax.logistic, (1, -1), (0.0,), monotone=1, stationary=_of_logistic),
    "erf": Scalar(lax.erf, (1, -1), (0.0,), monotone=1, stationary=_of_erf),
    "erfc": Scalar(lax.erfc, (-1, 1), (0.0,), monotone=-1),
    "atan": Scalar(jnp.arctan, (1, -1), (0.0,), monotone=1, stationary=_of_atan),
    "asinh": Scalar(jnp.arcsinh, (1, -1), (0.0,), monotone=1, stationary=_of_asinh),
    "sinh": Scalar(jnp.sinh, (-1, 1), (0.0,), monotone=1),
    "cosh": Scalar(jnp.cosh, (1,), extrema=(0.0,)),
    "sin": Wave(jnp.sin, 0.0),
    "cos": Wave(jnp.cos, 0.5 * math.pi),
}
