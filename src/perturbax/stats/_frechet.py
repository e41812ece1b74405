"""The Frechet distance: how far apart two samples are in mean and covariance.

    FD = |m_x - m_y|^2 + tr(S_x + S_y - 2 (S_x^{1/2} S_y S_x^{1/2})^{1/2})

It is the squared 2-Wasserstein distance of the Gaussians with the samples' moments.
"""

from typing import Any

import numpy as np

from ..core import check_array


def frechet_distance(x: Any, y: Any) -> float:
    """The Frechet distance of two samples. Also known as FID when the points are Inception features; it is a square.

    Biased upwards by about `1/n`: always read it beside its `sampling_floor` at the same sizes. Computed in float64 on
    the host.

    **Arguments:** `x`, `y`: shapes `(n, d)` and `(m, d)`, at least two points each.

    **Returns:** a number, at least 0.

    **Raises:** `ValueError` when shapes disagree, a sample has one point or a value is not finite.

    Source: Dowson & Landau 1982; Heusel et al. 2017.

    >>> frechet_distance([[0.0], [2.0]], [[3.0], [5.0]])
    9.0
    """
    x, y = check_samples(x, y, minimum=2)
    moments = [(z.mean(0), np.cov(z, rowvar=False).reshape(z.shape[1], -1)) for z in (x, y)]
    return frechet_distance_of_moments(*moments[0], *moments[1])


def frechet_distance_of_moments(mean_x: Any, covariance_x: Any, mean_y: Any, covariance_y: Any) -> Any:
    """The Frechet distance of two Gaussians, the square of their 2-Wasserstein distance, also known as the squared
    Bures-Wasserstein distance.

    **Arguments:** `mean_x`, `mean_y`: shape `(d,)`; `covariance_x`, `covariance_y`: shape `(d, d)`, symmetric positive
    semi-definite. Pairs of Gaussians in batches have the same leading axes in all four.

    **Returns:** a number, at least 0, or for batches an array.

    **Raises:** `ValueError` when shapes disagree or a value is not finite.

    >>> frechet_distance_of_moments([0.0], [[1.0]], [0.0], [[4.0]])
    1.0
    """
    mean_x = np.asarray(check_array("mean_x", mean_x), np.float64)
    if mean_x.ndim == 0:
        raise ValueError("mean_x must have one axis or more, got a scalar")
    shape = (*mean_x.shape, mean_x.shape[-1])
    mean_y = np.asarray(check_array("mean_y", mean_y, shape=mean_x.shape), np.float64)
    covariance_x = np.asarray(check_array("covariance_x", covariance_x, shape=shape), np.float64)
    covariance_y = np.asarray(check_array("covariance_y", covariance_y, shape=shape), np.float64)
    # Only the eigenvalues of S_x^{1/2} S_y S_x^{1/2} are needed, and a symmetric factorisation keeps them real.
    values, vectors = np.linalg.eigh(covariance_x)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :] @ vectors.swapaxes(-1, -2)
    crossed = np.linalg.eigvalsh(root @ covariance_y @ root)
    overlap = np.sqrt(np.maximum(crossed, 0.0)).sum(-1)
    spread = np.trace(covariance_x + covariance_y, axis1=-2, axis2=-1)
    distance = np.maximum(np.square(mean_x - mean_y).sum(-1) + spread - 2.0 * overlap, 0.0)
    return distance if distance.ndim else float(distance)


def check_samples(x: Any, y: Any, *, minimum: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Two samples of points of one dimension, as float64 on the host."""
    x = np.asarray(check_array("x", x, ndim=2), np.float64)
    y = np.asarray(check_array("y", y, shape=(None, x.shape[1])), np.float64)
    for name, value in (("x", x), ("y", y)):
        if value.shape[0] < minimum:
            raise ValueError(f"{name} must have {minimum} points or more, got {value.shape[0]}")
    return x, y
