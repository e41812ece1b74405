"""Random nets `f_n(x) = n^(-1/2) sum_i c_i s(a_i.x - b_i)` with hidden weights that stay as they were drawn, and their
fits for several bandwidths in one compiled program.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import Result, check_integer, check_number, float64
from ._data import ScatteredData
from ._draw import AbstractDraw
from ._fit import Approximation, Candidates
from ._readout import AbstractReadout, Solved


class RandomFeatures(eqx.Module):
    """A random net with its output layer.

    Outside of transformations it is computed in float64 and gives NumPy arrays; inside of `eqx.filter_jit`, `vmap` and
    `grad` in the precision of its argument.

    **Arguments:** `a`, shape `(n, m)`; `b`, shape `(n,)`; `c`, shape `(n, k)`; `activation`: from arrays to arrays.

    >>> net = RandomFeatures(np.ones((1, 1)), np.zeros(1), np.ones((1, 1)), jnp.cos)
    >>> net(np.zeros((2, 1))).tolist()
    [[1.0], [1.0]]
    """

    a: Float[np.ndarray, "n m"]
    b: Float[np.ndarray, " n"]
    c: Float[np.ndarray, "n k"]
    activation: Callable = eqx.field(static=True)

    def __call__(self, x: Any) -> Any:
        if isinstance(x, Tracer):
            a, b, c = (jnp.asarray(p, x.dtype) for p in (self.a, self.b, self.c))
            return _net(x, a, b, c, self.activation)
        with float64():
            parameters = (jnp.asarray(p, jnp.float64) for p in (x, self.a, self.b, self.c))
            return np.asarray(_compiled_net(*parameters, self.activation))


def hidden(x: Float[Array, "N m"], a: Float[Array, "n m"], b: Float[Array, " n"], activation: Callable) -> Array:
    """The features `n^(-1/2) s(a_i.x - b_i)`, shape `(N, n)`."""
    return activation(x @ a.T - b) / a.shape[0] ** 0.5


def _net(x: Array, a: Array, b: Array, c: Array, activation: Callable) -> Array:
    return hidden(x, a, b, activation) @ c


_compiled_net = jax.jit(_net, static_argnums=4)


def settle_bandwidth(bandwidth: Any) -> tuple[float, ...]:
    """One bandwidth or several as a tuple of positive numbers."""
    several = isinstance(bandwidth, tuple | list)
    if several and not bandwidth:
        raise ValueError("bandwidth must be a positive number or several, got none")
    return tuple(
        check_number("bandwidth", value, minimum=0.0, exclusive=True)
        for value in (bandwidth if several else (bandwidth,))
    )


def check_features(width: Any, bandwidth: Any, activation: Any) -> None:
    """The hyper-parameters that random nets share."""
    check_integer("width", width, minimum=1)
    settle_bandwidth(bandwidth)
    if not callable(activation):
        raise TypeError(f"activation must be a function such as jax.nn.sigmoid, got {type(activation).__name__}")


def fit_features(
    problem: ScatteredData,
    key: Any,
    *,
    width: int,
    bandwidths: tuple[float, ...],
    draw: AbstractDraw,
    activation: Callable,
    readout: AbstractReadout,
) -> Approximation:
    """Fits for all bandwidths with the same uniform numbers, of which the one with the least score is taken."""
    with float64():
        x, y = (jnp.asarray(part) for part in (problem.unit(problem.x), problem.y))
        a, b, solved = _fit_all(key, x, y, jnp.asarray(bandwidths), draw, readout, width, activation)
        a, b, solved = jax.tree.map(np.asarray, (a, b, solved))
    functions = tuple(
        RandomFeatures(*parts, activation=activation) for parts in zip(a, b, solved.coefficients, strict=True)
    )
    best = int(np.argmin(np.nan_to_num(solved.score, nan=np.inf)))
    c = solved.coefficients[best]
    stats = {
        "evaluations": len(bandwidths),
        "bandwidth": bandwidths[best],
        "rank": float(solved.rank[best]),
        "largest_coefficient": float(np.abs(c).max()),
    }
    candidates = Candidates(np.asarray(bandwidths), solved.score, solved.residual, solved.rank, functions)
    result = Result.successful if np.isfinite(c).all() else Result.nonfinite
    return Approximation(functions[best], problem, float(solved.residual[best]), candidates, result, stats)


@eqx.filter_jit
def _fit_all(
    key: Array,
    x: Array,
    y: Array,
    bandwidths: Array,
    draw: AbstractDraw,
    readout: AbstractReadout,
    width: int,
    activation: Callable,
) -> tuple[Array, Array, Solved]:
    def one(bandwidth: Array) -> tuple[Array, Array, Solved]:
        a, b = draw(key, width, bandwidth, x, y)
        return a, b, readout.solve(hidden(x, a, b, activation), y)

    return jax.lax.map(one, bandwidths)
