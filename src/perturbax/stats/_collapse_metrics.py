r"""How far class features are from neural collapse.

With the class means `m_k` of `K` classes, `N` samples `h_i` with deviations `z_i = h_i - m_k(i)` from them, the mean
`g` of the class means and `A = (m_k - g)` in rows,

    Sigma_W = Z^T Z / N,      Sigma_B = A^T A / K
    NC1     = tr(Sigma_W pinv(Sigma_B)) / K = sum_j v_j^T Sigma_W v_j / s_j^2      with A = U diag(s) V^T
    NC1~    = tr Sigma_W / tr Sigma_B
    NC2     = | A A^T / |A A^T| - E |,    E = (I - 1 1^T / K) / sqrt(K - 1), the Gram matrix of a simplex frame
    NC3     = | W A^T / |W A^T| - E |

all norms Frobenius. In `d < K - 1` dimensions NC2 is at least `sqrt(2 - 2 sqrt(d / (K - 1)))`: a Gram matrix of rank
`d` has the largest inner product with `E` when it is a multiple of a projector.
"""

import math
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from ..core import check_array, check_integer
from ._settle import settled


class CollapseMetrics(eqx.Module):
    """What `collapse_metrics` returns. All are 0 at perfect collapse.

    - `nc1`: within-class over between-class variability, `tr(Sigma_W pinv(Sigma_B)) / K`; `nc1_trace`: the same as a
      quotient of traces. Infinite when all class means are equal.
    - `nc2`: distance of the centred class means from a simplex equiangular tight frame; `nc2_orthogonal`: of the class
      means themselves from an orthogonal frame; `nc2_floor`: the least `nc2` in so few dimensions, 0 for `d >= K - 1`.
    - `nc3`: distance of the classifier's rows from the centred class means up to scale; `None` without a classifier.
    - `ncc`: share of samples whose nearest class mean is another class than the classifier's decision, or than the
      label without a classifier.
    """

    nc1: Float[Array | np.ndarray, "*batch"]
    nc1_trace: Float[Array | np.ndarray, "*batch"]
    nc2: Float[Array | np.ndarray, "*batch"]
    nc2_orthogonal: Float[Array | np.ndarray, "*batch"]
    nc2_floor: Float[Array | np.ndarray, "*batch"]
    nc3: Float[Array | np.ndarray, "*batch"] | None
    ncc: Float[Array | np.ndarray, "*batch"]


def collapse_metrics(
    features: Any, labels: Any, classifier: Any = None, *, classes: int | None = None
) -> CollapseMetrics:
    """Measure neural collapse of features, in one pass over them.

    Works under `jit` and `vmap`, where the number of classes must be known from `classes` or `classifier`, and over
    samples that are split over devices, of which only class sums are reduced. Half precision is summed in float32.

    **Arguments:**

    - `features`: shape `(N, d)`, floating; of any model and framework that NumPy can read.
    - `labels`: integers of shape `(N,)`. Without `classifier` and `classes` any integers: they are numbered in order.
    - `classifier`: shape `(K, d)`, the weights of the last layer, for `nc3` and `ncc`.
    - `classes`: `K`. With it or with `classifier`, labels lie in `0 ... K - 1` and none may be missing.

    **Returns:** `CollapseMetrics`. Classes may have different sizes; a class of one sample has no deviation, which is
    warned of, as are class means that are all equal.

    **Raises:** `TypeError`, `ValueError` for shapes or kinds that do not fit, features that are not finite (with the
    first index), fewer than two classes or a class without a sample.

    Source: Papyan, Han & Donoho 2020, arXiv 2008.08186; `nc1_trace` as in Tirer, Huang & Niles-Weed 2023, arXiv
    2210.16658.

    >>> collapse_metrics([[1.5, 0.0], [0.5, 0.0], [0.0, 1.5], [0.0, 0.5]], [0, 0, 1, 1]).nc1_trace.item()
    0.5
    """
    features = _check_features(features)
    labels = check_array("labels", labels, shape=(features.shape[0],), kind="integer")
    if classifier is not None:
        classifier = check_array("classifier", classifier, shape=(None, features.shape[1]))
        if classes is not None and classes != classifier.shape[0]:
            raise ValueError(f"classes must be the rows of classifier, {classifier.shape[0]}, got {classes}")
        classes = classifier.shape[0]
    labels, classes = number_classes(labels, classes)
    if not isinstance(labels, Tracer):
        _warn_of_single_samples(np.asarray(labels), classes)
    weights = None if classifier is None else settled(classifier)
    found = _measure(settled(features), settled(labels), weights, classes)
    if not isinstance(found.nc1, Tracer) and np.isinf(found.nc1).any():
        warnings.warn("all class means are equal: NC1 and NC2 are infinite", stacklevel=2)
    return found


