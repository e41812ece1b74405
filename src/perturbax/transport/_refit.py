r"""The refinement of a reference: the parameters of its drift that make given paths most likely.

For paths of `dX = b(X, t; phi) dt + volatility dW` seen at steps of length `h`, the likelihood is by Girsanov's theorem
that of the regression, with `z = x / volatility`,

    phi = argmin sum_n |(z_{n+1} - z_n) - b(z_n, t_n; phi) h|^2 / h.
"""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ..core import adam, check_integer, check_number, fit
from ._piecewise import Whitened

# Directions of the scaled normal matrix, whose diagonal is 1, below this are rounding: float32 has seven digits.
_NULL = 1e-6


class Refit(NamedTuple):
    """A refined reference, and directions in the space of its parameters along which the likelihood does not change."""

    reference: Whitened
    null_directions: Float[np.ndarray, "directions p"]


class AbstractRefit(eqx.Module):
    """How the parameters of a reference are fitted on paths."""

    @abc.abstractmethod
    def refine(self, reference: Whitened, paths: Float[Array, "n times d"], ts: Array, key: Any) -> Refit:
        """The reference with the parameters of the greatest likelihood, from those that it has."""


class GaussNewton(AbstractRefit):
    """Damped Gauss-Newton, that is Levenberg-Marquardt: for families with up to some hundred parameters.

    Exact in one step when the drift is linear in the parameters. Directions that the paths do not determine stay where
    they are.

    **Arguments:** `max_steps`: of the iteration; `tolerance`: relative, at which it stops.

    **Raises:** `ValueError` when they are not positive.

    >>> GaussNewton().max_steps
    50
    """

    max_steps: int = 50
    tolerance: float = 1e-4

    def __check_init__(self):
        check_integer("max_steps", self.max_steps, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0, exclusive=True)

    def refine(self, reference: Whitened, paths: Float[Array, "n times d"], ts: Array, key: Any) -> Refit:
        refined, values, vectors, scale = _gauss_newton(self, reference, paths, ts)
        null = np.asarray(values) < _NULL
        directions = (np.asarray(vectors) / np.asarray(scale)[:, None]).T[null]
        return Refit(refined, directions / np.linalg.norm(directions, axis=1, keepdims=True))


class Adam(AbstractRefit):
    """Adam on minibatches of steps: for families with many parameters, such as `GradientField`.

    **Arguments:** `steps`, `batch_size`, `learning_rate`: of one refinement, which goes on from the last one.

    **Raises:** `ValueError` when they are not positive.

    >>> Adam(steps=100).learning_rate
    0.003
    """

    steps: int = 300
    batch_size: int = 1024
    learning_rate: float = 3e-3

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)
        check_integer("batch_size", self.batch_size, minimum=1)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)

    def refine(self, reference: Whitened, paths: Float[Array, "n times d"], ts: Array, key: Any) -> Refit:
        rows = _rows(paths, ts)
        done = fit(
            _mean_residual,
            reference,
            rows,
            steps=self.steps,
            batch_size=min(self.batch_size, rows[0].shape[0]),
            optimizer=adam(self.learning_rate),
            key=key,
            filter_spec=trainable(reference),
            chunk=self.steps,
            progress=False,
            throw=False,
        )
        return Refit(done.model, np.zeros((0, 0)))


def trainable(reference: Whitened) -> Any:
    """Which leaves are parameters: the floating arrays of the user's reference."""
    spec = jax.tree.map(lambda _: False, reference)
    return eqx.tree_at(lambda r: r.reference, spec, jax.tree.map(eqx.is_inexact_array, reference.reference))


def parameters(reference: Whitened) -> Float[Array, " p"]:
    """All parameters in one row, in the order of the tree."""
    return ravel_pytree(eqx.filter(reference, trainable(reference)))[0]


def _residuals(trained: Any, rest: tuple[Any, Array, Array]) -> Float[Array, "steps n d"]:
    frozen, paths, ts = rest
    reference = eqx.combine(trained, frozen)
    x = paths.swapaxes(0, 1)
    step = jnp.diff(ts)[:, None, None]
    drift = jax.vmap(reference.drift)(x[:-1], ts[:-1])
    # Over the root of their number, so that the sum of squares has one size for few paths and many.
    return (jnp.diff(x, axis=0) - drift * step) / jnp.sqrt(step * x.size)


@eqx.filter_jit
def _gauss_newton(method: GaussNewton, reference: Whitened, paths: Array, ts: Array) -> Any:
    trained, frozen = eqx.partition(reference, trainable(reference))
    rest = (frozen, paths, ts)
    solver = optimistix.LevenbergMarquardt(rtol=method.tolerance, atol=method.tolerance)
    solution = optimistix.least_squares(_residuals, solver, trained, rest, max_steps=method.max_steps, throw=False)
    row, unravel = ravel_pytree(solution.value)
    jacobian = jax.jacfwd(lambda row: _residuals(unravel(row), rest).reshape(-1))(row)
    scale = jnp.linalg.norm(jacobian, axis=0)
    scale = jnp.where(scale > 0.0, scale, 1.0)
    scaled = jacobian / scale
    values, vectors = jnp.linalg.eigh(scaled.T @ scaled)
    return eqx.combine(solution.value, frozen), values, vectors, scale


def _rows(paths: Array, ts: Array) -> tuple[Array, Array, Array, Array]:
    """States, times, rates of change and steps, one row a step."""
    n = paths.shape[0]
    step = jnp.tile(jnp.diff(ts), n)
    size = paths.shape[2]
    return (
        paths[:, :-1].reshape(-1, size),
        jnp.tile(ts[:-1], n),
        jnp.diff(paths, axis=1).reshape(-1, size) / step[:, None],
        step,
    )


def _mean_residual(reference: Whitened, batch: tuple[Array, Array, Array, Array], key: Any) -> Float[Array, ""]:
    x, t, rate, step = batch
    drift = jax.vmap(lambda x, t: reference.drift(x[None], t)[0])(x, t)
    return (jnp.square(rate - drift).sum(-1) * step).mean()
