"""Jets: the value and the derivatives of a field at a point, and how they are found.

A multi-index is a sorted tuple of axes: `()` is the value, `(0, 0)` the second derivative along axis 0, `(0, 1)` a
mixed one. What a residual asks for is discovered once, by running it abstractly on a `Recorder`; then every
representation computes exactly that: networks by forward-mode differentiation, others in closed form or on grids.

By differentiation each multi-index that is no part of another is one tower of nested Jacobian-vector products, which
gives all of its parts too. Many pure second derivatives (a Laplacian in many dimensions) are one tower, mapped over the
axes, in which what does not depend on the axis is computed once.
"""

import abc
from collections.abc import Callable, Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_integer

Index = tuple[int, ...]

# Up to this number separate towers are faster, for gradients by half (measured, 8 axes, two layers of 64); more of them
# take long to compile.
_MAPPED = 16


class AbstractJet(eqx.Module):
    """Value and derivatives of a field with `m` components at a point with `dimension` axes."""

    @abc.abstractmethod
    def read(self, index: Index) -> Float[Array, " m"]:
        """The derivative of a sorted multi-index."""

    @property
    def count(self) -> int:
        """The number of axes."""
        jet: Any = self
        return jet.dimension

    @property
    def value(self) -> Float[Array, " m"]:
        """The value, `(m,)`."""
        return self.read(())

    def d(self, *axes: int) -> Float[Array, " m"]:
        """A derivative, `(m,)`: `d(0)`, `d(0, 0)`, `d(0, 1)`; the order does not matter."""
        return self.read(settle_index(axes, self.count))

    @property
    def grad(self) -> Float[Array, "m dimension"]:
        """All first derivatives, `(m, dimension)`."""
        return jnp.stack([self.d(axis) for axis in range(self.count)], -1)

    def laplacian(self, axes: Iterable[int] | None = None) -> Float[Array, " m"]:
        """The sum of the second derivatives along some axes, along all of them by default, `(m,)`."""
        along = range(self.count) if axes is None else axes
        return jnp.sum(jnp.stack([self.d(axis, axis) for axis in along]), 0)


class Jet(AbstractJet):
    """A jet from known derivatives.

    **Arguments:** `values`: an array `(m,)` for each multi-index; `dimension`: the number of axes.

    >>> Jet({(): jnp.ones(1), (0, 0): jnp.array([-2.0])}, 2).d(0, 0).item()
    -2.0
    """

    values: dict[Index, Any]
    dimension: int = eqx.field(static=True)

    def read(self, index: Index) -> Float[Array, " m"]:
        if index not in self.values:
            raise ValueError(f"the derivative {index} was not asked for when the problem was made")
        return self.values[index]


class Recorder(AbstractJet):
    """A jet that notes what is asked of it."""

    dimension: int = eqx.field(static=True)
    zero: Any
    asked: set = eqx.field(static=True)

    def read(self, index: Index) -> Float[Array, " m"]:
        self.asked.add(index)
        return self.zero


class AbstractClosedForm(eqx.Module):
    """A pointwise function that knows its derivatives better than differentiation does."""

    @abc.abstractmethod
    def __call__(self, x: Float[Array, " dimension"]) -> Float[Array, " m"]:
        """The value at a point."""

    @abc.abstractmethod
    def derivatives(self, x: Float[Array, " dimension"], indices: tuple[Index, ...]) -> dict[Index, Any]:
        """The derivatives of some multi-indices at a point."""


def jet(u: Callable, x: Float[Array, " dimension"], indices: Iterable[Index]) -> Jet:
    """The jet of a function at a point.

    **Arguments:** `u`: from a point `(dimension,)` to `(m,)`; one that knows its derivatives (`AbstractClosedForm`) is
    asked for them; `x`: the point; `indices`: the multi-indices that are wanted.

    **Returns:** a `Jet`. Works under `jit`, `vmap` (over points) and `grad` (with respect to parameters of `u`).

    **Raises:** `ValueError` for an axis that is not there.

    >>> there = jet(lambda x: (x[:1] ** 2) * x[1:], jnp.array([3.0, 2.0]), [(0, 0), (0, 1)])
    >>> there.d(0, 0).item(), there.d(1, 0).item()
    (4.0, 6.0)
    """
    dimension = x.shape[-1]
    wanted = tuple(sorted({settle_index(index, dimension) for index in indices}))
    found = u.derivatives(x, wanted) if isinstance(u, AbstractClosedForm) else automatic(u, x, wanted)
    return Jet({index: found[index] for index in wanted}, dimension)


def automatic(u: Callable, x: Float[Array, " dimension"], indices: tuple[Index, ...]) -> dict[Index, Any]:
    """The derivatives of sorted multi-indices by nested Jacobian-vector products."""
    pure = [index[0] for index in indices if len(index) == 2 and index[0] == index[1]]
    found: dict[Index, Any] = {}
    if len(pure) > _MAPPED:
        basis = jnp.eye(x.shape[-1], dtype=x.dtype)[jnp.array(pure)]
        value, first, second = jax.vmap(lambda v: _twice(u, x, v), out_axes=(None, 0, 0))(basis)
        found = {(): value}
        found |= {(axis,): first[k] for k, axis in enumerate(pure)}
        found |= {(axis, axis): second[k] for k, axis in enumerate(pure)}
    for index in sorted(indices, key=len, reverse=True):
        if index not in found:
            found |= _tower(u, x, index)
    return found


def discover(
    function: Callable, dimension: int, fields: int, jets: int = 1
) -> tuple[Any, tuple[tuple[Index, ...], ...]]:
    """What a function of jets asks of each of them.

    **Arguments:** `function`: `function(x, jets)` with a tuple of jets; `dimension`, `fields`: of the point and of the
    jets; `jets`: how many.

    **Returns:** the shape of its answer, and the sorted multi-indices of each jet.
    """
    asked: tuple[set, ...] = tuple(set() for _ in range(jets))

    def record(x: Any) -> Any:
        # Of `x`, so that a residual that branches on a value fails here, as it would later.
        zero = jnp.zeros(fields) + 0.0 * x[0]
        return function(x, tuple(Recorder(dimension, zero, some) for some in asked))

    answer = jax.eval_shape(record, jax.ShapeDtypeStruct((dimension,), jnp.result_type(float)))
    return answer, tuple(tuple(sorted(some)) for some in asked)


def settle_index(axes: Iterable[int], dimension: int) -> Index:
    """A multi-index as a sorted tuple of axes that are there."""
    return tuple(sorted(check_integer("axes", axis, minimum=0, maximum=dimension - 1) for axis in axes))


def _tower(u: Callable, x: Array, index: Index) -> dict[Index, Any]:
    """The derivatives of a multi-index and of all its parts."""

    def extended(f: Callable, axis: int) -> Callable:
        direction = jnp.zeros(x.shape, x.dtype).at[axis].set(1.0)

        def along(y: Array) -> dict[Index, Any]:
            values, tangents = jax.jvp(f, (y,), (direction,))
            return values | {tuple(sorted((*part, axis))): tangent for part, tangent in tangents.items()}

        return along

    f: Callable = lambda y: {(): u(y)}  # noqa: E731
    for axis in index:
        f = extended(f, axis)
    return f(x)


def _twice(u: Callable, x: Array, direction: Array) -> tuple[Array, Array, Array]:
    def once(y: Array) -> tuple[Array, Array]:
        return jax.jvp(u, (y,), (direction,))

    (value, first), (_, second) = jax.jvp(once, (x,), (direction,))
    return value, first, second
