"""Preconditioners and splittings: an approximate inverse `M^-1` of an operator, for `PCG` and for `Stationary`.

With the diagonal `D` of `A` and its couplings `L` to earlier and `U` to later unknowns of an ordering,

    Jacobi   M = D
    SOR      M = D / omega + L
    SSOR     M = (D / omega + L) (D / omega)^-1 (D / omega + U) / (2 - omega)
"""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float, Int

from ..core import check_instance, check_number
from ._operator import AbstractOperator
from ._triangular import Triangle, in_levels, split


class AbstractInverse(eqx.Module):
    """`M^-1` for one operator: a linear function of residuals that can be compiled."""

    @abc.abstractmethod
    def __call__(self, r: Array) -> Array:
        """`M^-1 r`."""


class AbstractPreconditioner(eqx.Module):
    """How `M` is made of an operator."""

    @property
    def symmetric(self) -> bool:
        """Whether `M` is symmetric positive definite when `A` is, as conjugate gradients ask."""
        return True

    @abc.abstractmethod
    def prepare(self, operator: AbstractOperator) -> AbstractInverse:
        """`M^-1` for this operator."""


class Jacobi(AbstractPreconditioner):
    """The diagonal.

    >>> from perturbax import linalg
    >>> operator = linalg.MatrixFree(lambda x: 2.0 * x, (2,), jnp.full(2, 2.0))
    >>> linalg.Jacobi().prepare(operator)(jnp.ones(2)).tolist()
    [0.5, 0.5]
    """

    def prepare(self, operator: AbstractOperator) -> AbstractInverse:
        return _Scaled(1.0 / operator.diagonal())


class AbstractOrdering(eqx.Module):
    """In which order unknowns are swept."""

    @abc.abstractmethod
    def places(self, operator: AbstractOperator) -> Int[np.ndarray, " size"]:
        """The place of each unknown; coupled ones have different places."""


class Natural(AbstractOrdering):
    """The order of the unknowns in memory, also called lexicographic."""

    def places(self, operator: AbstractOperator) -> Int[np.ndarray, " size"]:
        return np.arange(operator.size)


class RedBlack(AbstractOrdering):
    """All unknowns of one colour after those of another; two colours on a grid, more for matrices that ask for them
    (multicolour ordering). The fastest one here: a sweep has as many steps as there are colours."""

    def places(self, operator: AbstractOperator) -> Int[np.ndarray, " size"]:
        return operator.colours()


class SOR(AbstractPreconditioner):
    """Successive over-relaxation; with `omega = 1` it is the method of Gauss and Seidel. Not symmetric.

    **Arguments:** `omega`: relaxation in (0, 2), which may be traced; `ordering`: `Natural()` or `RedBlack()`.

    **Raises:** `ValueError` when `omega` is out of range, `TypeError` for another ordering.

    Source: Young 1954, Iterative methods for solving partial difference equations of elliptic type.

    >>> from perturbax import linalg
    >>> operator = linalg.Dense(np.diag([2.0, 4.0]))
    >>> linalg.SOR(omega=1.0).prepare(operator)(jnp.ones(2)).tolist()
    [0.5, 0.25]
    """

    omega: Any = 1.5
    ordering: AbstractOrdering = Natural()

    def __check_init__(self):
        _check_sweep(self.omega, self.ordering)

    @property
    def symmetric(self) -> bool:
        return False

    def prepare(self, operator: AbstractOperator) -> AbstractInverse:
        return _Forward(_sweep(operator, self.omega, self.ordering))


class SSOR(AbstractPreconditioner):
    """Symmetric successive over-relaxation: a sweep forth and a sweep back; with `omega = 1` symmetric Gauss-Seidel.

    **Arguments:** `omega`: relaxation in (0, 2), which may be traced; `ordering`: `Natural()` or `RedBlack()`.

    **Raises:** `ValueError` when `omega` is out of range, `TypeError` for another ordering.

    Source: Axelsson 1994, Iterative Solution Methods.

    >>> from perturbax import linalg
    >>> operator = linalg.Dense(np.diag([2.0, 4.0]))
    >>> linalg.SSOR(omega=1.0).prepare(operator)(jnp.ones(2)).tolist()
    [0.5, 0.25]
    """

    omega: Any = 1.0
    ordering: AbstractOrdering = Natural()

    def __check_init__(self):
        _check_sweep(self.omega, self.ordering)

    def prepare(self, operator: AbstractOperator) -> AbstractInverse:
        return _ForthAndBack(_sweep(operator, self.omega, self.ordering))


class Sweep(eqx.Module):
    """Both triangles of an operator, and what is on its diagonal while it is swept."""

    lower: Triangle
    upper: Triangle
    diagonal: Float[Array, " size"]
    omega: Any

    def forward(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """`(D / omega + L)^-1 r`."""
        return self.lower.solve(self.diagonal / self.omega, r.reshape(-1)).reshape(r.shape)

    def backward(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """`(D / omega + U)^-1 r`."""
        return self.upper.solve(self.diagonal / self.omega, r.reshape(-1)).reshape(r.shape)


class _Scaled(AbstractInverse):
    factor: Array

    def __call__(self, r: Array) -> Array:
        return self.factor * r


class _Forward(AbstractInverse):
    sweep: Sweep

    def __call__(self, r: Array) -> Array:
        return self.sweep.forward(r)


class _ForthAndBack(AbstractInverse):
    sweep: Sweep

    def __call__(self, r: Array) -> Array:
        sweep = self.sweep
        middle = (sweep.diagonal * (2.0 - sweep.omega) / sweep.omega).reshape(r.shape)
        return sweep.backward(middle * sweep.forward(r))


def _check_sweep(omega: Any, ordering: Any) -> None:
    check_number("omega", omega, minimum=0.0, maximum=2.0, exclusive=True)
    check_instance("ordering", ordering, AbstractOrdering, "an ordering such as RedBlack()")


def _sweep(operator: AbstractOperator, omega: Any, ordering: AbstractOrdering) -> Sweep:
    return sweep_of(operator.couplings(), ordering.places(operator), operator.diagonal().reshape(-1), omega)


def sweep_of(couplings: scipy.sparse.csr_array, places: np.ndarray, diagonal: Array, omega: Any) -> Sweep:
    """A sweep of a matrix that is given by its parts."""
    diagonal = jnp.asarray(diagonal)
    lower, upper = (in_levels(part, diagonal.dtype) for part in split(couplings, places))
    return Sweep(lower, upper, diagonal, jnp.asarray(omega, diagonal.dtype))
