"""Reference processes on [0, 1]: what a bridge stays close to.

    dX = b(X, t) dt + sqrt(eps) dW

A *linear* reference has Gaussian transitions `X_t | X_s = x ~ N(F x + f, Q)`, and pinned at `X_1 = y` it stays
Gaussian: with the transitions `(F, f, Q)` from `s` to `t` and `(F', f', Q')` from `t` to 1,

    X_t | X_s = x, X_1 = y ~ N(m + K (y - F' m - f'), Q - K F' Q),    m = F x + f,
    K = Q F'^T (F' Q F'^T + Q')^{-1}.
"""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_number
from ._door import settle


class Transition(NamedTuple):
    """`X_t | X_s = x ~ N(factor x + shift, covariance)`."""

    factor: Float[Array, "d d"]
    shift: Float[Array, " d"]
    covariance: Float[Array, "d d"]


class Pinned(NamedTuple):
    """`X_t | X_s = x, X_1 = y ~ N(on_start x + on_end y + shift, covariance)`."""

    on_start: Float[Array, "d d"]
    on_end: Float[Array, "d d"]
    shift: Float[Array, " d"]
    covariance: Float[Array, "d d"]


class AbstractReference(eqx.Module):
    """A reference process; its noise is the problem's `epsilon`."""

    @abc.abstractmethod
    def drift(self, x: Any, t: Any) -> Float[Array, "*batch d"]:
        """`b(x, t)` for points of shape `(..., d)`."""

    def check_size(self, size: int) -> None:
        """**Raises:** `ValueError` when the process is not one in `size` dimensions."""


class AbstractLinearReference(AbstractReference):
    """A reference with Gaussian transitions."""

    @abc.abstractmethod
    def transition(self, s: Any, t: Any, epsilon: Any, size: int) -> Transition:
        """From time `s` to `t`, in `size` dimensions."""

    def pinned(self, s: Any, t: Any, epsilon: Any, size: int) -> Pinned:
        """The law at `t` between a known state at `s` and a known one at 1."""
        here, rest = self.transition(s, t, epsilon, size), self.transition(t, 1.0, epsilon, size)
        seen = rest.factor @ here.covariance
        gain = jnp.linalg.solve(seen @ rest.factor.T + rest.covariance, seen).T
        kept = jnp.eye(size, dtype=gain.dtype) - gain @ rest.factor
        covariance = kept @ here.covariance
        return Pinned(
            kept @ here.factor, gain, kept @ here.shift - gain @ rest.shift, (covariance + covariance.T) / 2.0
        )

    def between(self, key: Any, x: Array, y: Array, s: Any, t: Any, epsilon: Any) -> Float[Array, "batch d"]:
        """Draw `X_t` given `X_s = x` and `X_1 = y`, for `s < 1`."""
        law = self.pinned(s, t, epsilon, x.shape[-1])
        values, vectors = jnp.linalg.eigh(law.covariance)
        noise = jax.random.normal(key, x.shape, x.dtype) * jnp.sqrt(jnp.maximum(values, 0.0))
        return x @ law.on_start.T + y @ law.on_end.T + law.shift + noise @ vectors.T


class Brownian(AbstractLinearReference):
    """Brownian motion of variance `epsilon` per unit of time, `dX = sqrt(eps) dW`: the classical reference.

    >>> float(Brownian().drift(jnp.ones((1, 2)), 0.5).max())
    0.0
    """

    def drift(self, x: Any, t: Any) -> Float[Array, "*batch d"]:
        return jnp.zeros_like(x)

    def transition(self, s: Any, t: Any, epsilon: Any, size: int) -> Transition:
        unit = jnp.eye(size)
        return Transition(unit, jnp.zeros(size), epsilon * (t - s) * unit)

    def between(self, key: Any, x: Array, y: Array, s: Any, t: Any, epsilon: Any) -> Float[Array, "batch d"]:
        share = (t - s) / (1.0 - s)
        std = jnp.sqrt(epsilon * share * (1.0 - t))
        return x + share * (y - x) + std * jax.random.normal(key, x.shape, x.dtype)


class OrnsteinUhlenbeck(AbstractLinearReference):
    """The Ornstein-Uhlenbeck process `dX = Theta (mu - X) dt + sqrt(eps) dW`.

    **Arguments:** `rate`: Theta, a number or a matrix `(d, d)` of any sign; `mean`: mu, a number or of shape `(d,)`.

    **Raises:** `ValueError` when shapes disagree or a value is not finite.

    Transitions are `F = exp(-Theta h)`, `Q = eps int_0^h exp(-Theta u) exp(-Theta^T u) du`, both from one exponential
    of a matrix of twice the size (Van Loan 1978).

    >>> float(OrnsteinUhlenbeck(2.0, 1.0).drift(jnp.zeros((1, 1)), 0.0)[0, 0])
    2.0
    """

    rate: Any
    mean: Any = 0.0

    def __check_init__(self):
        for name, value, ndim in (("rate", self.rate, 2), ("mean", self.mean, 1)):
            if np.ndim(value) == 0:
                check_number(name, value)
            else:
                check_array(name, value, ndim=ndim)

    def check_size(self, size: int) -> None:
        for name, value in (("rate", self.rate), ("mean", self.mean)):
            if any(n != size for n in np.shape(value)):
                raise ValueError(f"reference.{name} must be of {size} dimensions, got shape {np.shape(value)}")

    def drift(self, x: Any, t: Any) -> Float[Array, "*batch d"]:
        rate, mean = self._settled(x.shape[-1])
        return (mean - x) @ rate.T

    def transition(self, s: Any, t: Any, epsilon: Any, size: int) -> Transition:
        rate, mean = self._settled(size)
        zero = jnp.zeros_like(rate)
        block = jnp.block([[-rate, epsilon * jnp.eye(size, dtype=rate.dtype)], [zero, rate.T]]) * (t - s)
        exponential = jax.scipy.linalg.expm(block)
        factor = exponential[:size, :size]
        covariance = exponential[:size, size:] @ factor.T
        return Transition(factor, mean - factor @ mean, (covariance + covariance.T) / 2.0)

    def _settled(self, size: int) -> tuple[Float[Array, "d d"], Float[Array, " d"]]:
        rate, mean = settle(self.rate), settle(self.mean)
        rate = rate * jnp.eye(size, dtype=rate.dtype) if rate.ndim == 0 else rate
        return rate, jnp.broadcast_to(mean, (size,))


class DriftReference(AbstractReference):
    """A reference with any drift, for methods that only simulate it.

    **Arguments:** `function`: `(x, t) -> drift` on points of shape `(batch, d)` and a scalar time.

    **Raises:** `TypeError` when it is not callable.

    >>> float(DriftReference(lambda x, t: -x).drift(jnp.ones((1, 1)), 0.0)[0, 0])
    -1.0
    """

    function: Callable

    def __check_init__(self):
        if not callable(self.function):
            raise TypeError(f"function must be callable as function(x, t), got {type(self.function).__name__}")

    def drift(self, x: Any, t: Any) -> Float[Array, "*batch d"]:
        return self.function(x, t)
