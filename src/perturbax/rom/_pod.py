"""Proper orthogonal decomposition in a weighted inner product.

Of snapshots `x` in the `m` rows of an `(m, n)` array, the modes `v_1, ..., v_N` are the `W`-orthonormal rows that leave
the least squared error

    sum_i |u_i - P u_i|_W^2  =  sum_{j > N} s_j^2,      x = U diag(s) V,   V W V' = I,

with the singular values `s` in descending order. Also known as principal component analysis without centring.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_instance, check_integer, check_key, check_number, float64
from ._gram import RESOLUTION, by_snapshots
from ._weight import AbstractWeight, settle_weight


class POD(eqx.Module):
    """What `pod` returns.

    - `modes`: shape `(N, n)`, `W`-orthonormal rows.
    - `singular_values`: all that were computed, in descending order.
    - `error`: the relative error of the snapshots, `sqrt(sum_{j > N} s_j^2 / sum_j s_j^2)`.
    - `weight`: the inner product.
    """

    modes: Float[np.ndarray, "N n"]
    singular_values: Float[np.ndarray, " values"]
    error: float
    weight: AbstractWeight

    def coefficients(self, fields: Any) -> Float[np.ndarray, "m N"]:
        """The coefficients of fields `(m, n)` in the modes."""
        fields = np.asarray(check_array("fields", fields, shape=(None, self.modes.shape[1])), np.float64)
        return np.asarray(self.weight.times(fields)) @ self.modes.T

    def project(self, fields: Any) -> Float[np.ndarray, "m n"]:
        """The closest fields in the span of the modes."""
        return self.coefficients(fields) @ self.modes


class AbstractFactorisation(eqx.Module):
    """How modes and singular values are computed."""

    @property
    @abc.abstractmethod
    def resolution(self) -> float:
        """Singular values below this share of the largest are rounding errors; 0 leaves that to the size of the
        array."""

    @abc.abstractmethod
    def factor(self, x: Any, weight: AbstractWeight, rank: int | None, key: Any) -> tuple[Any, Any]:
        """Modes in rows and singular values, all of them or at least `rank`."""


class OrthogonalSVD(AbstractFactorisation):
    """QR decomposition, then the SVD of the small factor: every singular value to the precision of the largest.

    >>> OrthogonalSVD()
    OrthogonalSVD()
    """

    @property
    def resolution(self) -> float:
        return 0.0

    def factor(self, x: Any, weight: AbstractWeight, rank: int | None, key: Any) -> tuple[Any, Any]:
        return _rotate(*weight.orthonormalise(x))


class MethodOfSnapshots(AbstractFactorisation):
    """Eigenvectors of the `m x m` Gram matrix: two matrix products, for many values and few snapshots.

    Squaring loses what is below 1e-7 of the largest singular value. Also known as Sirovich's method.

    >>> MethodOfSnapshots().resolution
    1e-07
    """

    @property
    def resolution(self) -> float:
        return RESOLUTION

    def factor(self, x: Any, weight: AbstractWeight, rank: int | None, key: Any) -> tuple[Any, Any]:
        return by_snapshots(x, weight, min(x.shape) if rank is None else rank)


class RandomizedSVD(AbstractFactorisation):
    """The SVD of the snapshots in the range of random combinations of them: for a small rank of many snapshots.

    As `linalg.RandomizedSVD`, but orthonormal in the weight, which need not have a root that could be taken out of it.

    **Arguments:** `oversampling`: combinations beyond the rank; `power_iterations`: passes that sharpen a
    spectrum that decays slowly.

    **Raises:** `ValueError` when one is out of range, or, when used, without `rank` or `key`.

    Source: Halko, Martinsson & Tropp 2011, *Finding structure with randomness*, arXiv 0909.4061.

    >>> RandomizedSVD(power_iterations=1).oversampling
    10
    """

    oversampling: int = 10
    power_iterations: int = 2

    def __check_init__(self):
        check_integer("oversampling", self.oversampling, minimum=0)
        check_integer("power_iterations", self.power_iterations, minimum=0)

    @property
    def resolution(self) -> float:
        return 0.0

    def factor(self, x: Any, weight: AbstractWeight, rank: int | None, key: Any) -> tuple[Any, Any]:
        if rank is None or key is None:
            raise ValueError("RandomizedSVD needs rank and key")
        x = jnp.asarray(x)
        wx = jnp.asarray(weight.times(x))
        size = min(rank + self.oversampling, *x.shape)
        y = jax.random.normal(key, (size, x.shape[0]), x.dtype) @ x
        for _ in range(self.power_iterations):
            q, _ = weight.orthonormalise(y)
            y = (q @ wx.T) @ x
        q, _ = weight.orthonormalise(y)
        return _rotate(q, q @ wx.T)


def pod(
    snapshots: Any,
    *,
    weight: Any = None,
    rank: int | None = None,
    tol: float | None = None,
    factorisation: AbstractFactorisation | None = None,
    key: Any = None,
) -> POD:
    """The proper orthogonal decomposition of snapshots, in float64.

    **Arguments:**

    - `snapshots`: shape `(m, n)`, a field in each row.
    - `weight`: of the inner product: positive entries of shape `(n,)`, a sparse symmetric matrix, or a function that
      multiplies rows by it; the identity when `None`.
    - `rank`: modes to keep; `tol`: keep the fewest modes whose relative error is at most this. With both, the fewer;
      with none, all that are not rounding errors.
    - `factorisation`: `OrthogonalSVD()` when `None`, `MethodOfSnapshots()` or `RandomizedSVD()`; `key`: for the last.

    **Returns:** a `POD`.

    **Raises:** `ValueError` or `TypeError` for arguments that do not fit, snapshots that are all zero, or a weight that
    is not positive definite.

    >>> import numpy as np
    >>> x = np.outer([1.0, 2.0, -1.0], [3.0, 0.0, 4.0])
    >>> pod(x).modes.shape, round(float(pod(x).singular_values[0]), 3)
    ((1, 3), 12.247)
    """
    x = np.asarray(check_array("snapshots", snapshots, ndim=2), np.float64)
    inner = settle_weight(weight, x.shape[1])
    rank = None if rank is None else check_integer("rank", rank, minimum=1)
    tol = None if tol is None else check_number("tol", tol, minimum=0.0, maximum=1.0)
    factorisation = OrthogonalSVD() if factorisation is None else factorisation
    check_instance("factorisation", factorisation, AbstractFactorisation, "a factorisation such as OrthogonalSVD()")
    key = None if key is None else check_key("key", key)
    return decompose(x, inner, rank, tol, factorisation, key)


def decompose(
    x: Float[np.ndarray, "m n"],
    weight: AbstractWeight,
    rank: int | None,
    tol: float | None,
    factorisation: AbstractFactorisation,
    key: Any,
) -> POD:
    """`pod` behind its door."""
    with float64():
        modes, values = factorisation.factor(x, weight, rank, key)
        values = np.asarray(values)
    if not values[0] > 0.0:
        raise ValueError("snapshots must not all be zero, nor weight negative on them")
    floor = max(factorisation.resolution, np.finfo(np.float64).eps * max(x.shape)) * values[0]
    count = min(int((values > floor).sum()), modes.shape[0])
    squares = np.square(values)
    rest = 0.0
    if values.size < min(x.shape):
        rest = max(float(np.vdot(x, weight.times(x))) - float(squares.sum()), 0.0)
    tails = np.append(np.cumsum(squares[::-1])[::-1], 0.0) + rest
    if tol is not None:
        enough = tails <= tol**2 * tails[0]
        count = min(count, int(np.argmax(enough)) if enough.any() else count)
    count = max(min(count, rank or count), 1)
    return POD(np.asarray(modes[:count]), values, float(np.sqrt(tails[count] / tails[0])), weight)


@jax.jit
def _rotate(q: Float[Array, "p n"], r: Float[Array, "p m"]) -> tuple[Float[Array, "k n"], Float[Array, " k"]]:
    u, s, _ = jnp.linalg.svd(r, full_matrices=False)
    return u.T @ q, s
