"""Quadrature with few points: empirical cubature by nonnegative orthogonal matching pursuit.

For integrands `g_m` with values at the points of a quadrature `w`, `G_mx = w_x g_m(x)` and `b_m = sum_x G_mx`, points
are added one after another where the residual is largest, and the weights are those of nonnegative least squares,

    x = argmax G_x . r,     S += x,     v = argmin_{v >= 0} |G_S v - b|,     r = b - G_S v,     until |r| <= tol |b|

Points whose weight becomes zero leave. As long as the rule is not met some `G_x . r` is positive, because the full
quadrature has no residual; so the search cannot stall but for rounding.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import numpy as np
import scipy.linalg
from jaxtyping import Float, Int

from ..core import check_array, check_number

# Columns are told apart to this share of the largest.
_DEPENDENT = 1e-12


class Cubature(eqx.Module):
    """What `empirical_cubature` returns: `points`, in ascending order, their positive `weights`, and the `residual`
    that they leave: the larger one of `|r| / |b|` and of the relative error of the volume."""

    points: Int[np.ndarray, " S"]
    weights: Float[np.ndarray, " S"]
    residual: float


def empirical_cubature(
    integrands: Any, weights: Any, *, tol: float = 1e-3, start: Sequence[int] | np.ndarray = ()
) -> Cubature:
    """A few points of a quadrature with new, positive weights that integrate given functions, and constants.

    The integrands are compressed by their singular values first, to `tol`. Also known as ECM and, without the
    compression, as energy-conserving sampling and weighting.

    **Arguments:**

    - `integrands`: values at the points, shape `(m, G)`; `weights`: of the full quadrature, positive, shape `(G,)`.
    - `tol`: relative residual of the integrals at most, and relative error of the volume.
    - `start`: points of an earlier cubature to begin with.

    **Returns:** a `Cubature`. Warns when rounding keeps the residual above `tol`.

    **Raises:** `ValueError` when shapes do not fit, values are not finite, or a number is out of range.

    Source: Hernández, Caicedo & Ferrer 2017; Casenave & Akkari 2019, Algorithm 2.

    >>> x = (np.arange(1000) + 0.5) / 1000
    >>> found = empirical_cubature(x ** np.arange(8)[:, None], np.full(1000, 1e-3), tol=1e-12)
    >>> len(found.points), bool(abs(found.weights @ x[found.points] ** 7 - 1 / 8) < 1e-6)
    (8, True)
    """
    g = np.asarray(check_array("integrands", integrands, ndim=2), np.float64)
    w = np.asarray(check_array("weights", weights, shape=(g.shape[1],)), np.float64)
    tol = check_number("tol", tol, minimum=0.0)
    if w.min() <= 0.0:
        raise ValueError(f"weights must be positive, got {w.min():.3g}")
    chosen = np.unique(np.asarray(start, np.int64))
    if chosen.size and not 0 <= chosen[0] <= chosen[-1] < w.size:
        raise ValueError(f"start must lie in [0, {w.size - 1}], got {chosen[0]} to {chosen[-1]}")
    rows = _compressed(g * w, tol)
    size = np.linalg.norm(rows.sum(1))
    # The constant weighs as much as all others together, so that the volume is as exact as they are.
    volume = w * ((size if size > 0.0 else 1.0) / w.sum())
    rows = np.concatenate([rows, volume[None]])
    points, factors, residual = _pursue(rows, chosen, tol)
    if residual > tol:
        warnings.warn(f"empirical cubature: rounding stopped at a residual of {residual:.1e}", stacklevel=2)
    order = np.argsort(points)
    return Cubature(points[order], factors[order] * w[points][order], residual)


def _compressed(rows: Float[np.ndarray, "m G"], tol: float) -> Float[np.ndarray, "k G"]:
    """Rows with the same span to `tol`, by the smaller of the two Gram matrices."""
    if rows.shape[0] <= rows.shape[1]:
        squares, vectors = np.linalg.eigh(rows @ rows.T)
        kept = squares > _floor(squares, tol)
        return vectors[:, kept].T @ rows
    squares, vectors = np.linalg.eigh(rows.T @ rows)
    kept = squares > _floor(squares, tol)
    return np.sqrt(squares[kept])[:, None] * vectors[:, kept].T


def _floor(squares: np.ndarray, tol: float) -> float:
    """Below it the sum of all is at most `tol^2` of the total."""
    tails = np.cumsum(np.maximum(squares, 0.0))
    dropped = np.count_nonzero(tails <= max(tol, 1e-15) ** 2 * tails[-1])
    return float(squares[dropped - 1]) if dropped else -np.inf


def _pursue(g: np.ndarray, start: np.ndarray, tol: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Lawson and Hanson's nonnegative least squares, from the points that are there and until the residual is small.

    SciPy's `nnls` has neither a start nor a tolerance: it goes on to the optimum, which takes more points.
    """
    b = g.sum(1)
    size, total = np.linalg.norm(b), b[-1]
    now = _Active(g, b, start)
    now.fit()
    while True:
        r = b - g[:, now.points] @ now.factors
        residual = float(max(np.linalg.norm(r) / size, abs(r[-1]) / total))
        slope = g.T @ r
        slope[now.points] = -np.inf
        new = int(slope.argmax())
        if residual <= tol or slope[new] <= 0.0 or now.points.size == min(g.shape):
            return now.points, now.factors, residual
        if not now.add(new):  # only rounding is left
            return now.points, now.factors, residual
        now.fit()


