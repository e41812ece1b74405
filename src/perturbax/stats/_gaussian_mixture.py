"""Mixtures of Gaussians, whose diffused density, score and denoiser are known exactly.

For `x_0 ~ sum_k w_k N(mu_k, S_k)` and `x = alpha x_0 + sigma z` with `z ~ N(0, I)`,

    p(x) = sum_k w_k N(x; alpha mu_k, V_k),        V_k = alpha^2 S_k + sigma^2 I
    E[x_0 | x] = sum_k r_k(x) [mu_k + alpha S_k V_k^{-1} (x - alpha mu_k)]
    r(x) = softmax_k(log w_k + log N(x; alpha mu_k, V_k))

With `S_k = U_k diag(e_k) U_k^T`, decomposed once, `V_k` is diagonal in the basis `U_k` for every `alpha` and `sigma`:
a batch of `B` points costs two matrix products of size `(B, d) x (d, k d)` and no factorisation.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import check_array, check_integer, check_key, check_number
from ._settle import settled, settled_scale

Points = Float[Array, "*batch d"] | Float[np.ndarray, "*batch d"]
Scale = float | np.floating | Float[Array, "..."] | Float[np.ndarray, "..."]
Labels = int | np.integer | Int[Array, "*#batch"] | Int[np.ndarray, "*#batch"]


class GaussianMixture(eqx.Module):
    """A mixture of Gaussians `sum_k w_k N(mu_k, S_k)`.

    The covariances are decomposed in float64 on the host when their values are known, then everything is cast to the
    dtype of the arguments: float32, or under `core.float64()` float64 for lists and float64 arrays. All
    methods are pure, compiled, and can be transformed by `jit`, `vmap` and `grad`; they raise `ValueError` when the
    last axis of the points is not `d`.

    **Arguments:**

    - `weights`: shape `(k,)`, positive; normalised to sum 1.
    - `means`: shape `(k, d)`.
    - `covariances`: shape `(k, d, d)`, symmetric positive definite, or `(k, d)`, the positive diagonals.

    **Raises:** `ValueError` when shapes disagree, a weight or variance is not positive, or a covariance is not
    symmetric; `TypeError` for arrays that are not numbers.

    >>> mixture = GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [[0.25], [0.25]])
    >>> float(mixture.denoise(np.array([0.0]), alpha=1.0, sigma=0.5)[0])
    0.0
    """

    weights: Float[Array, " k"]
    means: Float[Array, "k d"]
    eigenvalues: Float[Array, "k d"]
    eigenvectors: Float[Array, "k d d"] | None

    def __init__(self, weights: Any, means: Any, covariances: Any):
        means = check_array("means", means, ndim=2)
        k, d = means.shape
        weights = check_array("weights", weights, shape=(k,))
        covariances = check_array("covariances", covariances)
        if covariances.shape not in ((k, d), (k, d, d)):
            raise ValueError(
                f"covariances must have shape ({k}, {d}, {d}) or, for diagonals, ({k}, {d}) to match the means, "
                f"got {covariances.shape}"
            )
        dtype = jax.dtypes.canonicalize_dtype(np.result_type(weights.dtype, means.dtype, covariances.dtype))
        if any(isinstance(value, Tracer) for value in (weights, means, covariances)):
            xp = jnp
        else:
            xp = np
            weights, means, covariances = (np.asarray(value, np.float64) for value in (weights, means, covariances))
            _check_all("weights must be positive", weights > 0)
        if covariances.ndim == 2:
            eigenvalues, eigenvectors = covariances, None
        else:
            transposed = xp.swapaxes(covariances, 1, 2)
            if xp is np:
                close = np.abs(covariances - transposed) <= 1e-5 * np.abs(covariances).max()
                _check_all("covariances must be symmetric", close)
            eigenvalues, eigenvectors = xp.linalg.eigh((covariances + transposed) / 2)
            eigenvectors = jnp.asarray(xp.asarray(eigenvectors, dtype))
        if xp is np:
            _check_all("covariances must be positive definite", eigenvalues > 0)
        self.weights = jnp.asarray(xp.asarray(weights / weights.sum(), dtype))
        self.means = jnp.asarray(xp.asarray(means, dtype))
        self.eigenvalues = jnp.asarray(xp.asarray(eigenvalues, dtype))
        self.eigenvectors = eigenvectors

    @classmethod
    def fit_classes(cls, x: Any, labels: Any, *, shrinkage: float = 0.1, floor: float = 0.002) -> "GaussianMixture":
        """One component per class: its mean, its frequency, and its sample covariance `S` shrunk to

            (1 - shrinkage) S + shrinkage tr(S) / d I + floor I.

        **Arguments:** `x`: points `(n, d)`; `labels`: integers `(n,)`, classes in sorted order become components;
        `shrinkage`: in `[0, 1]`; `floor`: variance added in every direction, at least 0.

        **Returns:** the mixture, fitted in float64 and cast to the precision in force.

        **Raises:** `ValueError` when a class has fewer than two points or the covariance is singular.

        Source: the shrinkage towards a multiple of the identity of Ledoit & Wolf 2004, with a given intensity.

        >>> mixture = GaussianMixture.fit_classes(np.eye(4), np.array([0, 0, 1, 1]))
        >>> mixture.means[0].tolist()
        [0.5, 0.5, 0.0, 0.0]
        """
        x = np.asarray(check_array("x", x, ndim=2), dtype=np.float64)
        labels = np.asarray(check_array("labels", labels, shape=(x.shape[0],), kind="integer"))
        check_number("shrinkage", shrinkage, minimum=0.0, maximum=1.0)
        check_number("floor", floor, minimum=0.0)
        classes, counts = np.unique(labels, return_counts=True)
        if counts.min() < 2:
            raise ValueError(f"labels: every class needs 2 points or more, class {classes[counts.argmin()]} has 1")
        d = x.shape[1]
        groups = [x[labels == label] for label in classes]
        samples = np.stack([np.cov(group, rowvar=False).reshape(d, d) for group in groups])
        spherical = shrinkage * np.trace(samples, axis1=1, axis2=2) / d + floor
        covariances = (1.0 - shrinkage) * samples + spherical[:, None, None] * np.eye(d)
        return cls(counts / labels.size, np.stack([group.mean(0) for group in groups]), covariances)

    @property
    def covariances(self) -> Float[Array, "k d d"] | Float[Array, "k d"]:
        """The covariances in the form that they were given: `(k, d, d)`, or `(k, d)` for diagonals."""
        if self.eigenvectors is None:
            return self.eigenvalues
        return (self.eigenvectors * self.eigenvalues[:, None, :]) @ self.eigenvectors.swapaxes(1, 2)

    @property
    def mean(self) -> Float[Array, " d"]:
        """The mean of the whole mixture."""
        return self.weights @ self.means

    @property
    def covariance(self) -> Float[Array, "d d"]:
        """The covariance of the whole mixture: within the components plus between them."""
        within = jax.vmap(jnp.diag)(self.eigenvalues) if self.eigenvectors is None else self.covariances
        centred = self.means - self.mean
        return jnp.einsum("k,kij->ij", self.weights, within + centred[:, :, None] * centred[:, None, :])

    def sample(self, key: PRNGKeyArray, n: int) -> Float[Array, "{n} d"]:
        """Draw `n` independent points, shape `(n, d)`.

        **Arguments:** `key`: a PRNG key; `n`: how many, at least 1.
        """
        check_key("key", key)
        return _sample(self, key, check_integer("n", n, minimum=1))

    def log_density(self, x: Points) -> Float[Array, "*batch"]:
        """`log p(x)` of points of shape `(..., d)`."""
        return _log_density(self, self._settle(x))

    def log_responsibilities(self, x: Points) -> Float[Array, "*batch k"]:
        """`log p(component | x)`, shape `(..., k)`: the exact classifier of the components."""
        return _log_responsibilities(self, self._settle(x))

    def score(self, x: Points) -> Float[Array, "*batch d"]:
        """`grad log p(x)` of points of shape `(..., d)`."""
        return _score(self, self._settle(x))

    def denoise(
        self, x: Points, alpha: Scale, sigma: Scale, components: Labels | None = None
    ) -> Float[Array, "*batch d"]:
        """The posterior mean `E[x_0 | alpha x_0 + sigma z = x]`.

        Finite in both limits: the mean of the mixture at `alpha = 0`, `x / alpha` at `sigma = 0`.

        **Arguments:**

        - `x`: points of shape `(..., d)`.
        - `alpha`, `sigma`: scalars, or one per point; not both zero, where the answer would be NaN.
        - `components`: integers, a scalar or one per point: condition on `x_0` coming from that component, or, where
          it is -1, do not. This gives exact classifier-free guidance in one batched call.

        **Raises:** `ValueError` for a component outside `-1 ... k - 1`; under `jit`, where values are not known, such
        points become NaN.
        """
        x = self._settle(x)
        alpha, sigma = settled_scale("alpha", alpha, x), settled_scale("sigma", sigma, x)
        return _denoise(self, x, alpha, sigma, None if components is None else self._check_components(components))

    def diffuse(self, alpha: Any, sigma: Any) -> "GaussianMixture":
        """The mixture of `alpha x_0 + sigma z`, for scalars `alpha` and `sigma` that are not both zero."""
        alpha, sigma = settled_scale("alpha", alpha, self.weights[0]), settled_scale("sigma", sigma, self.weights[0])
        variances = alpha**2 * self.eigenvalues + sigma**2
        return _assemble(self.weights, alpha * self.means, variances, self.eigenvectors)

    def component(self, index: Any) -> "GaussianMixture":
        """The single Gaussian number `index`, from 0, as a mixture of one; `index` may be traced.

        **Raises:** `ValueError` outside `0 ... k - 1`.
        """
        if not isinstance(index, Tracer):
            # Indexing with a number out of range would give the last component.
            index = check_integer("index", index, minimum=0, maximum=self.weights.size - 1)
        single = jax.tree.map(lambda leaf: leaf[index][None], self)
        return _assemble(jnp.ones_like(single.weights), single.means, single.eigenvalues, single.eigenvectors)

    def marginal(self, indices: Any) -> "GaussianMixture":
        """The mixture of the coordinates `indices` alone, in that order.

        **Raises:** `ValueError` when an index is repeated or outside `0 ... d - 1`.
        """
        return _marginal(self, self._split_indices(indices)[0])

    def condition(self, indices: Any, values: Any) -> "GaussianMixture":
        """The mixture of the other coordinates, in their order, given `x[indices] = values`.

        With `a` the given and `b` the other coordinates, per component

            mu_b|a = mu_b + S_ba S_aa^{-1} (values - mu_a),   S_b|a = S_bb - S_ba S_aa^{-1} S_ab,
            w|a    proportional to w N(values; mu_a, S_aa).

        **Arguments:** `indices`: distinct integers, fewer than `d`; `values`: as many numbers, which may be traced.

        **Raises:** `ValueError` when an index is repeated or out of range, all coordinates are given, or the number of
        values differs.

        >>> mixture = GaussianMixture([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]])
        >>> mixture.condition([0], [2.0]).means.tolist()
        [[1.0]]
        """
        given, other = self._split_indices(indices)
        if not other:
            raise ValueError(f"indices must leave at least one of the {self.means.shape[1]} coordinates free")
        return _condition(self, given, other, settled(check_array("values", values, shape=(len(given),))))

    def _settle(self, x: Points) -> Array:
        x = settled(x)
        if x.ndim == 0 or x.shape[-1] != self.means.shape[1]:
            raise ValueError(f"x must have {self.means.shape[1]} entries in its last axis, got shape {x.shape}")
        return x.astype(jnp.result_type(x, self.means))

    def _check_components(self, components: Labels) -> Array:
        if not isinstance(components, Tracer):
            host, k = np.asarray(components), self.weights.size
            if not np.issubdtype(host.dtype, np.integer):
                raise TypeError(f"components must be integers, got {host.dtype}")
            if host.size and (host.min() < -1 or host.max() >= k):
                raise ValueError(f"components must lie in -1 ... {k - 1}, got {host.min()} ... {host.max()}")
        return jnp.asarray(components, jnp.int32)

    def _split_indices(self, indices: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
        d = self.means.shape[1]
        given = [int(index) for index in np.asarray(check_array("indices", indices, ndim=1, kind="integer"))]
        if min(given) < 0 or max(given) >= d or len(set(given)) != len(given):
            raise ValueError(f"indices must be distinct and in 0 ... {d - 1}, got {given}")
        return tuple(given), tuple(index for index in range(d) if index not in given)


@eqx.filter_jit
def _sample(mixture: GaussianMixture, key: Array, n: int) -> Array:
    which, noise = jax.random.split(key)
    component = jax.random.categorical(which, jnp.log(mixture.weights), shape=(n,))
    z = jax.random.normal(noise, (n, mixture.means.shape[1]), mixture.means.dtype)
    z = z * jnp.sqrt(mixture.eigenvalues)[component]
    if mixture.eigenvectors is not None:
        member = jax.nn.one_hot(component, mixture.weights.size, dtype=z.dtype)
        z = _rotate_back(mixture, member[:, :, None] * z[:, None, :])
    return mixture.means[component] + z


@eqx.filter_jit
def _log_density(mixture: GaussianMixture, x: Array) -> Array:
    return jax.nn.logsumexp(_log_joint(mixture, *_whiten(mixture, x)), axis=-1)


@eqx.filter_jit
def _log_responsibilities(mixture: GaussianMixture, x: Array) -> Array:
    return jax.nn.log_softmax(_log_joint(mixture, *_whiten(mixture, x)), axis=-1)


@eqx.filter_jit
def _score(mixture: GaussianMixture, x: Array) -> Array:
    y, variances = _whiten(mixture, x)
    responsibilities = jax.nn.softmax(_log_joint(mixture, y, variances), axis=-1)
    return -_rotate_back(mixture, responsibilities[..., None] * y / variances)


@eqx.filter_jit
def _denoise(mixture: GaussianMixture, x: Array, alpha: Array, sigma: Array, components: Array | None) -> Array:
    y, variances = _whiten(mixture, x, alpha, sigma)
    log_joint = _log_joint(mixture, y, variances)
    if components is not None:
        allowed = (components[..., None] == jnp.arange(mixture.weights.size)) | (components[..., None] == -1)
        log_joint = jnp.where(allowed, log_joint, -jnp.inf)
    responsibilities = jax.nn.softmax(log_joint, axis=-1)
    gain = alpha[..., None, None] * mixture.eigenvalues * (1.0 / variances)
    return _rotate_back(mixture, responsibilities[..., None] * (_rotated_means(mixture) + gain * y))


@eqx.filter_jit
def _marginal(mixture: GaussianMixture, indices: tuple[int, ...]) -> GaussianMixture:
    at = np.asarray(indices)
    if mixture.eigenvectors is None:
        return _assemble(mixture.weights, mixture.means[:, at], mixture.eigenvalues[:, at], None)
    eigenvalues, eigenvectors = jnp.linalg.eigh(mixture.covariances[:, at[:, None], at])
    return _assemble(mixture.weights, mixture.means[:, at], eigenvalues, eigenvectors)


@eqx.filter_jit
def _condition(
    mixture: GaussianMixture, given: tuple[int, ...], other: tuple[int, ...], values: Array
) -> GaussianMixture:
    a, b = np.asarray(given), np.asarray(other)
    marginal = _marginal(mixture, given)
    weights = jnp.exp(_log_responsibilities(marginal, values))
    if mixture.eigenvectors is None:
        return _assemble(weights, mixture.means[:, b], mixture.eigenvalues[:, b], None)
    covariances = mixture.covariances
    across = covariances[:, a[:, None], b]
    gain = jnp.linalg.solve(covariances[:, a[:, None], a], across)
    means = mixture.means[:, b] + jnp.einsum("kab,ka->kb", gain, values - mixture.means[:, a])
    left = covariances[:, b[:, None], b] - jnp.einsum("kab,kac->kbc", gain, across)
    eigenvalues, eigenvectors = jnp.linalg.eigh((left + left.swapaxes(1, 2)) / 2)
    return _assemble(weights, means, eigenvalues, eigenvectors)


def _whiten(mixture: GaussianMixture, x: Array, alpha: Any = 1.0, sigma: Any = 0.0) -> tuple[Array, Array]:
    """`y = U_k^T (x - alpha mu_k)`, shape `(..., k, d)`, and `V_k` in that basis, broadcast to it."""
    if mixture.eigenvectors is None:
        rotated = x[..., None, :]
    else:
        rotated = jnp.einsum("...i,kij->...kj", x, mixture.eigenvectors, precision="highest")
    alpha, sigma = jnp.asarray(alpha)[..., None, None], jnp.asarray(sigma)[..., None, None]
    return rotated - alpha * _rotated_means(mixture), alpha**2 * mixture.eigenvalues + sigma**2


def _rotated_means(mixture: GaussianMixture) -> Array:
    if mixture.eigenvectors is None:
        return mixture.means
    return jnp.einsum("ki,kij->kj", mixture.means, mixture.eigenvectors, precision="highest")


def _rotate_back(mixture: GaussianMixture, y: Array) -> Array:
    """`sum_k U_k y_k`."""
    if mixture.eigenvectors is None:
        return y.sum(-2)
    return jnp.einsum("...kj,kij->...i", y, mixture.eigenvectors, precision="highest")


def _log_joint(mixture: GaussianMixture, y: Array, variances: Array) -> Array:
    """`log w_k N(x; alpha mu_k, V_k)`, shape `(..., k)`."""
    # Two sums, so that the logarithms are taken once per variance and not once per point.
    log_determinant = jnp.log(2.0 * math.pi * variances).sum(-1)
    return jnp.log(mixture.weights) - 0.5 * (jnp.square(y) * (1.0 / variances)).sum(-1) - 0.5 * log_determinant


def _assemble(weights: Array, means: Array, eigenvalues: Array, eigenvectors: Array | None) -> GaussianMixture:
    """A mixture of parts that are already decomposed and checked."""
    mixture = object.__new__(GaussianMixture)
    object.__setattr__(mixture, "weights", weights)
    object.__setattr__(mixture, "means", means)
    object.__setattr__(mixture, "eigenvalues", eigenvalues)
    object.__setattr__(mixture, "eigenvectors", eigenvectors)
    return mixture


def _check_all(message: str, holds: np.ndarray) -> None:
    if not holds.all():
        raise ValueError(f"{message}; the entry at {np.argwhere(~holds)[0].tolist()} is not")
