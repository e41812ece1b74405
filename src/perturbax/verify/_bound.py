"""`bound`: what a function can be on a set. The verb, its solution and the base of its methods."""

import abc
import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import Method, check_array, check_instance
from ._backward import both_signs
from ._graph import Graph, is_set, trace
from ._sets import Ball, Interval


class LinearBounds(eqx.Module):
    """`<A_l, x> + b_l <= f(x) <= <A_u, x> + b_u` on the set.

    - `lower_coefficients`, `upper_coefficients`: trees like the inputs with an array in the place of each set, of the
      output's shape followed by the set's; `None` for what is no set.
    - `lower_constant`, `upper_constant`: of the output's shape.
    """

    lower_coefficients: Any
    lower_constant: Array
    upper_coefficients: Any
    upper_constant: Array


class Bounds(eqx.Module):
    """What `bound` returns.

    - `lower`, `upper`: of the shape of what `f` returns, or `(rows,)` with a specification; a leading axis when
      `batched`.
    - `linear`: the `LinearBounds` that they are the extremes of, `None` for methods without.
    - `intermediate`: the intervals that the relaxations stand on, in the order of the program.
    - `stats`: `"evaluations"`, the rows that were propagated backward for each instance (1 for a forward pass).
    """

    lower: Float[Array, "..."]
    upper: Float[Array, "..."]
    linear: LinearBounds | None
    intermediate: tuple[Interval, ...]
    stats: dict[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """What a method found for a graph and rows `C`.

    **Arguments:** `lower`: bounds of `<C, f>` from below, shape `(rows,)`; `coefficients` for each set and `constants`
    of the linear functions that they are the least values of, or `None`; `known`: intervals of all variables;
    `evaluations`.
    """

    lower: Array
    coefficients: tuple[Array, ...] | None
    constants: Array | None
    known: dict[Any, Any]
    evaluations: int


class AbstractBoundMethod(Method):
    """A method of `verify.bound`. Everything it does is pure and is compiled."""

    @abc.abstractmethod
    def intervals(self, graph: Graph) -> tuple[dict[Any, Any], int]:
        """Intervals of all variables that vary and values of all others, and the rows that it took."""

    @abc.abstractmethod
    def propagate(self, graph: Graph, rows: Array) -> Outcome:
        """Lower bounds of rows of the output."""


def bound(
    f: Any,
    inputs: Any,
    method: Any,
    *,
    specification: Any = None,
    batched: bool = False,
) -> Bounds:
    """Bound `f` on sets of inputs, or of any arrays that it is given: `lower <= f(x) <= upper` for every `x` in them.

    Differentiable in the sets, in the arrays of `f` and in the other inputs. It is compiled once for each `f` and
    shapes; a module such as `nn.MLP`, whose arrays are arguments, is one `f` whatever its arrays hold.

    The bounds hold up to the rounding errors of the precision that is switched on.

    **Arguments:**

    - `f`: a function of one argument in JAX, with one floating array as value. Loops of fixed length are unrolled.
    - `inputs`: that argument, a tree of arrays, with an `AbstractInputSet` such as `Box` in the place of each array
      that is perturbed.
    - `method`: such as `IBP()` or `CROWN()`.
    - `specification`: rows `C`, shape `(rows, *output)`; `<C, f>` is bounded in the place of `f`. Margins are the
      rows of `verify.margins`.
    - `batched`: the arrays of the sets, and the specification, have a leading axis of instances; `f` takes one.

    **Returns:** `Bounds`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit, among them a logarithm, root or quotient on a
    set that reaches beyond its domain, with the line; `MissingRuleError` for a primitive without a rule.

    >>> from perturbax import verify
    >>> found = verify.bound(lambda x: jnp.maximum(x, 0.0).sum(), verify.Box(-np.ones(2), np.ones(2)), verify.CROWN())
    >>> float(found.lower), float(found.upper)
    (0.0, 2.0)
    """
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")
    check_instance("method", method, AbstractBoundMethod, "a method such as CROWN()")
    inputs = settle(inputs)
    sizes = {a.shape[0] for s in sets_of(inputs) for a in jax.tree.leaves(s) if a.ndim} if batched else set()
    if len(sizes) > 1:
        raise ValueError(f"inputs must have one leading axis of instances when batched, got sizes {sorted(sizes)}")
    for region in sets_of(inputs):
        if isinstance(region, Ball) and np.ndim(region.radius) > batched:
            raise ValueError(
                f"radius must be a number{', or one for each instance' * batched}, got an array of shape "
                f"{np.shape(region.radius)}; a Box has a width for each element"
            )
    if specification is not None:
        specification = _cast(check_array("specification", specification))
    found, undefined = _bound(f, inputs, method, specification, batched)
    _raise_if_undefined(undefined)
    return found


def margins(label: Any, classes: int) -> np.ndarray | Array:
    """The specification whose rows are `f[label] - f[other]`: all positive proves the label.

    **Arguments:** `label`: an integer, or several, shape `(n,)`; `classes`: their number.

    **Returns:** shape `(classes - 1, classes)`, with a leading axis for several labels.

    **Raises:** `ValueError` for labels outside of the range.

    >>> margins(1, 3).tolist()
    [[-1.0, 1.0, 0.0], [0.0, 1.0, -1.0]]
    """
    label = np.asarray(check_array("label", label, kind="integer"))
    if label.min() < 0 or label.max() >= classes:
        raise ValueError(f"label must be in [0, {classes}), got {label.min()} to {label.max()}")
    others = np.arange(classes - 1) + (np.arange(classes - 1) >= label[..., None])
    eye = np.eye(classes, dtype=np.float32)
    return eye[label][..., None, :] - eye[others]


def sets_of(inputs: Any) -> list[Any]:
    """The sets in a tree of inputs."""
    return [leaf for leaf in jax.tree.leaves(inputs, is_leaf=is_set) if is_set(leaf)]


def settle(inputs: Any) -> Any:
    """Inputs with at least one set, and all floating arrays in the precision that is switched on."""
    if not sets_of(inputs):
        raise TypeError(f"inputs must contain a set such as verify.Box(lower, upper), got {type(inputs).__name__}")
    return jax.tree.map(_cast, inputs)


def _cast(leaf: Any) -> Any:
    # NumPy's arrays on the host: JAX 0.10 caches traces under the dtype that came.
    if isinstance(leaf, np.ndarray) and np.issubdtype(leaf.dtype, np.floating):
        return leaf.astype(jax.dtypes.canonicalize_dtype(np.float64))
    return leaf


@eqx.filter_jit
def _bound(f: Any, inputs: Any, method: Any, specification: Any, batched: bool) -> tuple[Bounds, Any]:
    def one(inputs: Any, specification: Any) -> tuple[Bounds, Any]:
        return _bound_one(f, inputs, method, specification)

    if not batched:
        return one(inputs, specification)
    axes = jax.tree.map(lambda leaf: jax.tree.map(_batch_axis, leaf) if is_set(leaf) else None, inputs, is_leaf=is_set)
    return eqx.filter_vmap(one, in_axes=(axes, None if specification is None else 0))(inputs, specification)


def _batch_axis(array: Any) -> int | None:
    return 0 if array.ndim else None


def _bound_one(f: Any, inputs: Any, method: Any, specification: Any) -> tuple[Bounds, Any]:
    def specified(x: Any) -> Any:
        y = f(x)
        return y if specification is None else jnp.tensordot(specification, y, jnp.ndim(y))

    graph = trace(specified, inputs)
    shape = graph.output.shape
    outcome = method.propagate(graph, both_signs(graph.output))
    # The upper bound of an element is minus the lower bound of minus the element.
    # Where an infinite interval met its opposite nothing is known.
    halves = jnp.where(jnp.isnan(outcome.lower), -jnp.inf, outcome.lower).reshape(2, *shape)
    lower, negative = halves[0], halves[1]
    linear = None
    if outcome.coefficients is not None and outcome.constants is not None:
        both = [c.reshape(2, *shape, *c.shape[1:]) for c in outcome.coefficients]
        constants = outcome.constants.reshape(2, *shape)
        below, above = (_like(inputs, [c[0] for c in both]), _like(inputs, [0.0 - c[1] for c in both]))
        linear = LinearBounds(below, constants[0], above, 0.0 - constants[1])
    intermediate = tuple(outcome.known[variable] for variable in graph.targets())
    stats = {"evaluations": outcome.evaluations}
    return Bounds(lower, 0.0 - negative, linear, intermediate, stats), _undefined(graph, outcome)


def _like(inputs: Any, coefficients: Any) -> Any:
    given = iter(coefficients)
    return jax.tree.map(lambda leaf: next(given) if is_set(leaf) else None, inputs, is_leaf=is_set)


# Primitives that are not defined everywhere.
_PARTIAL = {"div", "integer_pow", "log", "log1p", "pow", "rsqrt", "sqrt"}


def _undefined(graph: Graph, outcome: Outcome) -> dict[str, Array]:
    """For each equation that may be undefined whether it was, where its operands were bounded."""
    found = {}
    for equation in graph.program.equations:
        power = equation.name == "integer_pow" and equation.params["y"] > 0
        if equation.varying and equation.name in _PARTIAL and not power:
            inside = [outcome.known[v] for v in equation.inputs if v.varying]
            bounded = jnp.array([jnp.isfinite(i.lower).all() & jnp.isfinite(i.upper).all() for i in inside]).all()
            y = outcome.known[equation.outputs[0]]
            found[f"{equation.name} at {equation.source}"] = bounded & ~(
                jnp.isfinite(y.lower).all() & jnp.isfinite(y.upper).all()
            )
    return found


def _raise_if_undefined(undefined: dict[str, Any]) -> None:
    for where, flag in undefined.items():
        if not isinstance(flag, Tracer) and bool(np.any(np.asarray(flag))):
            raise ValueError(
                f"{where} is not bounded on these inputs: its operand reaches a point where it is not defined. Take "
                "smaller sets, a method with tighter bounds, or add a positive constant to the operand"
            )
