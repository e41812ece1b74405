"""The problem `A x = b`, and its settled form: everything on the device and in one precision."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax
import numpy as np
import scipy.sparse
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import cast, check_array, settle_arrays
from ._operator import AbstractOperator, Dense, LineaxOperator
from ._sparse import Sparse

# By how much b may leave the range of a singular operator, relative to its norm: the rounding of float32 data.
_CONSISTENT = 1e-5


class LinearSystem(eqx.Module):
    """The linear system `A x = b` with a symmetric positive (semi-)definite operator.

    **Arguments:**

    - `operator`: `Poisson`, `Sparse`, `MatrixFree`, an operator of Lineax, a sparse matrix of SciPy or a dense one.
    - `b`: of the shape of its vectors. Its precision is that of the solution: float64 is solved in float64.
    - `x0`: where to start, 0 by default.
    - `nullspace`: vectors that the operator maps to zero, shape `(k, *shape)`; that of `Poisson` is known. The
      solution is orthogonal to them.

    **Raises:** `TypeError`, `ValueError` for shapes or kinds that do not fit, or values that are not finite.

    >>> LinearSystem(np.diag([1.0, 2.0]), np.ones(2)).operator.shape
    (2,)
    """

    operator: AbstractOperator
    b: Any
    x0: Any = None
    nullspace: Any = None

    def __init__(self, operator: Any, b: Any, x0: Any = None, nullspace: Any = None):
        self.operator = as_operator(operator)
        shape = self.operator.shape
        self.b = check_array("b", b, shape=shape)
        self.x0 = None if x0 is None else check_array("x0", x0, shape=shape)
        self.nullspace = None
        if nullspace is not None:
            self.nullspace = check_array("nullspace", nullspace, shape=(None, *shape))

    def settle(self) -> "SettledSystem":
        """Arrays on the device in the precision that is switched on, `b` in the range of the operator.

        **Raises:** `ValueError` when `b` is not.
        """
        dtype = jnp.result_type(float)
        operator = settle_arrays(self.operator)
        basis = self.operator.nullspace() if self.nullspace is None else _orthonormal(self.nullspace)
        b = cast(self.b, dtype)
        x0 = jnp.zeros_like(b) if self.x0 is None else cast(self.x0, dtype)
        with jax.ensure_compile_time_eval():
            active = operator.active()
        system = SettledSystem(operator, b, x0, cast(basis, dtype), active)
        inside = system.project(b)
        _check_consistent(b, inside, system)
        return eqx.tree_at(lambda s: (s.b, s.x0), system, (inside, system.project(x0)))


class SettledSystem(eqx.Module):
    """The system as methods see it."""

    operator: AbstractOperator
    b: Array
    x0: Array
    basis: Float[Array, "k ..."]
    active: Any

    def project(self, x: Array) -> Array:
        """Zero where nothing is active, and orthogonal to the null space."""
        if self.active is not None:
            x = jnp.where(self.active, x, 0.0)
        if self.basis.shape[0]:
            x = x - jnp.tensordot(jnp.tensordot(self.basis, x, x.ndim), self.basis, 1)
        return x


def as_operator(value: Any) -> AbstractOperator:
    """An operator of this package made of what a user has.

    **Raises:** `TypeError`, `ValueError` for what is no square operator.
    """
    if isinstance(value, AbstractOperator):
        return value
    if isinstance(value, lineax.AbstractLinearOperator):
        return LineaxOperator(value)
    if scipy.sparse.issparse(value):
        return Sparse(value)
    if isinstance(value, jax.Array | np.ndarray):
        return Dense(value)
    raise TypeError(
        "operator must be an operator of perturbax.linalg or Lineax, a sparse matrix of SciPy or an array, "
        f"got {type(value).__name__}"
    )


def _orthonormal(vectors: Any) -> np.ndarray:
    flat = np.asarray(vectors, np.float64).reshape(len(vectors), -1)
    basis, triangle = np.linalg.qr(flat.T)
    if np.abs(np.diag(triangle)).min(initial=1.0) < 1e-8 * np.abs(triangle).max(initial=1.0):
        raise ValueError("nullspace must hold linearly independent vectors")
    return basis.T.reshape(np.shape(vectors))


def _check_consistent(b: Array, inside: Array, system: SettledSystem) -> None:
    if isinstance(inside, Tracer) or (system.active is None and not system.basis.shape[0]):
        return
    outside, norm = float(jnp.linalg.norm(b - inside)), float(jnp.linalg.norm(b))
    if outside > _CONSISTENT * norm:
        raise ValueError(
            "b must lie in the range of the operator (zero where it has no unknowns, and without a part in its null "
            f"space), got a part of norm {outside:.3g} of {norm:.3g} outside of it"
        )
