"""Piecewise linear parts of a program: where they bend, and bounds when it is known on which side of the bend they are.

`max(x, c)`, `min(x, c)` and `|x|` bend where `x = c`, with `c = 0` for the last. A subdomain fixes the side of some
elements, `s (x - c) >= 0` with `s = +-1`, and leaves that of others open, `s = 0`. The interval of `x` is cut there,
which makes the relaxation exact; and a row gets the multiplier `beta >= 0` of the constraint,

    <r, f> >= <r, f> - beta s (x - c)    on the subdomain,

so that its bound knows that the side is fixed for the whole program. Every `beta >= 0` and every lower slope `alpha` in
[0, 1] is sound; they are improved by gradient ascent (Wang et al. 2021, arXiv 2103.06624).
"""

import dataclasses
import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from ..core import Constant, step
from ._affine import is_affine
from ._backward import Backward, each_row
from ._bound import AbstractBoundMethod
from ._graph import Graph, boxes_of, trace
from ._interval import INTERVAL
from ._query import Margins, deciding, unsafety
from ._relax import KINKS, kink_of
from ._sets import Box, Interval
from ._slope import AdaptiveSlope

# Elements whose affine functions are computed at once.
_ROWS_AT_ONCE = 1024

# An interval that is emptier than this, relative to its ends, has no point; less is rounding.
_EMPTY = 1e-9


class Kink(NamedTuple):
    """An equation that bends, what varies in it, and the constant operand (`None` for `abs`)."""

    equation: Any
    variable: Any
    other: Any


@dataclasses.dataclass(frozen=True, eq=False)
class Phases:
    """The margins of a region as a program, with its kinks.

    **Arguments:** `graph`; `kinks`; `root`: intervals of variables on the whole region.
    """

    graph: Graph
    kinks: tuple[Kink, ...]
    root: dict[Any, Interval]

    def sizes(self) -> list[int]:
        """Elements of each kink."""
        return [math.prod(kink.variable.shape) for kink in self.kinks]

    def split(self, flat: Array) -> list[Array]:
        """A vector over all elements, one array for each kink."""
        parts, first = [], 0
        for kink, size in zip(self.kinks, self.sizes(), strict=True):
            parts.append(flat[first : first + size].reshape(kink.variable.shape))
            first += size
        return parts

    def thresholds(self) -> list[Array]:
        """Where each kink bends."""
        known: dict[Any, Any] = {}
        for equation in self.graph.program.equations:
            if not equation.varying:
                step(equation, INTERVAL, known)
        found = []
        for kink in self.kinks:
            level = jnp.zeros(kink.variable.shape, kink.variable.dtype)
            if kink.other is not None:
                level += kink.other.value if isinstance(kink.other, Constant) else known[kink.other]
            found.append(level)
        return found

    def intervals(self, signs: list[Array], shifts: list[tuple[Array, Array]]) -> tuple[dict[Any, Any], Array]:
        """Intervals of all variables on a subdomain, whose cut ends are moved by `shifts`, and whether one is empty."""
        cuts: dict[Any, list[Any]] = {}
        for kink, *rest in zip(self.kinks, signs, self.thresholds(), shifts, strict=True):
            cuts.setdefault(kink.variable, []).append(rest)
        known: dict[Any, Any] = {}
        empty = jnp.zeros((), bool)

        def settle(variable: Any) -> None:
            nonlocal empty
            interval = known[variable]
            if variable in self.root:
                interval = interval.intersect(self.root[variable])
            for sign, threshold, (low, high) in cuts.get(variable, ()):
                lower = jnp.where(sign > 0, jnp.maximum(interval.lower, threshold), interval.lower) + low
                upper = jnp.where(sign < 0, jnp.minimum(interval.upper, threshold), interval.upper) + high
                empty |= jnp.any(lower - upper > _EMPTY * (1.0 + jnp.abs(lower) + jnp.abs(upper)))
                interval = Interval(lower, jnp.maximum(lower, upper))
            known[variable] = interval

        for variable, box in zip(self.graph.program.inputs, boxes_of(self.graph), strict=True):
            known[variable] = box
            settle(variable)
        for equation in self.graph.program.equations:
            step(equation, INTERVAL, known)
            for variable in equation.outputs:
                if equation.varying and (variable in self.root or variable in cuts):
                    settle(variable)
        return known, empty

    def backward(self, known: dict[Any, Any], alphas: list[Array]) -> Backward:
        """The program relaxed on intervals, with the lower slopes `alphas` at the kinks."""
        chosen = {kink.equation: alpha for kink, alpha in zip(self.kinks, alphas, strict=True)}

        def place(equation: Any, values: list[Any]) -> Any:
            if equation in chosen:
                return chosen[equation]
            return AdaptiveSlope().place(kink_of(equation, values)) if equation.name in KINKS else 0.5

        relaxed = Backward(self.graph, known, place)
        relaxed.prepare(self.graph.output)
        return relaxed

    def linear(self, relaxed: Backward, row: Array, weights: list[Array]) -> tuple[tuple[Array, ...], Array]:
        """The linear lower bound of `<row, margins>` with the multipliers `weights = beta s` of the kinks."""
        also: dict[Any, Array] = {}
        for kink, weight in zip(self.kinks, weights, strict=True):
            also[kink.variable] = also.get(kink.variable, 0.0) - weight
        coefficients, constant = relaxed.linear(self.graph.output, row, also)
        return coefficients, constant + sum(jnp.sum(w * c) for w, c in zip(weights, self.thresholds(), strict=True))