class _Active:
    """The points with a weight, and the QR decomposition of their columns, updated as they come and go."""

    def __init__(self, g: np.ndarray, b: np.ndarray, start: np.ndarray):
        self.g, self.b = g, b
        self.points, self.factors = np.zeros(0, np.int64), np.zeros(0)
        self.q, self.r = np.zeros((len(g), 0)), np.zeros((0, 0))
        if start.size:
            # Of columns that depend on each other only some can be kept.
            _, r, pivots = scipy.linalg.qr(g[:, start], mode="economic", pivoting=True)
            diagonal = np.abs(np.diag(r))
            self.points = start[pivots[: np.count_nonzero(diagonal > _DEPENDENT * diagonal[0])]]
            self.factors = np.full(self.points.size, _DEPENDENT)
            self.q, self.r = scipy.linalg.qr(g[:, self.points], mode="economic")

    def add(self, point: int) -> bool:
        """A point without weight yet, unless its column depends on those that are there."""
        column = self.g[:, point]
        left = column - self.q @ (self.q.T @ column)
        if np.linalg.norm(left) <= _DEPENDENT * np.linalg.norm(column):
            return False
        if self.points.size:
            self.q, self.r = scipy.linalg.qr_insert(self.q, self.r, column, self.points.size, which="col")
        else:
            self.q, self.r = scipy.linalg.qr(column[:, None], mode="economic")
        self.points, self.factors = np.append(self.points, point), np.append(self.factors, 0.0)
        return True

    def fit(self) -> None:
        """From feasible factors to those of least squares, leaving points behind that reach zero on the way."""
        while self.points.size:
            wanted = scipy.linalg.solve_triangular(self.r, self.q.T @ self.b)
            if wanted.min() > 0.0:
                self.factors = wanted
                return
            falling = np.flatnonzero(wanted <= 0.0)
            shares = self.factors[falling] / (self.factors[falling] - wanted[falling])
            moved = self.factors + shares.min() * (wanted - self.factors)
            out = falling[shares.argmin()]
            q, r = scipy.linalg.qr_delete(self.q, self.r, out, which="col")
            # Of a square Q it takes the decomposition to be the full one.
            self.q, self.r = q[:, : r.shape[1]], r[: r.shape[1]]
            self.points, self.factors = np.delete(self.points, out), np.maximum(np.delete(moved, out), 0.0)
