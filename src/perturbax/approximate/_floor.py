r"""The floor of random nets of any width, for coefficients of bounded norm.

As the width grows, ridge regression on the features becomes ridge regression with the kernel

    k_lam(x, x') = E_{(a, b) from Q} [ s(a.x - b) s(a.x' - b) ],     K_ij = k_lam(x_i, x_j)

and its residual on the `N` points, and the norm of the coefficients that it takes, are

    r(eta) = eta (K / N + eta I)^-1 y,     |g|^2 = y' (K / N + eta I)^-1 (K / N) (K / N + eta I)^-1 y / N

In the eigenbasis of `K / N` both are sums, so that one decomposition answers for all `eta`. Among all `g` of a norm the
residual is least for the ridge solution with that norm. The kernel is a mean over many neurons: the floor has their
Monte Carlo error.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import brentq

from ..core import check_instance, check_integer, check_key, check_number, float64
from ._data import ScatteredData
from ._draw import AbstractDraw
from ._random_features import hidden, settle_bandwidth
from .bandlimited_random_net import BandlimitedRandomNet

_CHUNK = 512  # neurons whose features are in memory at once


class ErrorFloor(eqx.Module):
    """The residuals of infinitely wide nets.

    - `eigenvalues`: of `K / N`, ascending, shape `(N,)`.
    - `energy`: squared components of `y` in the eigenbasis, summed over the outputs.
    """

    eigenvalues: Float[np.ndarray, " N"]
    energy: Float[np.ndarray, " N"]

    def at(self, eta: float) -> float:
        """The relative root mean square of the residual under the ridge penalty `eta`.

        **Raises:** `ValueError` when `eta` is not positive.
        """
        eta = check_number("eta", eta, minimum=0.0, exclusive=True)
        return float(np.sqrt(np.sum((eta / (self.eigenvalues + eta)) ** 2 * self.energy) / self.energy.sum()))

    def norm(self, eta: float) -> float:
        """The norm `|g|` of the coefficients under the penalty, for values of root mean square 1."""
        eta = check_number("eta", eta, minimum=0.0, exclusive=True)
        return float(
            np.sqrt(np.sum(self.eigenvalues / (self.eigenvalues + eta) ** 2 * self.energy) / self.energy.sum())
        )

    def within(self, norm: float) -> float:
        """The least relative residual with coefficients of at most this norm, for values of root mean square 1.

        **Raises:** `ValueError` when the norm is not positive.
        """
        norm = check_number("norm", norm, minimum=0.0, exclusive=True)
        low, high = np.log(self.eigenvalues[-1]) + np.log((1e-15, 1e15))
        if self.norm(float(np.exp(low))) <= norm:
            return self.at(float(np.exp(low)))
        if self.norm(float(np.exp(high))) >= norm:
            return 1.0
        eta = np.exp(brentq(lambda log_eta: np.log(self.norm(float(np.exp(log_eta))) / norm), low, high))
        return self.at(float(eta))


def error_floor(problem: ScatteredData, method: BandlimitedRandomNet, *, key: Any, neurons: int = 2**15) -> ErrorFloor:
    """What no width of a random net can pass, as long as its coefficients are bounded.

    **Arguments:** `problem`: the data; `method`: with one bandwidth, whose width and readout are not looked at; `key`:
    JAX PRNG key; `neurons`: for the mean that the kernel is.

    **Returns:** an `ErrorFloor`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit, several bandwidths, or values that are all 0.

    Source: derived in the module's docstring; the phenomenon is that of Li et al. 2023, arXiv 2008.08427.

    >>> from perturbax import approximate
    >>> x = np.linspace(0.0, 1.0, 100)
    >>> data = approximate.ScatteredData(x, np.sin(40.0 * x))
    >>> methods = (approximate.BandlimitedRandomNet(bandwidth=lam) for lam in (1.0, 100.0))
    >>> narrow, wide = (approximate.error_floor(data, m, key=jax.random.key(0), neurons=2000) for m in methods)
    >>> narrow.at(1e-6) > 0.9, wide.at(1e-6) < 0.05
    (True, True)
    """
    check_instance("problem", problem, ScatteredData, "a ScatteredData(...)")
    check_instance("method", method, BandlimitedRandomNet, "a BandlimitedRandomNet(bandwidth=...)")
    bandwidths = settle_bandwidth(method.bandwidth)
    if len(bandwidths) != 1:
        raise ValueError(f"bandwidth of method must be one number, got {len(bandwidths)}")
    if not problem.y.any():
        raise ValueError("y must not be 0 everywhere: its floor is 0")
    neurons = check_integer("neurons", neurons, minimum=1)
    with float64():
        x, y = (jnp.asarray(part) for part in (problem.unit(problem.x), problem.y))
        chunks = -(-neurons // _CHUNK)
        K = _kernel(check_key("key", key), x, y, jnp.asarray(bandwidths[0]), method.draw, method.activation, chunks)
        values, vectors = (np.asarray(part) for part in jnp.linalg.eigh(K / len(x)))
    return ErrorFloor(np.maximum(values, 0.0), np.square(vectors.T @ problem.y).sum(1))


@eqx.filter_jit
def _kernel(
    key: Array, x: Array, y: Array, bandwidth: Array, draw: AbstractDraw, activation: Callable, chunks: int
) -> Float[Array, "N N"]:
    def add(K: Array, key: Array) -> tuple[Array, None]:
        H = hidden(x, *draw(key, _CHUNK, bandwidth, x, y), activation)
        return K + H @ H.T / chunks, None

    return jax.lax.scan(add, jnp.zeros((len(x), len(x)), x.dtype), jax.random.split(key, chunks))[0]
