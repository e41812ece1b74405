r"""The problem of `flow`: features that stay near given ones, and a linear classifier on them.

With features `h_i` in rows of `H`, one-hot targets `Y`, a classifier `W` of shape `(K, d)` and given features `H0`,

    L(W, H) = |H W^T - Y|^2 / 2N + lambda_W |W|^2 / 2K + lambda_H |H|^2 / 2N + beta |H - H0|^2 / 2N

In the unit `N` of time the gradient flow in `H` is `dH/dt = -(H W^T - Y) W - lambda_H H - beta (H - H0)`. It acts on
all samples of a class alike. So with class means `M` and deviations `Z = Z0 P` from them, for one matrix `P`,

    dM/dt = -(M W^T - I) W - lambda_H M - beta (M - M0)
    dP/dt = -P (W^T W + lambda_H + beta) + beta

from `M = M0`, `P = I`. With the shares `C = diag(n_k / N)` of the classes and `Sigma_W = P^T Sigma_W0 P` the best
classifier is `W* = C M (Sigma_W + M^T C M + lambda_W / K)^{-1}`, so that `N` is met nowhere but in `Sigma_W0` and `M0`.
Given `W`, the best features are `M = (W + beta M0) B` and `P = beta B` with `B = (W^T W + lambda_H + beta)^{-1}`.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.scipy as jsp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import check_array, check_number

# Below this share of the largest singular value features are not of full rank in float64.
_REGULAR = 1e-8


class CollapseProblem(eqx.Module):
    """The unconstrained-features model with features that stay near given ones, of Tirer, Huang and Niles-Weed.

    It is a model of one layer: `features` go in, the features of the solution come out. With `proximity=0` it is the
    unconstrained-features model, which only starts at `features`.

    **Arguments:**

    - `features`: `H0`, shape `(N, d)`, such as those of an intermediate layer, of any framework that NumPy can read.
    - `labels`: integers of shape `(N,)`. Classes may have different sizes.
    - `classifier_decay`: `lambda_W`, `feature_decay`: `lambda_H`, `proximity`: `beta`, all at least 0.

    **Raises:** `TypeError`, `ValueError` for shapes that do not fit, values that are not finite, fewer than two
    classes, or `classifier_decay=0` with features that are not of full column rank, which have many best classifiers.

    >>> CollapseProblem(np.eye(4), [0, 0, 1, 1]).means.shape
    (2, 4)
    """

    features: Float[np.ndarray, "N d"]
    labels: Int[np.ndarray, " N"]
    means: Float[np.ndarray, "K d"]
    classifier_decay: float
    feature_decay: float
    proximity: float

    def __init__(
        self,
        features: Any,
        labels: Any,
        classifier_decay: float | int = 5e-3,
        feature_decay: float | int = 5e-4,
        proximity: float | int = 1.0,
    ):
        self.features = np.asarray(check_array("features", features, ndim=2), np.float64)
        labels = np.asarray(check_array("labels", labels, shape=self.features.shape[:1], kind="integer"))
        found, numbered = np.unique(labels, return_inverse=True)
        if found.size < 2:
            raise ValueError(f"labels must hold two classes or more, got only {found[0]}")
        self.labels = numbered.astype(np.int32)
        self.classifier_decay = check_number("classifier_decay", classifier_decay, minimum=0.0)
        self.feature_decay = check_number("feature_decay", feature_decay, minimum=0.0)
        self.proximity = check_number("proximity", proximity, minimum=0.0)
        if self.classifier_decay == 0.0:
            values = np.linalg.svd(self.features, compute_uv=False)
            if self.features.shape[0] < self.features.shape[1] or values[-1] < _REGULAR * values[0]:
                raise ValueError("classifier_decay must be > 0 for features that are not of full column rank, got 0")
        sums = np.zeros((found.size, self.features.shape[1]))
        np.add.at(sums, self.labels, self.features)
        self.means = sums / self.sizes[:, None]

    @property
    def sizes(self) -> Int[np.ndarray, " K"]:
        """The number of samples of each class."""
        return np.bincount(self.labels)

    @property
    def deviations(self) -> Float[np.ndarray, "N d"]:
        """Of the features from the means of their classes."""
        return self.features - self.means[self.labels]

    @property
    def balanced(self) -> bool:
        """Whether all classes have one size."""
        return bool((self.sizes == self.sizes[0]).all())

    def settle(self) -> "CollapseModel":
        """The model by its class sums, on the device in the precision that is switched on."""
        z = self.deviations
        return CollapseModel(
            *(
                jnp.asarray(np.asarray(part).astype(jnp.result_type(float)))
                for part in (
                    self.means,
                    z.T @ z / z.shape[0],
                    self.sizes / z.shape[0],
                    self.classifier_decay,
                    self.feature_decay,
                    self.proximity,
                )
            )
        )


class FilteredFeatures(eqx.Module):
    """Features `M + Z0 P`: the class means `M`, and the filter `P` of the given deviations."""

    means: Float[Array, "*times K d"]
    filter: Float[Array, "*times d d"]

    def of(self, deviations: Float[Array, "N d"], labels: Int[Array, " N"]) -> Float[Array, "N d"]:
        """The features of all samples."""
        return self.means[labels] + deviations @ self.filter


class CollapseModel(eqx.Module):
    """The problem by its class sums, as methods see it; letters as in the docstring of this file."""

    means0: Float[Array, "K d"]
    scatter0: Float[Array, "d d"]
    shares: Float[Array, " K"]
    classifier_decay: Float[Array, ""]
    feature_decay: Float[Array, ""]
    proximity: Float[Array, ""]

    @property
    def start(self) -> FilteredFeatures:
        """The given features."""
        return FilteredFeatures(self.means0, jnp.eye(self.means0.shape[1], dtype=self.means0.dtype))

    def scatter(self, h: FilteredFeatures) -> Float[Array, "d d"]:
        """`Sigma_W`."""
        return h.filter.T @ self.scatter0 @ h.filter

    def second_moment(self, h: FilteredFeatures) -> Float[Array, "d d"]:
        """`H^T H / N`."""
        return self.scatter(h) + h.means.T @ (self.shares[:, None] * h.means)

    def damped_moment(self, h: FilteredFeatures) -> Float[Array, "d d"]:
        """`H^T H / N + lambda_W / K`."""
        classes, d = h.means.shape
        return self.second_moment(h) + self.classifier_decay / classes * jnp.eye(d, dtype=h.means.dtype)

    def classifier(self, h: FilteredFeatures) -> Float[Array, "K d"]:
        """`W*`, the best classifier for features."""
        return _solve(self.damped_moment(h), self.shares[:, None] * h.means)

    def features(self, W: Float[Array, "K d"]) -> FilteredFeatures:
        """The best features for a classifier."""
        eye = jnp.eye(W.shape[1], dtype=W.dtype)
        gram = W.T @ W + (self.feature_decay + self.proximity) * eye
        return FilteredFeatures(_solve(gram, W + self.proximity * self.means0), _solve(gram, self.proximity * eye))

    def velocity(self, h: FilteredFeatures, W: Float[Array, "K d"]) -> FilteredFeatures:
        """`-N dL/dH` for a classifier, as the change of means and filter."""
        eye = jnp.eye(W.shape[0], dtype=W.dtype)
        pull, beta = self.feature_decay + self.proximity, self.proximity
        means = (eye - h.means @ W.T) @ W - pull * h.means + beta * self.means0
        change = -(h.filter @ W.T) @ W - pull * h.filter
        return FilteredFeatures(means, change + beta * jnp.eye(W.shape[1], dtype=W.dtype))

    def objective(self, h: FilteredFeatures, W: Float[Array, "K d"]) -> Float[Array, ""]:
        """`L`."""
        eye = jnp.eye(W.shape[0], dtype=W.dtype)
        fitted = self.shares @ jnp.sum((h.means @ W.T - eye) ** 2, 1) + jnp.sum((W @ self.scatter(h)) * W)
        moved = FilteredFeatures(h.means - self.means0, h.filter - jnp.eye(W.shape[1], dtype=W.dtype))
        decayed = self.classifier_decay / W.shape[0] * jnp.sum(W**2) + self.feature_decay * self.norm(h) ** 2
        return 0.5 * (fitted + decayed + self.proximity * self.norm(moved) ** 2)

    def norm(self, h: FilteredFeatures) -> Float[Array, ""]:
        """`|H| / sqrt(N)`."""
        return jnp.sqrt(jnp.trace(self.second_moment(h)))

    def nc1_trace(self, h: FilteredFeatures) -> Float[Array, ""]:
        """`tr Sigma_W / tr Sigma_B`."""
        return jnp.trace(self.scatter(h)) / jnp.mean(jnp.sum((h.means - h.means.mean(0)) ** 2, 1))


def _solve(matrix: Float[Array, "d d"], rows: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """`rows matrix^{-1}` for a positive definite matrix."""
    return jsp.linalg.cho_solve(jsp.linalg.cho_factor(matrix), rows.T).T
