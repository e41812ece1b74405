"""Deflated conjugate gradients: the smallest Ritz vectors are solved for directly.

With `W = [w_1 .. w_k]`, `E = W^T A W` and a preconditioner `M`, start from `x_0 + W E^-1 W^T r_0`, so that `W^T r = 0`,
and take conjugate gradients with

    z = (I - W E^-1 (A W)^T) M^-1 r

in the place of `M^-1 r`: the directions are conjugate to `W`, and the condition number is that of the rest.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_instance, check_integer
from ._krylov import Outcome, conjugate_gradients
from ._lanczos import ritz_pairs, tridiagonalize
from ._papers import DEFLATED_CG
from ._preconditioner import AbstractInverse, AbstractPreconditioner, Jacobi
from ._problem import SettledSystem
from ._solve import AbstractLinearSolver


class DeflatedPCG(AbstractLinearSolver):
    """Preconditioned conjugate gradients, deflated by Ritz vectors of the smallest Ritz values.

    The Ritz vectors are made for the operator, from a random start that is always the same. Worth its setup when
    there are many right sides.

    **Arguments:** `ritz`: number `k` of vectors; `lanczos_steps`: steps of Lanczos to find them; `preconditioner`: a
    symmetric one; `tol`: stops at `|r| <= tol |b|`; `max_steps`: largest number of iterations.

    **Returns:** a frozen method for `linalg.solve`.

    **Raises:** `ValueError` for numbers out of range or a preconditioner that is not symmetric; `TypeError` for what is
    no preconditioner.

    Source: Saad, Yeung, Erhel & Guyomarc'h 2000.

    >>> import numpy as np
    >>> from perturbax import linalg
    >>> system = linalg.LinearSystem(np.diag([1e-3, 1.0, 1.0, 1.0]), np.ones(4))
    >>> int(linalg.solve(system, linalg.DeflatedPCG(ritz=1, lanczos_steps=2)).iterations)
    1
    """

    ritz: int = 16
    lanczos_steps: int = 100
    preconditioner: AbstractPreconditioner = Jacobi()
    tol: float = 1e-6
    max_steps: int = 1000

    papers: ClassVar[tuple[Paper, ...]] = (DEFLATED_CG,)

    def __check_init__(self):
        check_integer("ritz", self.ritz, minimum=1)
        check_integer("lanczos_steps", self.lanczos_steps, minimum=self.ritz)
        check_instance("preconditioner", self.preconditioner, AbstractPreconditioner, "such as Jacobi()")
        if not self.preconditioner.symmetric:
            raise ValueError(f"preconditioner must be symmetric, got {type(self.preconditioner).__name__}")

    def prepare(self, system: SettledSystem) -> tuple[Any, dict[str, Any]]:
        steps = min(self.lanczos_steps, system.operator.size)
        start = system.project(jax.random.normal(jax.random.key(0), system.b.shape, system.b.dtype))
        W = _smallest(system, start, steps, min(self.ritz, steps))
        inverse = self.preconditioner.prepare(system.operator)
        return Deflated(inverse, W, jax.vmap(system.operator)(W)), {"setup_evaluations": steps + W.shape[0]}

    def iterate(self, system: SettledSystem, prepared: "Deflated") -> Outcome:
        r = system.b - system.operator(system.x0)
        system = eqx.tree_at(lambda s: s.x0, system, system.x0 + prepared.coarse(r))
        return conjugate_gradients(system, prepared, self.tol, self.max_steps)


class Deflated(AbstractInverse):
    """`r -> (I - W E^-1 (A W)^T) M^-1 r`."""

    inverse: AbstractInverse
    W: Float[Array, "k ..."]
    AW: Float[Array, "k ..."]

    def coarse(self, r: Array) -> Array:
        """`W E^-1 W^T r`."""
        return self._lifted(jnp.tensordot(self.W, r, r.ndim))

    def __call__(self, r: Array) -> Array:
        z = self.inverse(r)
        return z - self._lifted(jnp.tensordot(self.AW, z, z.ndim))

    def _lifted(self, right: Array) -> Array:
        k = self.W.shape[0]
        E = self.W.reshape(k, -1) @ self.AW.reshape(k, -1).T
        return jnp.tensordot(jnp.linalg.solve(E, right), self.W, 1)


def _smallest(system: SettledSystem, start: Array, steps: int, k: int) -> Float[Array, "k ..."]:
    """The Ritz vectors of the smallest positive Ritz values."""
    pairs = ritz_pairs(tridiagonalize(system.operator, start, steps))
    # Values below the rounding of the largest belong to no vector, or to the null space.
    real = pairs.values > 10.0 * jnp.finfo(start.dtype).eps * pairs.values[-1]
    order = jnp.argsort(jnp.where(real, pairs.values, jnp.inf))[:k]
    chosen = [int(i) for i in order if real[i]]
    return pairs.vectors[jnp.asarray(chosen)]
