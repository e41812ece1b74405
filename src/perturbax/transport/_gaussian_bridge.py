r"""The exact Schrödinger bridge between Gaussians, around Brownian motion or any linear reference.

Between `N(m_0, A)` and `N(m_1, B)`, with `X_1 | X_0 = x ~ N(F x + f, Q)` under the reference, the coordinates
`x' = Q^{-1/2} F x` and `y' = Q^{-1/2} (y - f)` make it the Brownian problem with `eps = 1` (for the Brownian reference
`F = I`, `f = 0`, `Q = eps I`). There, with covariances `A'` and `B'`, the plan is Gaussian with

    y' | x' ~ N(r + S x', S),    S = 1/2 A'^{-1/2} (D - I) A'^{-1/2},    D = (4 A'^{1/2} B' A'^{1/2} + I)^{1/2}.

So `X_1 | X_0 = x ~ N(m_1 + G (x - m_0), R)` with `G = Q^{1/2} S Q^{-1/2} F`, `R = Q^{1/2} S Q^{1/2}`, and with
`C = Cov(X_0, X_1) = A G'` follows `R = B - G C`. The potential is `exp(-y' M y / 2 + c' y)` with
`M = R^{-1} - Q^{-1}` and `c = R^{-1} (m_1 - G m_0) - Q^{-1} f`; with the transition `(F_t, f_t, Q_t)` from `t` to 1,
`mu = F_t x + f_t` and `W = (I + Q_t M)^{-1}`,

    log h(x, t) = 1/2 log det W - 1/2 mu' M W mu + c' W mu + 1/2 c' W Q_t c
    g(x, t) = b(x, t) + eps F_t' (W' c - M W mu)
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_instance, check_number, float64
from ..stats import GaussianMixture
from ._bridge import Bridge, closed_form
from ._door import settle
from ._process import AbstractPlanProcess
from ._reference import AbstractLinearReference, Brownian

_BROWNIAN = Brownian()


class GaussianProcess(AbstractPlanProcess):
    """A bridge between Gaussians.

    `covariance_0`, `covariance_1` and `cross_covariance` are `A`, `B` and `C`; `gain` and `residual` are `G` and `R`;
    `precision` and `slope` are `M` and `c` of the potential.
    """

    mean_0: Float[Array, " d"]
    covariance_0: Float[Array, "d d"]
    mean_1: Float[Array, " d"]
    covariance_1: Float[Array, "d d"]
    cross_covariance: Float[Array, "d d"]
    gain: Float[Array, "d d"]
    residual: Float[Array, "d d"]
    precision: Float[Array, "d d"]
    slope: Float[Array, " d"]
    epsilon: Float[Array, ""]
    reference: AbstractLinearReference

    @property
    def size(self) -> int:
        return self.mean_0.shape[0]

    @eqx.filter_jit
    def sample(self, key: Any, x: Array) -> Float[Array, "n d"]:
        root = jnp.linalg.cholesky(self.residual)
        return self._ends(x) + jax.random.normal(key, x.shape, x.dtype) @ root.T

    def plan(self, x: Array) -> GaussianMixture:
        return GaussianMixture(jnp.ones(1), self._ends(x)[None], self.residual[None])

    def moments(self, x: Array) -> tuple[Float[Array, "n d"], Float[Array, "n d d"]]:
        return self._ends(x), jnp.broadcast_to(self.residual, (*x.shape, self.size))

    @eqx.filter_jit
    def drift(self, x: Array, t: Array) -> Float[Array, "*batch d"]:
        def one(x: Array, t: Array) -> Array:
            factor, mean, weight, _ = self._ahead(x, t)
            pull = factor.T @ (weight.T @ self.slope - self.precision @ weight @ mean)
            return self.reference.drift(x, t) + self.epsilon * pull

        return jnp.vectorize(one, signature="(d),()->(d)")(x, t)

    @eqx.filter_jit
    def log_potential(self, x: Array, t: Array) -> Float[Array, "*batch"]:
        def one(x: Array, t: Array) -> Array:
            _, mean, weight, covariance = self._ahead(x, t)
            at_zero = weight @ (mean + 0.5 * covariance @ self.slope)
            quadratic = 0.5 * mean @ self.precision @ weight @ mean
            return 0.5 * jnp.linalg.slogdet(weight)[1] - quadratic + self.slope @ at_zero

        return jnp.vectorize(one, signature="(d),()->()")(x, t)

    def marginal(self, t: Array) -> GaussianMixture:
        on_start, on_end, shift, covariance = self.reference.pinned(0.0, t, self.epsilon, self.size)
        mixed = on_start @ self.cross_covariance @ on_end.T
        spread = on_start @ self.covariance_0 @ on_start.T + on_end @ self.covariance_1 @ on_end.T
        spread = spread + mixed + mixed.T + covariance
        mean = on_start @ self.mean_0 + on_end @ self.mean_1 + shift
        return GaussianMixture(jnp.ones(1), mean[None], (spread + spread.T)[None] / 2.0)

    def _ends(self, x: Array) -> Float[Array, "*batch d"]:
        return self.mean_1 + (x - self.mean_0) @ self.gain.T

    def _ahead(self, x: Array, t: Array) -> tuple[Array, Array, Array, Array]:
        """`F_t`, `mu`, `W` and `Q_t`."""
        factor, shift, covariance = self.reference.transition(t, 1.0, self.epsilon, self.size)
        weight = jnp.linalg.inv(jnp.eye(self.size, dtype=x.dtype) + covariance @ self.precision)
        return factor, factor @ x + shift, weight, covariance


def bridge_of_gaussians(
    mean_0: Any,
    covariance_0: Any,
    mean_1: Any,
    covariance_1: Any,
    epsilon: float,
    reference: AbstractLinearReference = _BROWNIAN,
) -> Bridge:
    """The exact bridge between two Gaussians: the oracle that every other method can be measured against.

    Solved in float64 and then cast to the precision in force.

    **Arguments:** `mean_0`, `mean_1`: shape `(d,)`; `covariance_0`, `covariance_1`: shape `(d, d)`, symmetric positive
    definite; `epsilon`: variance of the reference per unit of time; `reference`: `Brownian()` or
    `OrnsteinUhlenbeck(rate, mean)`.

    **Returns:** a `Bridge`, which also knows its `marginal(t)`.

    **Raises:** `ValueError` when shapes disagree or a covariance is not symmetric positive definite.

    Source: Janati et al. 2020; Bunne et al. 2023, for the Brownian reference.

    >>> exact = bridge_of_gaussians([0.0], [[1.0]], [3.0], [[4.0]], epsilon=1.0)
    >>> round(float(exact.process.cross_covariance[0, 0]), 4)  # (sqrt(1 + 16) - 1) / 2
    1.5616
    """
    epsilon = check_number("epsilon", epsilon, minimum=0.0, exclusive=True)
    check_instance("reference", reference, AbstractLinearReference, "Brownian() or OrnsteinUhlenbeck(...)")
    mean_0 = np.asarray(check_array("mean_0", mean_0, ndim=1), np.float64)
    d = mean_0.size
    mean_1 = np.asarray(check_array("mean_1", mean_1, shape=(d,)), np.float64)
    a, b = (
        _definite(name, value, d) for name, value in (("covariance_0", covariance_0), ("covariance_1", covariance_1))
    )
    reference.check_size(d)
    with float64():
        factor, shift, noise = (np.asarray(part) for part in reference.transition(0.0, 1.0, epsilon, d))
    gain, residual = _plan(a, b, factor, noise)
    known = np.linalg.inv(residual)
    precision, slope = known - np.linalg.inv(noise), known @ (mean_1 - gain @ mean_0) - np.linalg.solve(noise, shift)
    process = GaussianProcess(
        mean_0=settle(mean_0),
        covariance_0=settle(a),
        mean_1=settle(mean_1),
        covariance_1=settle(b),
        cross_covariance=settle(a @ gain.T),
        gain=settle(gain),
        residual=settle(residual),
        precision=settle(precision),
        slope=settle(slope),
        epsilon=settle(epsilon),
        reference=reference,
    )
    return closed_form(process)


def _plan(a: np.ndarray, b: np.ndarray, factor: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`G` and `R` of `X_1 | X_0 = x ~ N(m_1 + G (x - m_0), R)`."""
    back = _root(noise)
    forth = np.linalg.solve(back, factor)
    root = _root(forth @ a @ forth.T)
    within = np.linalg.solve(back, np.linalg.solve(back, b).T)
    unit = np.eye(len(a))
    # In those coordinates gain and residual are one matrix, which stays positive definite in this form.
    stretch = 0.5 * (_root(4.0 * root @ within @ root + unit) - unit)
    stretch = np.linalg.solve(root, np.linalg.solve(root, stretch).T)
    return back @ stretch @ forth, back @ stretch @ back


def _root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    return vectors * np.sqrt(values) @ vectors.T


def _definite(name: str, value: Any, d: int) -> np.ndarray:
    matrix = np.asarray(check_array(name, value, shape=(d, d)), np.float64)
    if np.abs(matrix - matrix.T).max() > 1e-5 * np.abs(matrix).max():
        raise ValueError(f"{name} must be symmetric")
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least <= 0.0:
        raise ValueError(f"{name} must be positive definite, its smallest eigenvalue is {least:.3g}")
    return (matrix + matrix.T) / 2.0
