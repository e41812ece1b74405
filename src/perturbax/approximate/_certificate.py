r"""A proved bound of the error of a program, by interval arithmetic on many small cells.

On a cell with the centre `m` and half its width `h`, the mean-value form of the error `e(x) = p(x) - f(x)` gives

    |e(x)| <= |e(m)| + h max |e'|

with `e'` from JAX and its range on the cell by interval arithmetic: the programs of `e` and `e'`, flattened to
primitives, are walked once, all cells at a time. The bound of `e` is divided by the least unit on the cell. Every
operation widens its interval by two numbers of float64 on each side, more than the error of the operations here; that
of elementary functions is taken to be as small. The bound is about programs in real arithmetic with the constants as
they are: rounding in float32 is what `Target.errors` measures.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core import MissingRuleError, Rules, check_instance, check_integer, flatten, float64, interpret
from ._program import Program
from ._target import Target

RULES = Rules("interval", "take errors on a grid instead: Target.error_of")


class Certificate(eqx.Module):
    """What `certify` proves: `|p - f| / unit <= bound` on the whole interval.

    - `bound`: infinite when nothing could be proved, as when a denominator's range contains 0 on a cell.
    - `sampled`: the largest error at the cells' centres, from below.
    - `cells`: how many.
    """

    bound: float
    sampled: float
    cells: int


def certify(program: Program, target: Target, *, cells: int = 2**14) -> Certificate:
    """Bound the error of a program on the whole interval of a target.

    **Arguments:** `program`; `target`: whose function is in JAX; `cells`: that the interval is divided into; more make
    the bound tighter.

    **Returns:** a `Certificate`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `MissingRuleError` for a primitive of the
    function that has no rule here.

    >>> from perturbax import approximate
    >>> target = approximate.Target(jnp.exp2, 0.0, 1.0)
    >>> found = approximate.certify(approximate.fit(target, approximate.Remez(2)).function, target)
    >>> f"{found.sampled:.3e}", f"{found.bound:.3e}"
    ('1.725e-03', '1.725e-03')
    """
    check_instance("program", program, Program, "a Program")
    check_instance("target", target, Target, "a Target(fn, lower, upper)")
    cells = check_integer("cells", cells, minimum=1)
    edges = np.linspace(target.lower, target.upper, cells + 1)
    centres = 0.5 * (edges[:-1] + edges[1:])
    half = np.nextafter(np.maximum(edges[1:] - centres, centres - edges[:-1]), np.inf)

    def both(x: Any) -> Any:
        y = target.fn(x)
        return program(x) - y, y

    def slopes(x: Any) -> Any:
        return jax.jvp(both, (x,), (jnp.ones_like(x),))[1]

    with float64():
        try:
            (error, _) = _ranges(both, centres, centres)
            (slope, f_slope) = _ranges(slopes, edges[:-1], edges[1:])
        except jax.errors.JAXTypeError as error:
            raise TypeError(f"fn must be a function in JAX to be proved about: {error}") from None
    at_centre = _size(error)
    absolute = np.nextafter(at_centre + half * _size(slope), np.inf)
    y = np.abs(target.truth(centres))
    smallest = y - half * _size(f_slope)
    with np.errstate(all="ignore"):
        unit = np.where(smallest > 0.0, target.unit.of(np.maximum(smallest, 1e-300)), 0.0)
        bound = np.where(absolute == 0.0, 0.0, absolute / unit)
    sampled = at_centre / target.units(target.truth(centres))
    worst = float(bound.max())
    return Certificate(worst if np.isfinite(worst) else float("inf"), float(sampled.max()), cells)


Interval = tuple[Array, Array]


def _ranges(f: Callable, lower: np.ndarray, upper: np.ndarray) -> list[Any]:
    """The ranges of the outputs of `f` on cells."""
    program = flatten(f, jax.ShapeDtypeStruct((), jnp.float64))
    known = interpret(program, RULES, [(jnp.asarray(lower), jnp.asarray(upper))])
    return [_interval(known.get(output, getattr(output, "value", None))) for output in program.outputs]


def _interval(value: Any) -> Interval:
    return value if isinstance(value, tuple) else (jnp.asarray(value), jnp.asarray(value))


def _size(interval: Interval) -> np.ndarray:
    """The largest absolute value; infinite where nothing is known."""
    size = np.maximum(*(np.abs(np.asarray(end)) for end in interval))
    return np.where(np.isnan(size), np.inf, size)


def _outward(lower: Array, upper: Array) -> list[Interval]:
    for _ in range(2):
        lower, upper = jnp.nextafter(lower, -jnp.inf), jnp.nextafter(upper, jnp.inf)
    return [(lower, upper)]


def _corners(a: Interval, b: Interval, apply: Callable) -> list[Interval]:
    values = [apply(x, y) for x in a for y in b]
    # An infinite end times 0 is no number, and then nothing is known.
    unknown = jnp.isnan(sum(values))
    low = jnp.minimum(jnp.minimum(values[0], values[1]), jnp.minimum(values[2], values[3]))
    high = jnp.maximum(jnp.maximum(values[0], values[1]), jnp.maximum(values[2], values[3]))
    return _outward(jnp.where(unknown, -jnp.inf, low), jnp.where(unknown, jnp.inf, high))


@RULES.register("add", "add_any")
def _add(_: Any, a: Any, b: Any) -> list[Interval]:
    (al, au), (bl, bu) = _interval(a), _interval(b)
    return _outward(al + bl, au + bu)


@RULES.register("sub")
def _sub(_: Any, a: Any, b: Any) -> list[Interval]:
    (al, au), (bl, bu) = _interval(a), _interval(b)
    return _outward(al - bu, au - bl)


@RULES.register("mul")
def _mul(_: Any, a: Any, b: Any) -> list[Interval]:
    return _corners(_interval(a), _interval(b), jnp.multiply)


@RULES.register("div")
def _div(_: Any, a: Any, b: Any) -> list[Interval]:
    low, high = _interval(b)
    through = (low <= 0.0) & (high >= 0.0)
    (found,) = _corners(_interval(a), (low, high), jnp.divide)
    return [(jnp.where(through, -jnp.inf, found[0]), jnp.where(through, jnp.inf, found[1]))]


@RULES.register("neg")
def _neg(_: Any, a: Any) -> list[Interval]:
    return [(-a[1], -a[0])]


@RULES.register("square")
def _square(_: Any, a: Any) -> list[Interval]:
    return _even(a, 2)


@RULES.register("integer_pow")
def _integer_pow(equation: Any, a: Any) -> list[Interval]:
    power = equation.params["y"]
    if power < 0:
        (inside,) = _even(a, -power) if power % 2 == 0 else _outward(a[0] ** -power, a[1] ** -power)
        return _div(equation, jnp.ones(()), inside)
    return _even(a, power) if power % 2 == 0 else _outward(a[0] ** power, a[1] ** power)


def _even(a: Interval, power: int) -> list[Interval]:
    ends = a[0] ** power, a[1] ** power
    inside = (a[0] <= 0.0) & (a[1] >= 0.0)
    return _outward(jnp.where(inside, 0.0, jnp.minimum(*ends)), jnp.maximum(*ends))


@RULES.register("pow")
def _pow(equation: Any, a: Any, b: Any) -> list[Interval]:
    """Powers of positive numbers; monotone in each argument, so that the corners are the extremes."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        raise MissingRuleError(f"no interval rule for a power of two variables at {equation.source}")
    low = _interval(a)[0]
    (found,) = _corners(_interval(a), _interval(b), jnp.power)
    return [(jnp.where(low > 0.0, found[0], -jnp.inf), jnp.where(low > 0.0, found[1], jnp.inf))]


def _increasing(*names: str) -> None:
    @RULES.register(*names)
    def rule(equation: Any, a: Any) -> list[Interval]:
        return _outward(*(equation.bind(end)[0] for end in a))


_increasing("exp", "exp2", "log", "log1p", "expm1", "tanh", "logistic", "sqrt", "erf", "sinh", "asinh", "atan", "cbrt")


@RULES.register("convert_element_type", "reshape", "broadcast_in_dim", "squeeze")
def _same(equation: Any, a: Any) -> list[Interval]:
    if any(shape for shape in (equation.outputs[0].shape,)):
        raise MissingRuleError(f"no interval rule for arrays at {equation.source}; fn must work on numbers")
    return [a]
