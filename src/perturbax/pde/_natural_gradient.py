r"""Energy natural gradient descent.

Müller & Zeinhofer 2023, *Achieving High Accuracy with PINNs via Energy Natural Gradients*. For an energy $E(u)$ of
functions and a loss $L(\theta) = E(u_\theta)$ the parameters follow Newton's direction in the space of functions,
projected onto what the representation can change,

    theta <- theta - eta G(theta)^+ grad L(theta),     G(theta)_ij = D^2 E(u_theta)(d_i u_theta, d_j u_theta).

Here the energy is the sum of squares of the rows, $L = |R|^2$. Where the equation and its conditions are linear in $u$,
$\nabla L = 2 J^T R$ and $G = 2 J^T J$ exactly, so that the direction is $(J^T J)^+ J^T R$: that of Gauss and Newton. Of
an equation that is not linear, $D^2 E$ has a term with the second derivative of the residual too; it vanishes with the
residual, may be indefinite, and is left out (Jnini, Vella & Zeinhofer 2024).

The step $\eta$ is the one of $1, 1/2, \dots, 2^{-k}$ with the smallest loss, as in the authors' code. The
pseudo-inverse leaves out small eigenvalues. With fewer rows than parameters it is that of $J J^T$.
"""

import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ..core import check_integer, check_number
from ._least_squares import Points, loss, rows_and_jacobian
from ._optimiser import AbstractPhase, Outcome, repeat
from ._problem import PDEProblem


class EnergyNaturalGradient(AbstractPhase):
    """Energy natural gradient descent with a line search on a grid, also known as ENGD.

    For up to some 5000 parameters, in float64. A step costs the Jacobian, an eigendecomposition of size
    `min(rows, parameters)` and `halvings + 1` evaluations of the rows; one of `LM` is a factorisation and some two
    evaluations. Without damping the first steps are longer than those of `LM`, which is right for representations that
    are nearly linear; on one that is linear a linear equation is solved by one step.

    **Arguments:**

    - `steps`: Jacobians that are computed.
    - `rcond`: eigenvalues of the Gramian below this, relative to the largest, are left out. Rounding alone asks for
      some 1e-14, but then the first 30 of 50 steps may stagnate (Poisson's equation, one hidden layer of 32).
    - `halvings`: the smallest step of the search is `2^-halvings`. Where none lowers the loss the point stays.
    - `chunk`: steps between two rows of the history.

    **Raises:** `ValueError` for numbers out of range.

    Source: Müller & Zeinhofer 2023 (arXiv 2302.13163), the grid of steps is that of their code; Jnini, Vella &
    Zeinhofer 2024 (arXiv 2402.10680) for equations that are not linear.

    >>> EnergyNaturalGradient(50).halvings
    30
    """

    steps: int = 200
    rcond: float = 1e-12
    halvings: int = 30
    chunk: int = 10

    def __check_init__(self):
        check_number("rcond", self.rcond, minimum=0.0, maximum=1.0)
        check_integer("halvings", self.halvings, minimum=0)

    def start(self, trained: Any) -> Any:
        if jax.tree.leaves(trained)[0].dtype.itemsize < 8:
            message = "EnergyNaturalGradient in float32 loses all digits of a Gramian; precision='float64' does not"
            warnings.warn(message, stacklevel=2)

    def run(self, problem: PDEProblem, trained: Any, frozen: Any, points: Points, state: Any, steps: Any) -> Outcome:
        return _march(problem, trained, frozen, points, self.rcond, self.halvings, self.chunk, steps)


@eqx.filter_jit
def _march(
    problem: PDEProblem,
    trained: Any,
    frozen: Any,
    points: Points,
    rcond: float,
    halvings: int,
    capacity: int,
    steps: Any,
) -> Outcome:
    _, unravel = ravel_pytree(trained)

    def step(carry: Any) -> Any:
        flat, evaluations = carry
        R, J = rows_and_jacobian(problem, unravel(flat), frozen, points)
        now = R @ R
        direction = natural_direction(R, J, rcond)
        eta = jnp.exp2(-jnp.arange(halvings + 1, dtype=flat.dtype))
        losses = jax.lax.map(lambda e: loss(problem, unravel(flat - e * direction), frozen, points), eta)
        losses = jnp.where(jnp.isnan(losses), jnp.inf, losses)
        best = jnp.argmin(losses)
        new = jnp.where(losses[best] < now, flat - eta[best] * direction, flat)
        return (new, evaluations + 2 + halvings), now

    first = ravel_pytree(trained)[0], jnp.zeros((), jnp.int32)
    (flat, evaluations), losses = repeat(step, first, capacity, steps)
    return Outcome(unravel(flat), None, losses, evaluations, loss(problem, unravel(flat), frozen, points))


def natural_direction(
    R: Float[Array, " rows"], J: Float[Array, "rows parameters"], rcond: float
) -> Float[Array, " parameters"]:
    """The energy natural gradient `(J^T J)^+ J^T R`."""
    if J.shape[0] < J.shape[1]:
        return J.T @ _pseudo_solve(J @ J.T, R, rcond)
    return _pseudo_solve(J.T @ J, J.T @ R, rcond)


def _pseudo_solve(G: Float[Array, "n n"], right: Float[Array, " n"], rcond: float) -> Float[Array, " n"]:
    values, vectors = jnp.linalg.eigh(G)
    kept = values > rcond * values[-1]
    return vectors @ (jnp.where(kept, 1.0 / jnp.where(kept, values, 1.0), 0.0) * (vectors.T @ right))
