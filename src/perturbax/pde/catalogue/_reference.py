"""Computed reference solutions: integration in time to many digits, and functions that interpolate what it gave."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_MOST_STEPS = 1_000_000


class CosineSeries(eqx.Module):
    r"""$u(t, x) = \sum_{jk} c_{jk} T_j(2 t / T - 1) \cos k \pi x$ with Chebyshev's polynomials in time.

    **Arguments:** `coefficients`: $c$, one row for each polynomial; `end`: $T$.
    """

    coefficients: Float[Array | np.ndarray, "times modes"]
    end: Any

    def __call__(self, x: Float[Array, "2"], params: Any) -> Float[Array, ""]:
        times, modes = self.coefficients.shape
        s = 2.0 * x[0] / self.end - 1.0

        def following(pair: Any, _: Any) -> Any:
            # The recurrence can be differentiated at the ends, where cos(j arccos(s)) cannot.
            return (pair[1], 2.0 * s * pair[1] - pair[0]), pair[0]

        _, polynomials = jax.lax.scan(following, (jnp.ones_like(s), s), length=times)
        return polynomials @ self.coefficients @ jnp.cos(jnp.pi * jnp.arange(modes) * x[1])


class GridFunction(eqx.Module):
    r"""Cubic interpolation of values on equal grids, in time on one of $\sqrt{t / T}$, in which what begins with a jump
    is smooth.

    **Arguments:** `values`: at the nodes, time first; `lower`, `upper`: the corners of the box.
    """

    values: Float[Array | np.ndarray, "*nodes"]
    lower: Float[Array | np.ndarray, " d"]
    upper: Float[Array | np.ndarray, " d"]

    def __call__(self, x: Float[Array, " d"], params: Any) -> Float[Array, ""]:
        unit = (x - self.lower) / (self.upper - self.lower)
        unit = unit.at[0].set(jnp.sqrt(unit[0]))
        nodes = jnp.array(self.values.shape)
        at = unit * (nodes - 1)
        first = jnp.clip(jnp.floor(at).astype(jnp.int32) - 1, 0, nodes - 4)
        found = jax.lax.dynamic_slice(jnp.asarray(self.values), tuple(first), (4,) * len(x))
        for weights in _cubic(at - first):
            found = jnp.tensordot(weights, found, 1)
        return found


def integrate(rate: Callable, start: Any, times: np.ndarray, args: Any, tolerance: float) -> np.ndarray:
    """The states at some times, of which the first is the start, of `dy/dt = rate(t, y, args)`, in float64.

    **Arguments:** `rate`: a function of a module, so that it compiles once; `start`: `y` at the first time; `times`:
    increasing; `args`: what `rate` depends on; `tolerance`: of a step, relative to the largest `|y|`, 1 at least.

    **Returns:** `(times, *y.shape)`.

    **Raises:** `RuntimeError` when the steps become too many.
    """
    with jax.enable_x64(True):
        solved = _solve(rate, jnp.asarray(start), jnp.asarray(times), args, tolerance)
        return np.asarray(solved)


@eqx.filter_jit
def _solve(rate: Callable, start: Array, times: Array, args: Any, tolerance: float) -> Any:
    # Here, as importing the package would take longer for a reference that is in the cache already.
    import diffrax

    return diffrax.diffeqsolve(
        diffrax.ODETerm(rate),  # pyright: ignore[reportArgumentType]
        diffrax.Dopri8(),
        times[0],
        times[-1],
        None,
        start,
        args,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
        max_steps=_MOST_STEPS,
    ).ys


def chebyshev_times(count: int, end: float) -> np.ndarray:
    """The extrema of a Chebyshev polynomial on `[0, end]`, increasing."""
    return 0.5 * end * (1.0 - np.cos(np.pi * np.arange(count) / (count - 1)))


def chebyshev_coefficients(values: Float[np.ndarray, "times modes"]) -> Float[np.ndarray, "times modes"]:
    """The coefficients of the polynomials through values at `chebyshev_times`."""
    n = len(values) - 1
    j = np.arange(n + 1)
    weights = np.where((j == 0) | (j == n), 0.5, 1.0)
    # At the k-th of the times T_j is cos(j pi (1 - k / n)).
    matrix = np.cos(np.pi * np.outer(j, n - j) / n)
    return 2.0 / n * weights[:, None] * (matrix @ (weights[:, None] * values))


def _cubic(t: Float[Array, " d"]) -> Float[Array, "d 4"]:
    """The weights of Lagrange's interpolation from 0, 1, 2 and 3 to each number."""
    a, b, c, d = t, t - 1.0, t - 2.0, t - 3.0
    return jnp.stack([-b * c * d / 6.0, a * c * d / 2.0, -a * b * d / 2.0, a * b * c / 6.0], -1)
