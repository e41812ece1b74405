"""Exact samples of stationary Gaussian processes on a grid, by circulant embedding and the fast Fourier transform.

The covariance matrix on `n` grid points is a part of a circulant one on a ring of `M >= 2 (n - 1)` points, whose
eigenvalues are the Fourier transform of its first row. If none is negative,

    x = irfft(sqrt(M lambda) z),   z complex standard normal,

is a sample on the ring, and any `n` points in a row of it one of the process.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
from jaxtyping import Array, Float

from ..core import check_array, check_choice, check_integer, check_key, check_number, float64

# Rounding of a transform in float64 leaves about 1e-16 sqrt(M) of negative eigenvalues where the spectrum vanishes.
_ROUNDING = 1e-10
_LARGEST = 16


class CirculantEmbedding(eqx.Module):
    """A stationary Gaussian process of mean 0 and variance 1 on an even grid, ready to be sampled.

    **Arguments:**

    - `covariance`: a covariance of `stats.covariances`, or a function of the lags `t >= 0`, 1 at 0.
    - `points`: of the grid; `spacing`: between two of them.
    - `period`: points of the ring, even; when `None` the smallest that has no negative eigenvalues, up to 16 times what
      the grid needs.

    `negative_share` is the sum of the negative eigenvalues over that of all, which is set to 0 when it is rounding
    (below 1e-10) and refused otherwise.

    **Raises:** `ValueError` when values are not finite, or negative eigenvalues remain; `TypeError` for wrong types.

    Source: Dietrich & Newsam 1997; Wood & Chan 1994.

    >>> import jax
    >>> from perturbax import stats
    >>> embedding = stats.CirculantEmbedding(stats.covariances.Matern(2.5), points=256, spacing=0.1)
    >>> embedding.sample(jax.random.key(0), 3).shape
    (3, 256)
    """

    eigenvalues: Float[np.ndarray, " half"]
    points: int = eqx.field(static=True)
    period: int = eqx.field(static=True)
    spacing: float = eqx.field(static=True)
    negative_share: float = eqx.field(static=True)

    def __init__(self, covariance: Callable, points: int, spacing: float, *, period: int | None = None):
        if not callable(covariance) or isinstance(covariance, type):
            raise TypeError(f"covariance must be an object such as Matern(2.5) or a function, got {covariance!r}")
        self.points = check_integer("points", points, minimum=2)
        self.spacing = check_number("spacing", spacing, minimum=0.0, exclusive=True)
        needed = 2 * scipy.fft.next_fast_len(self.points - 1, real=True)
        sizes = [needed * 2**k for k in range(_LARGEST.bit_length())]
        if period is not None:
            sizes = [check_integer("period", period, minimum=self.points)]
            if period % 2:
                raise ValueError(f"period must be even, got {period}")
        for size in sizes:
            with float64():
                row = covariance(jnp.arange(size // 2 + 1) * self.spacing)
            row = np.asarray(check_array("covariance", row, shape=(size // 2 + 1,)), np.float64)
            if abs(row[0] - 1.0) > 1e-6:
                raise ValueError(f"covariance must be 1 at lag 0, got {row[0]:g}")
            eigenvalues = np.fft.rfft(np.concatenate([row, row[-2:0:-1]])).real
            share = -float(np.minimum(eigenvalues, 0.0).sum() / np.abs(eigenvalues).sum())
            if share <= _ROUNDING:
                break
        else:
            raise ValueError(
                f"covariance has negative eigenvalues on a ring of {size} points, a share of {share:.1e}: it is not "
                "positive definite, or not yet small half way round"
            )
        self.eigenvalues, self.period, self.negative_share = np.maximum(eigenvalues, 0.0), size, share

    def sample(self, key: Any, paths: int, dtype: Any = np.float32) -> Float[Array, "paths points"]:
        """Independent paths on the grid.

        **Arguments:** `key`: JAX PRNG key; `paths`: how many; `dtype`: float32, or float64 inside `core.float64()`.

        **Raises:** `TypeError`, `ValueError` for others.
        """
        return self.ring(key, paths, dtype)[:, : self.points]

    def ring(self, key: Any, paths: int, dtype: Any = np.float32) -> Float[Array, "paths period"]:
        """Independent paths on the whole ring, which close: the last point is next to the first."""
        paths = check_integer("paths", paths, minimum=1)
        name = check_choice("dtype", np.dtype(dtype).name, ("float32", "float64"))
        if name == "float64" and not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
            raise ValueError("dtype float64 needs `with core.float64():` around the call")
        # Real where the transform of a real path is, at both ends of the spectrum; else half of the power in each part.
        scales = np.sqrt(0.5 * self.period * self.eigenvalues) * np.ones((2, 1))
        scales[0, [0, -1]], scales[1, [0, -1]] = scales[0, [0, -1]] * math.sqrt(2.0), 0.0
        return _rings(jnp.asarray(scales.astype(name)), check_key("key", key), paths, self.period)


@partial(jax.jit, static_argnums=(2, 3))
def _rings(scales: Float[Array, "2 half"], key: Any, paths: int, period: int) -> Float[Array, "paths period"]:
    real, imaginary = scales[:, None] * jax.random.normal(key, (2, paths, scales.shape[1]), scales.dtype)
    return jnp.fft.irfft(jax.lax.complex(real, imaginary), period)
