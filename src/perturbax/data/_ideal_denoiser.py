"""The denoiser that is optimal for a finite set of points."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import check_array, check_number


class IdealDenoiser(eqx.Module):
    """The posterior mean over points under normal or Student-t noise: see `ideal_denoiser`."""

    points: Float[Array, "n d"]
    labels: Int[Array, " n"] | None
    degrees: float = math.inf

    def __call__(self, x: Any, sigma: Any, label: Any = None) -> Float[Array, "*batch d"]:
        x = jnp.asarray(x)
        if x.ndim == 0 or x.shape[-1] != self.points.shape[1]:
            raise ValueError(f"x must have {self.points.shape[1]} entries in its last axis, got shape {x.shape}")
        if label is not None and self.labels is None:
            raise ValueError("label was given, but this denoiser was made without labels")
        # |x|^2 is the same for all points and drops out of the softmax.
        squared = jnp.square(self.points).sum(-1) - 2.0 * jnp.matmul(x, self.points.T, precision="highest")
        logits = self._logits(x, squared, jnp.asarray(sigma, x.dtype)[..., None])
        if label is not None:
            label = jnp.asarray(label)[..., None]
            logits = jnp.where((label == self.labels) | (label == -1), logits, -jnp.inf)
        return jnp.matmul(jax.nn.softmax(logits, axis=-1), self.points, precision="highest")

    def _logits(self, x: Array, squared: Array, sigma: Array) -> Array:
        """Log weights of the points up to a constant, from `|x - x_i|^2 - |x|^2`."""
        if math.isinf(self.degrees):
            return -squared / (2.0 * sigma**2)
        # Relative to the weight of a point at 0, so that many degrees do not cost digits.
        norm = jnp.square(x).sum(-1, keepdims=True)
        ratio = jnp.maximum(squared, -norm) / (norm + self.degrees * sigma**2)
        lowest = -1.0 + float(jnp.finfo(ratio.dtype).eps)
        return -0.5 * (self.points.shape[1] + self.degrees) * jnp.log1p(jnp.maximum(ratio, lowest))


def ideal_denoiser(
    points: Any, labels: Any = None, *, degrees: float = math.inf
) -> Callable[..., Float[Array, "*batch d"]]:
    """The exact denoiser of data that takes the given values with equal probability.

        D(x, sigma) = sum_i r_i x_i,   r = softmax_i(-|x - x_i|^2 / (2 sigma^2))

    A perfectly trained network that memorised its training set would be this function; it costs `4 n d` operations per
    sample. As `sigma` goes to 0 it becomes the nearest point.

    Under Student-t noise of `D` degrees of freedom the weights are `r_i ~ (|x - x_i|^2 + D sigma^2)^{-(d + D) / 2}`.

    **Arguments:** `points`: shape `(n, d)`; `labels`: integers `(n,)` that allow conditional calls; `degrees`: degrees
    of freedom `D` of the noise, infinite for normal noise.

    **Returns:** a denoiser `(x, sigma, label=None) -> x_0` of the process `x = x_0 + sigma z`, for `x` of shape
    `(..., d)`, `sigma > 0` and `label` scalars or one per point; label -1 is unconditional.

    **Raises:** `ValueError` when shapes disagree or a value is not finite.

    Source: Karras et al. 2022, equation 57; Xu et al. 2023 (PFGM++), equation 3.

    >>> denoiser = ideal_denoiser(np.array([[-1.0], [1.0]]))
    >>> denoiser(jnp.array([[0.0], [0.2]]), 0.1).round(3).tolist()
    [[0.0], [1.0]]
    """
    points = np.asarray(check_array("points", points, ndim=2))
    if labels is not None:
        labels = jnp.asarray(check_array("labels", labels, shape=(points.shape[0],), kind="integer"), jnp.int32)
    check_number("degrees", degrees, minimum=0.0, exclusive=True, finite=False)
    return IdealDenoiser(jnp.asarray(points.astype(jax.dtypes.canonicalize_dtype(points.dtype))), labels, degrees)
