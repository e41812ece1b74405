r"""The constants of programs by iteratively re-weighted least squares, towards the smallest largest error.

With the error `r_j(c)` of a program at a point in units of the target, Levenberg's and Marquardt's method lowers
`sum_j w_j r_j^2`: first with equal weights, then with weights that grow where the error is large,

    w_j <- w_j (|r_j| / max |r|)^gamma,     not below 1e-12

Lawson's iteration has `gamma = 1`, for functions that are linear in their constants; for rationals 0.7 is stable. The
constants with the smallest largest error of all steps are kept.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core import check_integer, check_number
from ._interpreter import run

_SMALLEST_WEIGHT = 1e-12


class Lawson(eqx.Module):
    """A tuner of constants.

    **Arguments:** `steps`: with equal weights, and as many with growing ones; `points`: of the grid, denser at the
    ends; `gamma`: the exponent of the weights.

    **Raises:** `ValueError` for numbers out of range.

    Source: Lawson's iteration; the exponent was found by experiment.

    >>> Lawson(steps=10).evaluations
    20
    """

    steps: int = 12
    points: int = 40
    gamma: float = 0.7

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)
        check_integer("points", self.points, minimum=2)
        check_number("gamma", self.gamma, minimum=0.0, maximum=2.0)

    @property
    def evaluations(self) -> int:
        """Evaluations of each program, with derivatives."""
        return 2 * self.steps

    def grid(self, lower: float, upper: float) -> np.ndarray:
        """Chebyshev's extrema."""
        return lower + (upper - lower) * 0.5 * (1.0 - np.cos(np.pi * np.arange(self.points) / (self.points - 1)))

    def tune(self, code: Any, output: Any, constants: Any, x: Any, truth: Any, unit: Any) -> Array:
        """Better constants for programs, shape `(P, K)`; all arguments are arrays in float64 or integers."""
        return _tune(code, output, constants, x, truth, unit, self.gamma, self.steps)


@eqx.filter_jit
def _tune(
    code: Array, output: Array, constants: Array, x: Array, truth: Array, unit: Array, gamma: float, steps: int
) -> Array:
    def one(code: Array, output: Array, constants: Array) -> Array:
        def errors(c: Array) -> Array:
            r = (run(code, output, c, x) - truth) / unit
            return jnp.where(jnp.isfinite(r), r, 1e30)

        def step(state: tuple[Array, ...], gamma: Array) -> tuple[tuple[Array, ...], None]:
            c, r, w, damping, best_c, best = state
            largest = jnp.abs(r).max()
            w = jnp.maximum(w * (jnp.abs(r) / largest) ** gamma, _SMALLEST_WEIGHT)
            w = w / w.sum()
            J = jax.jacfwd(errors)(c)
            J = jnp.where(jnp.isfinite(J), J, 0.0)
            A = J.T @ (w[:, None] * J)
            # Constants that are not used have no derivative; the last term keeps the matrix regular.
            scale = jnp.diag(A)
            A = A + jnp.diag(damping * scale + jnp.where(scale > 0.0, 1e-14 * scale, 1.0))
            new_c = c - jnp.linalg.solve(A, J.T @ (w * r))
            new_r = errors(new_c)
            better = jnp.sum(w * new_r**2) < jnp.sum(w * r**2)
            c, r = jnp.where(better, new_c, c), jnp.where(better, new_r, r)
            damping = jnp.clip(jnp.where(better, 0.2 * damping, 5.0 * damping), 1e-14, 1e8)
            largest = jnp.abs(r).max()
            best_c = jnp.where(largest < best, c, best_c)
            return (c, r, w, damping, best_c, jnp.minimum(best, largest)), None

        r = errors(constants)
        w = jnp.full_like(r, 1.0 / r.size)
        start = (constants, r, w, jnp.asarray(1e-2, r.dtype), constants, jnp.abs(r).max())
        exponents = jnp.where(jnp.arange(2 * steps) < steps, 0.0, gamma)
        state, _ = jax.lax.scan(step, start, exponents)
        return state[4]

    return jax.vmap(one)(code, output, constants)
