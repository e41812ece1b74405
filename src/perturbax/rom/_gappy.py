"""Fields from some of their values: gappy POD, and the points of Q-DEIM.

With modes `V` in rows and values `x_S` at the points `S`, gappy POD is

    z = argmin_z |V_S' z - x_S|,      x ~ V' z

and Q-DEIM takes as points the first pivots of a QR decomposition of `V` with pivoting by columns.
"""

from typing import Any

import equinox as eqx
import numpy as np
import scipy.linalg
from jaxtyping import Float, Int

from ..core import check_array

# Singular values of the modes at the points below this share of the largest are no information.
_RANK = 1e-10


class GappyPOD(eqx.Module):
    """Reconstruct fields from values at a few points.

    **Arguments:** `modes`: shape `(k, n)`, in rows; `points`: indices of shape `(S,)`, at least `k` of them.

    **Raises:** `ValueError` when the modes are not told apart at the points, which are then too few or badly placed.

    Source: Everson & Sirovich 1995; Casenave & Akkari 2019, Algorithms 3 and 4.

    >>> modes = np.stack([np.ones(5), np.arange(5.0)])
    >>> GappyPOD(modes, [0, 4]).reconstruct([[1.0, 9.0]]).round(6).tolist()
    [[1.0, 3.0, 5.0, 7.0, 9.0]]
    """

    modes: Float[np.ndarray, "k n"]
    points: Int[np.ndarray, " S"]
    range_: Float[np.ndarray, "S k"]
    inverse: Float[np.ndarray, "k S"]

    def __init__(self, modes: Any, points: Any):
        self.modes = np.asarray(check_array("modes", modes, ndim=2), np.float64)
        self.points = np.asarray(check_array("points", np.asarray(points), ndim=1, kind="integer"), np.int64)
        if self.points.min() < 0 or self.points.max() >= self.modes.shape[1]:
            raise ValueError(f"points must lie in [0, {self.modes.shape[1] - 1}], got {self.points.tolist()}")
        u, s, v = np.linalg.svd(self.modes[:, self.points].T, full_matrices=False)
        if s.size < len(self.modes) or s[-1] <= _RANK * s[0]:
            raise ValueError(
                f"points must tell the modes apart, got {self.points.size} points for {len(self.modes)} modes and a "
                f"smallest singular value of {s[-1] / max(s[0], 1e-300):.1e} of the largest; add points of q_deim"
            )
        self.range_, self.inverse = u, (v.T / s) @ u.T

    def reconstruct(self, values: Any) -> Float[np.ndarray, "m n"]:
        """Fields from their values at the points, shape `(m, S)`."""
        values = np.asarray(check_array("values", values, shape=(None, self.points.size)), np.float64)
        return (values @ self.inverse.T) @ self.modes

    def residual(self, values: Any) -> Float[np.ndarray, " m"]:
        """Root mean square of what the modes leave of the values, shape `(m, S)`."""
        values = np.asarray(check_array("values", values, shape=(None, self.points.size)), np.float64)
        left = values - (values @ self.range_) @ self.range_.T
        return np.sqrt(np.square(left).mean(1))


def q_deim(modes: Any) -> Int[np.ndarray, " k"]:
    """Points at which modes are told apart well, as many as there are modes.

    **Arguments:** `modes`: independent rows, shape `(k, n)`.

    **Returns:** indices, the most important first.

    **Raises:** `ValueError` for more modes than points.

    Source: Drmač & Gugercin 2016, arXiv 1505.00370.

    >>> q_deim([[0.0, 1.0, 0.0, 0.2], [0.1, 0.0, -3.0, 0.0]]).tolist()
    [2, 1]
    """
    modes = np.asarray(check_array("modes", modes, ndim=2), np.float64)
    if modes.shape[0] > modes.shape[1]:
        raise ValueError(f"modes must not be more than their values, got shape {modes.shape}")
    _, _, pivots = scipy.linalg.qr(modes, mode="economic", pivoting=True)
    return np.asarray(pivots[: len(modes)], np.int64)