def phases_of(margins: Margins, box: Box, root: list[Interval] | None = None) -> Phases:
    """The program of margins on a box; `root` from `root_intervals`."""
    graph = trace(margins, box)
    kinks = tuple(kink for equation in graph.program.equations if (kink := _kink(equation)) is not None)
    return Phases(graph, kinks, dict(zip(graph.targets(), root or (), strict=root is not None)))


def _kink(equation: Any) -> Kink | None:
    if not equation.varying or equation.name not in KINKS:
        return None
    varying = [value for value in equation.inputs if value.varying]
    if len(varying) != 1 or varying[0].shape != equation.outputs[0].shape:
        return None
    return Kink(equation, varying[0], next((value for value in equation.inputs if not value.varying), None))


def is_piecewise_linear(margins: Margins, box: Box) -> bool:
    """Whether fixing the sides of all kinks makes the margins affine."""
    phases = phases_of(margins, box)
    bends = {kink.equation for kink in phases.kinks}
    return all(not e.varying or e in bends or is_affine(e) for e in phases.graph.program.equations)


@eqx.filter_jit
def root_intervals(margins: Margins, box: Box, bounds: AbstractBoundMethod) -> tuple[list[Interval], Array]:
    """A method's intervals of the variables that relaxations stand on; and zeros for all elements of the kinks."""
    phases = phases_of(margins, box)
    known, _ = bounds.intervals(phases.graph)
    return [known[variable] for variable in phases.graph.targets()], jnp.zeros(sum(phases.sizes()), jnp.int8)


class Bounded(NamedTuple):
    """What is found out about one subdomain: bounds of the rows, a suspicious input, its `unsafety`, and the element to
    split, -1 when none is open."""

    lower: Float[Array, " rows"]
    point: Float[Array, " inputs"]
    value: Float[Array, ""]
    element: Array


@eqx.filter_jit
def bound_phases(
    margins: Margins, box: Box, root: list[Interval], groups: Any, signs: Any, excluded: Any, steps: int, rate: float
) -> Bounded:
    """`Bounded` for a batch of subdomains; `steps` of gradient ascent with Adam at the learning rate `rate`."""
    phases = phases_of(margins, box, root)

    def one(signs: Any, excluded: Any) -> Bounded:
        return _bound_one(phases, margins, box, groups, signs.astype(box.lower.dtype), excluded, steps, rate)

    return jax.vmap(one)(signs, excluded)


