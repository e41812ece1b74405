r"""Levenberg and Marquardt's method on the rows.

With rows $R$ and their Jacobian $J$ at $\theta$, the step is $\delta = (J^T J + \mu I)^{-1} J^T R$, computed as
$J^T (J J^T + \mu I)^{-1} R$ where there are fewer rows than parameters. If $|R(\theta - \delta)|^2$ is smaller it is
taken and $\mu \leftarrow \mu / 3$; else $\mu \leftarrow 4 \mu$ and another one is tried with the same Jacobian.
"""

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

_ACCEPTED, _REJECTED = 1.0 / 3.0, 4.0
# Below this share of the largest diagonal entry of J J^T nothing of mu is left beside its rounding errors.
_FLOOR = {8: 1e-15, 4: 1e-6}


class LM(AbstractPhase):
    """Levenberg-Marquardt with one small gradient per point in the place of the Jacobian of everything.

    For up to some 5000 parameters. A step costs the Jacobian, `min(rows, parameters)^2 max(rows, parameters)`
    operations, and an evaluation of the rows for each trial. Wants float64: in float32 it stops at errors of 1e-3.

    **Arguments:**

    - `steps`: Jacobians that are computed.
    - `damping`: mu at the start.
    - `trials`: largest number of trials in a step; after as many refusals the point stays and mu goes on from there.
    - `chunk`: steps between two rows of the history.

    **Raises:** `ValueError` for numbers out of range.

    Source: Marquardt 1963; the factors are those of the measurements in the study `pig`.

    >>> LM(50).damping
    1.0
    """

    steps: int = 200
    damping: float = 1.0
    trials: int = 10
    chunk: int = 10

    def __check_init__(self):
        check_number("damping", self.damping, minimum=0.0, exclusive=True)
        check_integer("trials", self.trials, minimum=1)

    def start(self, trained: Any) -> Any:
        return jnp.asarray(self.damping, jax.tree.leaves(trained)[0].dtype)

    def run(self, problem: PDEProblem, trained: Any, frozen: Any, points: Points, state: Any, steps: Any) -> Outcome:
        return _march(problem, trained, frozen, points, state, self.trials, self.chunk, steps)


@eqx.filter_jit
def _march(
    problem: PDEProblem, trained: Any, frozen: Any, points: Points, damping: Any, trials: int, capacity: int, steps: Any
) -> Outcome:
    _, unravel = ravel_pytree(trained)

    def step(carry: Any) -> Any:
        flat, mu, evaluations = carry
        R, J = rows_and_jacobian(problem, unravel(flat), frozen, points)
        now = R @ R
        wide = J.shape[0] < J.shape[1]
        gram = J @ J.T if wide else J.T @ J
        mu = jnp.maximum(mu, _FLOOR[flat.dtype.itemsize] * jnp.max(jnp.diag(gram)))

        def undecided(trial: Any) -> Any:
            k, _, _, taken = trial
            return (k < trials) & ~taken

        def attempt(trial: Any) -> Any:
            k, mu, _, _ = trial
            delta = J.T @ _damped(gram, mu, R) if wide else _damped(gram, mu, J.T @ R)
            new = flat - delta
            taken = loss(problem, unravel(new), frozen, points) < now  # false for NaN
            return k + 1, jnp.where(taken, _ACCEPTED * mu, _REJECTED * mu), jnp.where(taken, new, flat), taken

        first = jnp.zeros((), jnp.int32), mu, flat, jnp.array(False)
        k, mu, flat, _ = jax.lax.while_loop(undecided, attempt, first)
        return (flat, mu, evaluations + 1 + k), now

    first = ravel_pytree(trained)[0], damping, jnp.zeros((), jnp.int32)
    (flat, mu, evaluations), losses = repeat(step, first, capacity, steps)
    return Outcome(unravel(flat), mu, losses, evaluations, loss(problem, unravel(flat), frozen, points))


def _damped(gram: Float[Array, "n n"], mu: Array, right: Float[Array, " n"]) -> Float[Array, " n"]:
    # Cholesky's factor is NaN where rounding made the matrix indefinite; the trial is refused then and mu grows.
    return jax.scipy.linalg.cho_solve(
        (jnp.linalg.cholesky(gram + mu * jnp.eye(len(gram), dtype=gram.dtype)), True), right
    )
