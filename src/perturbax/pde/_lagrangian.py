"""The energy of a problem as a pointwise function `L(x, u, p)` of a value and a gradient, and its derivatives.

    E(u) = int L(x, u, grad u) dx,    DE(u) = -div L_p(x, u, grad u) + L_u(x, u, grad u)

The source is a part of `L`. Where `m |w|^2 <= (w, q) D2L (w, q) <= M |w, q|^2` for all values along a path, the second
derivative of `E` lies between `m` and `M` in the norm of H1.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ._conditions import Dirichlet, Periodic
from ._domain import Box
from ._jet import AbstractJet, Index, discover
from ._problem import PDEProblem

Density = Callable[[Any, Array, Array], Array]


class FirstJet(AbstractJet):
    """A jet from a scalar value and a gradient."""

    dimension: int
    u: Array
    p: Array

    def read(self, index: Index) -> Array:
        if len(index) > 1:
            raise ValueError(f"energy must ask for the value and first derivatives only, it asks for {index}")
        return self.p[slice(index[0], index[0] + 1)] if index else self.u[None]

    @property
    def grad(self) -> Array:
        return self.p[None]


def density(problem: PDEProblem) -> Density:
    """`L(x, u, p)`."""
    energy, coefficients, d = problem.energy, problem.coefficients, problem.dimension
    assert energy is not None

    def at(x: Any, u: Array, p: Array) -> Array:
        return jnp.asarray(energy(x, FirstJet(d, u, p), coefficients)).reshape(())

    return at


def slopes(problem: PDEProblem) -> Callable[..., tuple[Array, Array]]:
    """`(L_u, L_p)` at `(x, u, p)`."""
    return jax.grad(density(problem), (1, 2))


def curvatures(problem: PDEProblem) -> Callable[..., Array]:
    """The second derivatives of `L` with respect to `(u, p)`, `(1 + d, 1 + d)`."""
    at = density(problem)

    def packed(x: Any, w: Array) -> Array:
        return at(x, w[0], w[1:])

    return lambda x, u, p: jax.hessian(packed, 1)(x, jnp.concatenate([u[None], p]))


def check_variational(problem: PDEProblem) -> bool:
    """Whether a problem is periodic; else it is zero on the boundary.

    **Raises:** `ValueError` when it has no energy of one field without unknowns on a box without time, or other
    conditions.
    """
    if problem.energy is None:
        raise ValueError("problem must have an energy, got none; a residual alone does not say what is minimised")
    for name, wrong, wanted in (
        ("fields", problem.fields != 1, "1 for an energy"),
        ("unknown", bool(problem.unknown), "empty for an energy"),
        ("lift", problem.lift is not None, "None: conditions are met by the waves"),
        ("domain", not isinstance(problem.domain, Box) or problem.domain.time_axis is not None, "a Box without time"),
    ):
        if wrong:
            raise ValueError(f"{name} of the problem must be {wanted}")

    def asked(x: Any, jets: Any) -> Any:
        return problem.energy(x, jets[0], problem.coefficients)  # pyright: ignore[reportOptionalCall]

    answer, (indices,) = discover(asked, problem.dimension, 1)
    if getattr(answer, "size", None) != 1 or max(map(len, indices), default=0) > 1:
        raise ValueError("energy must give a scalar of the value and first derivatives")
    conditions = problem.conditions
    if all(isinstance(one, Periodic) for one in conditions):
        missing = set(range(problem.dimension)) - {one.axis for one in conditions if isinstance(one, Periodic)}
        if not missing:
            return True
        raise ValueError(f"conditions must be Periodic on every axis, none is on {sorted(missing)}")
    if len(conditions) == 1 and isinstance(conditions[0], Dirichlet) and _is_zero(conditions[0]):
        return False
    raise ValueError("conditions must be Periodic(axis) for every axis, or one Dirichlet(0.0) on the whole boundary")


def _is_zero(condition: Dirichlet) -> bool:
    value = condition.value
    return condition.faces is None and not callable(value) and not np.any(np.asarray(value))
