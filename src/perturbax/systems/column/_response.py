"""The answer of a column without dispersion and without competition, in scaled time and length.

With `T = k_d (t - T0)` and `X = alpha k_a T0` every component obeys the same equations, whose Laplace transform is
elementary: `C(s) = C_in(s) exp(-X s / (s + 1))`. Inverted, a step at `T = 0` comes out as Goldstein's function

    J(X, T) = 1 - int_0^X exp(-T - xi) I_0(2 sqrt(xi T)) dxi,   T >= 0

(the probability that a noncentral chi-square variable with two degrees of freedom and noncentrality `2 T` exceeds
`2 X`), and an impulse as `exp(-X) delta(T) + sqrt(X/T) exp(-X - T) I_1(2 sqrt(X T))`. With `xi = y^2` the integrand is

    2 y exp(-(sqrt T - y)^2) i0e(2 y sqrt T),

a bell of width 1 at `y = sqrt T` that cannot overflow, so that a fixed number of nodes on it serves all `X`.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import i0e, i1e
from jaxtyping import Array, Float

# Of the bell, on either side of its middle: exp(-49) = 5e-22 is left.
_REACH = 7.0


def step_response(X: Any, T: Any, nodes: int = 64) -> Float[Array, "..."]:
    """Goldstein's `J(X, T)`: what leaves a column of the length `X` after a step at its inlet at `T = 0`.

    Works under `jit`, `vmap` and `grad`, in the precision of its arguments.

    **Arguments:** `X`: dimensionless length, > 0; `T`: dimensionless time, 0 before the gas arrives; shapes that
    broadcast. `nodes`: of Gauss and Legendre, on the part of the integrand that counts; 64 give 1e-13 in float64.

    **Returns:** values in [0, 1], 0 for `T < 0`.

    Source: Goldstein 1953; checked against the noncentral chi-square distribution.

    >>> round(float(step_response(2.0, 3.0)), 4)
    0.753
    """
    X, T = jnp.broadcast_arrays(jnp.asarray(X), jnp.asarray(T))
    return _step_response(X, T, nodes)


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _step_response(X: Array, T: Array, nodes: int) -> Float[Array, "..."]:
    arrived = T > 0.0
    root = jnp.sqrt(jnp.where(arrived, T, 1.0))
    low = jnp.maximum(root - _REACH, 0.0)
    high = jnp.clip(root + _REACH, low, jnp.maximum(jnp.sqrt(X), low))
    x, w = (jnp.asarray(array.astype(root.dtype)) for array in np.polynomial.legendre.leggauss(nodes))
    y = low[..., None] + (high - low)[..., None] * 0.5 * (1.0 + x)
    bell = 2.0 * y * jnp.exp(-((root[..., None] - y) ** 2)) * i0e(2.0 * y * root[..., None])
    value = 1.0 - 0.5 * (high - low) * (bell @ w)
    return jnp.where(arrived, value, jnp.where(T == 0.0, jnp.exp(-X), 0.0))


@_step_response.defjvp
def _derivative(nodes: int, values: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """`dJ/dX = -exp(-X - T) I_0(2 sqrt(X T))`, the end of the integral, and `dJ/dT`, the impulse response."""
    X, T = values
    safe = jnp.where(T > 0.0, T, 0.0)
    root = jnp.sqrt(jnp.where(T > 0.0, X * safe, 1.0))
    by_length = -jnp.exp(-X - safe + 2.0 * root) * i0e(2.0 * root)
    by_length = jnp.where(T > 0.0, by_length, jnp.where(T == 0.0, -jnp.exp(-X), 0.0))
    return _step_response(X, T, nodes), by_length * tangents[0] + impulse_response(X, T) * tangents[1]


def impulse_response(X: Any, T: Any) -> Float[Array, "..."]:
    """The smooth part of the answer to an impulse, `sqrt(X/T) exp(-X - T) I_1(2 sqrt(X T))`; `exp(-X) delta(T)` is left
    out.

    **Arguments:** `X`, `T`: as for `step_response`.

    **Returns:** values >= 0, 0 for `T < 0`.

    Source: the derivative of `step_response`; Goldstein 1953.

    >>> round(float(impulse_response(2.0, 3.0)), 4)
    0.122
    """
    X, T = jnp.broadcast_arrays(jnp.asarray(X), jnp.asarray(T))
    arrived = T > 0.0
    safe = jnp.where(arrived, T, 1.0)
    bell = jnp.exp(-((jnp.sqrt(X) - jnp.sqrt(safe)) ** 2)) * i1e(2.0 * jnp.sqrt(X * safe))
    return jnp.where(arrived, jnp.sqrt(X / safe) * bell, jnp.where(T == 0.0, X * jnp.exp(-X), 0.0))


def pulse_response(
    X: Float[Array, " m"],
    desorption: Float[Array, " m"],
    t: Float[Array, " n"],
    steps: tuple[Any, Any],
    nodes: int = 64,
) -> Float[Array, "m n"]:
    """The relative concentration that leaves a column of the lengths `X` at times `t` after the gas, in seconds, for a
    pulse made of `steps`: a sum of `step_response`.

    Works under `jit`, `vmap` and `grad`.

    >>> from perturbax.systems import column
    >>> steps = column.Rectangle(1.0).steps(1)
    >>> found = pulse_response(jnp.array([30.0]), jnp.array([0.5]), jnp.array([60.0]), steps)
    >>> round(float(found[0, 0]), 4)
    0.0257
    """
    # On the host first: a float64 array of NumPy would cache the trace under another type.
    times, heights = (jnp.asarray(a if isinstance(a, Array) else np.asarray(a, t.dtype)) for a in steps)

    def add(total: Any, step: Any) -> Any:
        begin, height = step
        return total + height * step_response(X[:, None], desorption[:, None] * (t - begin), nodes), None

    start = jnp.zeros((X.shape[0], t.shape[0]), t.dtype)
    return jax.lax.scan(add, start, (times, heights))[0]
