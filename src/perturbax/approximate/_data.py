"""The problem of approximating a function that is known at scattered points."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..core import check_array


class ScatteredData(eqx.Module):
    """Values of an unknown function at points of a box.

    Methods see the box scaled to `[0, 1]^m`, so that a bandwidth means the same for columns of all units.

    **Arguments:**

    - `x`: points, shape `(N, m)`, or `(N,)` for one column.
    - `y`: values, shape `(N, k)`, or `(N,)` for one output.
    - `lower`, `upper`: corners of the box, shape `(m,)` or numbers; by default the range of each column.

    **Raises:** `ValueError` when shapes do not fit, a value is not finite (with its row), a point lies outside of the
    box, or a column does not vary.

    >>> data = ScatteredData([0.0, 1.0, 4.0], [1.0, 2.0, 0.0])
    >>> data.unit(data.x).ravel().tolist(), data.y.shape
    ([0.0, 0.25, 1.0], (3, 1))
    """

    x: Float[np.ndarray, "N m"]
    y: Float[np.ndarray, "N k"]
    lower: Float[np.ndarray, " m"]
    upper: Float[np.ndarray, " m"]
    single: bool = eqx.field(static=True)

    def __init__(self, x: Any, y: Any, lower: Any = None, upper: Any = None):
        x, y = (_rows(name, value) for name, value in (("x", x), ("y", y)))
        self.single = y.ndim == 1
        self.x, self.y = (a[:, None] if a.ndim == 1 else a for a in (x, y))
        if len(self.x) != len(self.y):
            raise ValueError(f"y must have one row for each of the {len(self.x)} rows of x, got {len(self.y)}")
        m = self.x.shape[1]
        self.lower = _corner("lower", lower, self.x.min(0), m)
        self.upper = _corner("upper", upper, self.x.max(0), m)
        if (self.lower >= self.upper).any():
            column = int(np.argmax(self.lower >= self.upper))
            raise ValueError(
                f"upper must be > lower in every column, got {self.upper[column]:g} and {self.lower[column]:g} in "
                f"column {column}; a column of x that does not vary says nothing: leave it out"
            )
        outside = ((self.x < self.lower) | (self.x > self.upper)).any(1)
        if outside.any():
            raise ValueError(f"x must lie between lower and upper, row {int(np.argmax(outside))} does not")

    def unit(self, x: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
        """Points in the coordinates in which the box is `[0, 1]^m`."""
        return (x - self.lower) / (self.upper - self.lower)

    def evaluate(self, function: Any, x: Any) -> Float[np.ndarray, "..."]:
        """A function on the unit box at points of this problem, in the shape in which `y` came."""
        x = np.asarray(check_array("x", x), np.float64)
        if x.ndim == 1 and self.x.shape[1] == 1:
            x = x[:, None]
        x = check_array("x", x, shape=(None, self.x.shape[1]))
        y = function(self.unit(x))
        return y[:, 0] if self.single else y


def _rows(name: str, value: Any) -> np.ndarray:
    array = np.asarray(check_array(name, value, finite=False), np.float64)
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} must have one or two axes, got shape {array.shape}")
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(1)
    if bad.any():
        rows = [*map(str, np.flatnonzero(bad)[:5]), *(["..."] if bad.sum() > 5 else [])]
        raise ValueError(f"{name} must be finite, got NaN or infinite in {bad.sum()} rows: {', '.join(rows)}")
    return array


def _corner(name: str, value: Any, default: np.ndarray, m: int) -> np.ndarray:
    if value is None:
        return default
    corner = np.asarray(check_array(name, np.asarray(value, np.float64)), np.float64)
    if corner.shape not in ((), (m,)):
        raise ValueError(f"{name} must be a number or have shape ({m},), got {corner.shape}")
    return np.broadcast_to(corner, (m,)).copy()
