"""Stationary iterations: Jacobi's, Gauss and Seidel's, SOR, SSOR, or any preconditioner by itself.

    x <- x + M^-1 (b - A x)

converges when the spectral radius of `I - M^-1 A` is below 1. For `A = D + L + U` with `D = diag(A)`, `M = D` is
Jacobi's iteration and `M = D / omega + L` is SOR, which for symmetric positive definite `A` converges for every
`omega` in (0, 2). On consistently ordered matrices with the spectral radius `mu` of Jacobi's iteration the best is
`omega = 2 / (1 + sqrt(1 - mu^2))` (Young 1954).
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper, check_instance
from ._krylov import Outcome, begin, outcome
from ._papers import SOR as SOR_PAPER
from ._preconditioner import SOR, AbstractPreconditioner
from ._problem import SettledSystem
from ._solve import AbstractLinearSolver


class Stationary(AbstractLinearSolver):
    """The iteration of a splitting: `Stationary(SOR(omega))`, `Stationary(Jacobi())`, `Stationary(SSOR(omega))`.

    Also known as Richardson's iteration with a preconditioner. Conjugate gradients with the same symmetric
    preconditioner are always faster; this one also takes operators that are not symmetric, and counts iterations of
    smoothers.

    **Arguments:** `splitting`: how `M` is made; `tol`: stops at `|r| <= tol |b|`; `max_steps`: largest number of
    iterations; `history`: keep all norms of residuals, not only the first and the last, which are enough in a large
    batch.

    **Returns:** a frozen method for `linalg.solve`.

    **Raises:** `ValueError` for numbers out of range, `TypeError` for another splitting.

    Source: Young 1954.

    >>> import numpy as np
    >>> from perturbax import linalg
    >>> system = linalg.LinearSystem(np.array([[2.0, -1.0], [-1.0, 2.0]]), np.ones(2))
    >>> linalg.solve(system, linalg.Stationary(linalg.SOR(omega=1.0))).x.round(3).tolist()
    [1.0, 1.0]
    """

    splitting: AbstractPreconditioner = SOR()
    tol: float = 1e-6
    max_steps: int = 10_000
    history: bool = True

    papers: ClassVar[tuple[Paper, ...]] = (SOR_PAPER,)

    def __check_init__(self):
        check_instance("splitting", self.splitting, AbstractPreconditioner, "a splitting such as SOR(omega=1.5)")

    @property
    def needs_symmetric(self) -> bool:
        return False

    def prepare(self, system: SettledSystem) -> tuple[Any, dict[str, Any]]:
        return self.splitting.prepare(system.operator), {}

    def iterate(self, system: SettledSystem, prepared: Any) -> Outcome:
        return _iterate(system, prepared, jnp.asarray(self.tol, system.b.dtype), self.max_steps, self.history)


@eqx.filter_jit
def _iterate(system: SettledSystem, inverse: Any, tol: Array, max_steps: int, history: bool) -> Outcome:
    r, goal, x = begin(system, tol)
    norm = jnp.linalg.norm(r)
    last = max_steps if history else 1
    norms = jnp.full(last + 1, jnp.nan, r.dtype).at[0].set(norm)

    def unfinished(carry: Any) -> Any:
        k, _, _, _, norm = carry
        return (k < max_steps) & (norm > goal) & jnp.isfinite(norm)

    def step(carry: Any) -> Any:
        k, x, r, norms, _ = carry
        x = x + system.project(inverse(r))
        r = system.project(system.b - system.operator(x))
        norm = jnp.linalg.norm(r)
        return k + 1, x, r, norms.at[jnp.minimum(k + 1, last)].set(norm), norm

    start = (jnp.zeros((), jnp.int32), x, r, norms, norm)
    k, x, _, norms, norm = jax.lax.while_loop(unfinished, step, start)
    stats = {"evaluations": k + 1, "proposals": k}
    return Outcome(x, norms, k, outcome(norm, norm, goal, jnp.array(True)), stats)
