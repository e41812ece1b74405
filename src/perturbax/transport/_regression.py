r"""Regression of a drift on the increments of paths.

For paths of `dX = g dt + sqrt(eps) dW` the increments `(X_{t+h} - X_t) / h` are `g(X_t, t)` with noise of variance
`eps / h`, so that their regression on `(X_t, t)` estimates the drift, of the process run either way (Vargas et al.
2021). It is Gaussian process regression in its primal form: ridge regression on `m` random Fourier features

    phi(z) = sqrt(2 / m) cos(omega z + phase),    omega = n / sqrt(c),  n ~ N(0, I),  c ~ Gamma(1/2, rate 1/2),

of the exponential (Matern 1/2) kernel, whose spectral law is a multivariate Cauchy (Rahimi & Recht 2007), and, beside
them, on the affine functions of the state with coefficients that are polynomials in time: a drift between Gaussians is
such a function and needs no features.
"""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_integer, check_number


class AbstractRegressor(eqx.Module):
    """A family of drifts with a fit that can be called inside of `jit`."""

    @abc.abstractmethod
    def draw(self, key: Any, size: int) -> Any:
        """What is drawn once and kept for all fits."""

    @abc.abstractmethod
    def fit(
        self,
        drawn: Any,
        x: Float[Array, "n d"],
        t: Float[Array, " n"],
        targets: Float[Array, "n d"],
        noise: Float[Array, ""],
    ) -> Any:
        """The drift `(x, t) -> (..., d)` that is regressed on `targets`, whose noise has this variance."""


class RandomFeatures(AbstractRegressor):
    """Ridge regression on random Fourier features of the exponential kernel.

    Costs `O(n m^2)` for `n` rows and `m` features, for all coordinates together.

    **Arguments:**

    - `features`: `m`.
    - `degree`: of the polynomials in time.
    - `length_scale`: of the kernel, where states and times have unit variance.
    - `prior_std`: standard deviation of the drift under the prior, as a multiple of the targets' own.

    **Raises:** `ValueError` when one of them is not positive.

    >>> x = jnp.linspace(-1.0, 1.0, 200)[:, None]
    >>> regressor = RandomFeatures(features=32)
    >>> drift = regressor.fit(regressor.draw(jax.random.key(0), 1), x, jnp.zeros(200), -2.0 * x, jnp.array(1e-4))
    >>> drift(jnp.array([[0.5]]), 0.0).round(2).tolist()
    [[-1.0]]
    """

    features: int = 128
    degree: int = 5
    length_scale: float = 1.0
    prior_std: float = 1.0

    def __check_init__(self):
        check_integer("features", self.features, minimum=1)
        check_integer("degree", self.degree, minimum=0)
        check_number("length_scale", self.length_scale, minimum=0.0, exclusive=True)
        check_number("prior_std", self.prior_std, minimum=0.0, exclusive=True)

    def draw(self, key: Any, size: int) -> tuple[Float[Array, "inputs features"], Float[Array, " features"]]:
        normal_key, gamma_key, phase_key = jax.random.split(key, 3)
        normal = jax.random.normal(normal_key, (size + 1, self.features))
        scale = jnp.sqrt(2.0 * jax.random.gamma(gamma_key, 0.5, (self.features,)))
        phase = jax.random.uniform(phase_key, (self.features,), maxval=2.0 * math.pi)
        return normal / (jnp.maximum(scale, 1e-3) * self.length_scale), phase

    def fit(
        self,
        drawn: tuple[Array, Array],
        x: Float[Array, "n d"],
        t: Float[Array, " n"],
        targets: Float[Array, "n d"],
        noise: Float[Array, ""],
    ) -> "FeatureDrift":
        inputs = jnp.concatenate([x, t[:, None]], axis=-1)
        centre, scale = inputs.mean(0), inputs.std(0)
        # A constant input carries nothing, and must not be divided by its rounding.
        scale = jnp.where(scale > 1e-6 * (1.0 + jnp.abs(centre)), scale, 1.0)
        empty = FeatureDrift(*drawn, centre, scale, jnp.zeros((0, 0), x.dtype), self.degree)
        rows = empty.features(x, t)
        prior = self.prior_std**2 * jnp.maximum(jnp.square(targets).mean(), jnp.finfo(x.dtype).tiny)
        ridge = jnp.maximum(noise / prior, 1e-6 * rows.shape[0])
        normal = rows.T @ rows + ridge * jnp.eye(rows.shape[1], dtype=x.dtype)
        factor = jax.scipy.linalg.cho_factor(normal)
        return eqx.tree_at(
            lambda drift: drift.coefficients, empty, jax.scipy.linalg.cho_solve(factor, rows.T @ targets)
        )


class FeatureDrift(eqx.Module):
    """A drift `(x, t)` that is linear in features."""

    frequencies: Float[Array, "inputs features"]
    phases: Float[Array, " features"]
    centre: Float[Array, " inputs"]
    scale: Float[Array, " inputs"]
    coefficients: Float[Array, "rows d"]
    degree: int = eqx.field(static=True)

    def features(self, x: Array, t: Any) -> Float[Array, "*batch rows"]:
        t = jnp.broadcast_to(jnp.asarray(t, x.dtype), x.shape[:-1])[..., None]
        z = (jnp.concatenate([x, t], axis=-1) - self.centre) / self.scale
        waves = math.sqrt(2.0 / self.phases.size) * jnp.cos(z @ self.frequencies + self.phases)
        # Standardised uniform times lie in [-sqrt(3), sqrt(3)]; there Chebyshev's polynomials are well conditioned.
        angle = jnp.arccos(jnp.clip(z[..., -1:] / math.sqrt(3.0), -1.0, 1.0))
        powers = jnp.cos(angle * jnp.arange(self.degree + 1, dtype=x.dtype))
        affine = jnp.concatenate([jnp.ones_like(t), z[..., :-1]], axis=-1)
        polynomials = (affine[..., :, None] * powers[..., None, :]).reshape(*x.shape[:-1], -1)
        return jnp.concatenate([polynomials, waves], axis=-1)

    def __call__(self, x: Array, t: Any) -> Float[Array, "*batch d"]:
        return self.features(x, t) @ self.coefficients