def _bound_one(
    phases: Phases, margins: Any, box: Box, groups: Any, signs: Any, excluded: Any, steps: int, rate: float
) -> Bounded:
    sides = phases.split(signs)
    count = phases.graph.output.shape[0]
    rows = jnp.eye(count, dtype=box.lower.dtype)
    still = [(jnp.zeros(k.variable.shape), jnp.zeros(k.variable.shape)) for k in phases.kinks]
    known, empty = phases.intervals(sides, still)
    spans = [Interval(known[k.variable].lower - c, known[k.variable].upper - c) for k, c in _bends(phases)]

    def linear(known: Any, alphas: Any, betas: Any) -> Any:
        relaxed = phases.backward(known, alphas)
        weights = [beta * side for beta, side in zip(betas, sides, strict=True)]
        return jax.vmap(lambda row, w: phases.linear(relaxed, row, w))(rows, weights)

    def lower(found: Any) -> Any:
        (slopes,), constants = found
        return constants + jax.vmap(box.minimum)(slopes)

    def ascend(carry: Any, _: Any) -> Any:
        parameters, state, best = carry

        def loss(parameters: Any) -> Any:
            bounds = lower(linear(known, *parameters))
            return -jnp.sum(jnp.where(jnp.isfinite(bounds), bounds, 0.0)), bounds

        gradient, bounds = jax.grad(loss, has_aux=True)(parameters)
        updates, state = optimizer.update(gradient, state)
        alphas, betas = optax.apply_updates(parameters, updates)
        following = [jnp.clip(a, 0.0, 1.0) for a in alphas], [jnp.maximum(b, 0.0) for b in betas]
        return (following, state, jnp.fmax(best, bounds)), None

    optimizer = optax.adam(rate)
    parameters = (
        [AdaptiveSlope().place(span) for span in spans],
        [jnp.zeros((count, *kink.variable.shape)) for kink in phases.kinks],
    )
    # No bound is looser than that of the intervals.
    start = (parameters, optimizer.init(parameters), known[phases.graph.output].lower)
    (parameters, _, best), _ = jax.lax.scan(ascend, start, None, length=steps)

    def shifted(shifts: Any) -> Any:
        found = linear(phases.intervals(sides, shifts)[0], *parameters)
        bounds = lower(found)
        highest = jnp.where(empty, jnp.inf, jnp.fmax(best, jax.lax.stop_gradient(bounds)))
        row = deciding(highest, groups, excluded)
        return bounds[row], (highest, found[0][0][row])

    gradient, (best, slope) = jax.grad(shifted, has_aux=True)(still)
    point = jnp.where(slope > 0, box.lower, box.upper)
    return Bounded(best, point, unsafety(margins(point), groups), _element(gradient, spans))


def _element(gradient: list[tuple[Array, Array]], spans: list[Interval]) -> Array:
    """The open element whose split raises the bound most, to first order when an end moves to the bend; -1 without."""
    scores = [jnp.full(1, -1.0)]
    for (low, high), span in zip(gradient, spans, strict=True):
        below, above = jnp.nan_to_num(-low * span.lower), jnp.nan_to_num(-high * span.upper)
        gain = jnp.minimum(below, above) + _OTHER_SIDE * jnp.maximum(below, above)
        undecided = (span.lower < 0) & (span.upper > 0)
        scores.append(jnp.ravel(jnp.where(undecided, jnp.maximum(gain, 0.0) + _TIE * span.upper, -1.0)))
    flat = jnp.concatenate(scores)
    return jnp.where(jnp.max(flat) >= 0, jnp.argmax(flat) - 1, -1)


# A split counts by the side that gains less, and a little by the other; where none gains, by the size of the interval.
_OTHER_SIDE, _TIE = 0.1, 1e-12


def _bends(phases: Phases) -> list[tuple[Kink, Array]]:
    return list(zip(phases.kinks, phases.thresholds(), strict=True))


@eqx.filter_jit
def affine_pieces(margins: Margins, box: Box, root: list[Interval], signs: Any) -> Any:
    """The margins and the arguments of the kinks less their thresholds as affine functions `A x + b` of the input, for
    a batch of subdomains without open elements. Returns `A` and `b` of the rows, then of all elements."""
    phases = phases_of(margins, box, root)
    return jax.vmap(lambda one: _affine_piece(phases, box, one))(signs)


def _affine_piece(phases: Phases, box: Box, signs: Any) -> Any:
    still = [(jnp.zeros(k.variable.shape), jnp.zeros(k.variable.shape)) for k in phases.kinks]
    known, _ = phases.intervals(phases.split(signs.astype(box.lower.dtype)), still)
    relaxed = phases.backward(known, [jnp.zeros(k.variable.shape) for k in phases.kinks])

    def pieces(variable: Any) -> Any:
        relaxed.prepare(variable)
        size = math.prod(variable.shape)
        rows = jnp.eye(size, dtype=box.lower.dtype).reshape(size, *variable.shape)
        (slopes,), constants = each_row(lambda row: relaxed.linear(variable, row), rows, _ROWS_AT_ONCE)
        return slopes.reshape(size, -1), constants

    slopes, constants = [jnp.zeros((0, box.lower.size))], [jnp.zeros(0)]
    for kink, threshold in _bends(phases):
        slope, constant = pieces(kink.variable)
        slopes.append(slope)
        constants.append(constant - jnp.ravel(threshold))
    return *pieces(phases.graph.output), jnp.concatenate(slopes), jnp.concatenate(constants)
