"""Linear predictors of standardised targets, for the methods that choose among those."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class LinearPrediction(eqx.Module):
    """`x -> x . weights`; the data has mean 0."""

    weights: Float[Array, " d"]

    def __call__(self, rows: Float[Array, "n d"]) -> Float[Array, " n"]:
        return rows @ self.weights


def least_squares(X: np.ndarray, y: np.ndarray) -> LinearPrediction:
    """The linear prediction with the smallest squared error (of smallest norm where several have it)."""
    return LinearPrediction(jnp.asarray(np.linalg.lstsq(X, y, rcond=None)[0], jnp.float32))


def by_environment(env: np.ndarray, *arrays: Any) -> list[tuple[Any, ...]]:
    """The rows of every environment."""
    return [tuple(array[env == e] for array in arrays) for e in range(int(env.max()) + 1)]