def number_classes(labels: Any, classes: int | None) -> tuple[Int[Array | np.ndarray, " N"], int]:
    """Labels as numbers of classes, and how many there are.

    **Raises:** `ValueError` for fewer than two, a label out of range or a class without a sample, by its number.
    """
    if isinstance(labels, Tracer):
        if classes is None:
            raise ValueError("classes must be given where labels are traced, got None")
        return labels, check_integer("classes", classes, minimum=2)
    host = np.asarray(labels)
    if classes is None:
        found, numbered = np.unique(host, return_inverse=True)
        if found.size < 2:
            raise ValueError(f"labels must hold two classes or more, got only {found[0]}")
        return numbered.reshape(host.shape).astype(np.int32), found.size
    classes = check_integer("classes", classes, minimum=2)
    if host.min() < 0 or host.max() >= classes:
        raise ValueError(f"labels must lie in [0, {classes - 1}], got {host.min()} to {host.max()}")
    missing = np.flatnonzero(np.bincount(host, minlength=classes) == 0)
    if missing.size:
        raise ValueError(f"labels must hold every class, got no sample of class {', '.join(map(str, missing))}")
    return labels, classes


@eqx.filter_jit
def _measure(features: Array, labels: Array, classifier: Array | None, classes: int) -> CollapseMetrics:
    dtype = jnp.promote_types(features.dtype, jnp.float32)
    h = features.astype(dtype)
    sizes = jax.ops.segment_sum(jnp.ones(labels.shape, dtype), labels, classes)
    means = jax.ops.segment_sum(h, labels, classes) / sizes[:, None]
    z = h - means[labels]
    centred = means - means.mean(0)
    simplex = (jnp.eye(classes, dtype=dtype) - 1.0 / classes) / math.sqrt(classes - 1)
    orthogonal = jnp.eye(classes, dtype=dtype) / math.sqrt(classes)
    # Of the thin decomposition, whose cost is linear in the larger of K and d.
    _, s, v = jnp.linalg.svd(centred, full_matrices=False)
    kept = s**2 > jnp.finfo(dtype).eps * classes * s[0] ** 2
    shares = jnp.mean((z @ v.T) ** 2, 0) / jnp.where(kept, s**2, 1.0)
    equal = ~kept.any()
    between = jnp.sum(centred**2) / classes
    within = jnp.mean(jnp.sum(z**2, 1))
    nearest = jnp.argmin(jnp.sum(means**2, 1) - 2.0 * h @ means.T, 1)
    decided, nc3 = labels, None
    if classifier is not None:
        w = classifier.astype(dtype)
        decided, nc3 = jnp.argmax(h @ w.T, 1), _distance(w @ centred.T, simplex)
    share = min(features.shape[1] / (classes - 1), 1.0)
    return CollapseMetrics(
        nc1=jnp.where(equal, jnp.inf, jnp.sum(jnp.where(kept, shares, 0.0))),
        nc1_trace=jnp.where(equal, jnp.inf, within / jnp.where(equal, 1.0, between)),
        nc2=_distance(centred @ centred.T, simplex),
        nc2_orthogonal=_distance(means @ means.T, orthogonal),
        nc2_floor=jnp.full((), math.sqrt(2.0 - 2.0 * math.sqrt(share)), dtype),
        nc3=nc3,
        ncc=jnp.mean((nearest != decided).astype(dtype)),
    )


def _distance(matrix: Array, frame: Array) -> Array:
    """Of a matrix, divided by its norm, from one of norm 1; infinite for zero, which has no direction."""
    norm = jnp.linalg.norm(matrix)
    apart = jnp.linalg.norm(matrix / jnp.where(norm > 0.0, norm, 1.0) - frame)
    return jnp.where(norm > 0.0, apart, jnp.inf)


def _check_features(features: Any) -> Any:
    features = check_array("features", features, ndim=2, finite=False)
    if not isinstance(features, Tracer):
        broken = np.flatnonzero(~np.isfinite(np.asarray(features)).all(1))
        if broken.size:
            raise ValueError(f"features must be finite, row {broken[0]} is the first of {broken.size} that is not")
    return features


def _warn_of_single_samples(labels: np.ndarray, classes: int) -> None:
    single = np.flatnonzero(np.bincount(labels, minlength=classes) == 1)
    if single.size:
        warnings.warn(
            f"class {', '.join(map(str, single))} has one sample and so no deviation from its mean", stacklevel=3
        )
