"""The problem of the verbs of this package: simulations that were made, at which parameters, and in which norm."""

import warnings
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from ..core import check_array
from ._weight import AbstractWeight, settle_weight

# A larger share of zero fields is a mistake in the data rather than a few simulations that did nothing.
_MOST_ZEROS = 0.01


class SnapshotSet(eqx.Module):
    """Solutions of a parametrised problem.

    A solution that is zero everywhere has no direction: it is left out with a warning that names it, and `kept` says
    which ones remain.

    **Arguments:**

    - `fields`: shape `(M, n)`, a solution in each row, or `(M, times, n)`, a trajectory each.
    - `params`: shape `(M, p)`, the parameters of each; needed by methods that look at them.
    - `weight`: of the inner product, as in `pod`.
    - `features`: shape `(M, q)`, cheap numbers that are known before a simulation, for a `ROMNet`.
    - `lift`: shape `(n,)`, subtracted from all fields, such as a lift of boundary values or a mean field.

    **Raises:** `ValueError` when shapes do not fit, a value is not finite, the weight is not positive definite on the
    fields, or more than one per cent of them are zero.

    >>> import numpy as np
    >>> SnapshotSet(np.eye(3), params=[[0.0], [1.0], [2.0]]).count
    3
    """

    snapshots: Float[np.ndarray, "M times n"]
    params: Float[np.ndarray, "M p"] | None
    weight: AbstractWeight
    features: Float[np.ndarray, "M q"] | None
    lift: Float[np.ndarray, " n"] | None
    kept: Int[np.ndarray, " M"]

    def __init__(self, fields: Any, *, params: Any = None, weight: Any = None, features: Any = None, lift: Any = None):
        given = np.asarray(check_array("fields", fields), np.float64)
        if given.ndim not in (2, 3):
            raise ValueError(f"fields must have shape (M, n) or (M, times, n), got {given.shape}")
        given = given[:, None] if given.ndim == 2 else given
        self.weight = settle_weight(weight, given.shape[-1])
        self.lift = None
        if lift is not None:
            self.lift = np.asarray(check_array("lift", lift, shape=given.shape[-1:]), np.float64)
            given = given - self.lift
        squares = _squares(given, self.weight)
        zero = ~given.any((1, 2))
        if (squares[~zero] <= 0.0).any():
            raise ValueError("weight must be positive definite, got a field whose square is not positive")
        if zero.mean() > _MOST_ZEROS:
            raise ValueError(f"fields must not be zero, got zero in {zero.sum()} of {zero.size}, first {zero.argmax()}")
        if zero.any():
            warnings.warn(f"zero fields have no direction and are left out: {np.flatnonzero(zero)}", stacklevel=3)
        self.kept = np.flatnonzero(~zero)
        self.snapshots = given[self.kept]
        tables = {"params": params, "features": features}
        settled = {
            name: None if value is None else np.asarray(check_array(name, value, shape=(zero.size, None)), np.float64)
            for name, value in tables.items()
        }
        self.params, self.features = (None if table is None else table[self.kept] for table in settled.values())

    @property
    def count(self) -> int:
        """Number of solutions, without those that were left out."""
        return self.snapshots.shape[0]

    @property
    def rows(self) -> Float[np.ndarray, "rows n"]:
        """All fields in rows, those of a trajectory one after another."""
        return self.snapshots.reshape(-1, self.snapshots.shape[2])

    @property
    def norms(self) -> Float[np.ndarray, " M"]:
        """The norm of each solution, over all times."""
        return np.sqrt(_squares(self.snapshots, self.weight))

    def select(self, index: Any) -> "SnapshotSet":
        """The solutions of an index array."""
        names = [n for n in ("snapshots", "params", "features", "kept") if getattr(self, n) is not None]
        return eqx.tree_at(lambda s: [getattr(s, n) for n in names], self, [getattr(self, n)[index] for n in names])

    def centred(self) -> "SnapshotSet":
        """The same without the mean field, which is added to the lift: for fields on top of a large constant."""
        mean = self.rows.mean(0)
        lift = mean if self.lift is None else self.lift + mean
        new = SnapshotSet(
            self.snapshots + (0.0 if self.lift is None else self.lift),
            params=self.params,
            weight=self.weight,
            features=self.features,
            lift=lift,
        )
        return eqx.tree_at(lambda s: s.kept, new, self.kept[new.kept])


def _squares(x: Float[np.ndarray, "M times n"], weight: AbstractWeight) -> Float[np.ndarray, " M"]:
    return np.einsum("itn,itn->i", x, np.asarray(weight.times(x)))
