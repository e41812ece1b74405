"""`spectrum_of`: eigenvalues, singular values or their density, of an operator known by its action. The verb and its
solution."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float

from ..core import Method, check_array, check_instance, check_key, float64, settle_arrays, to_host
from ._operator import AbstractOperator
from ._problem import as_operator
from ._sparse import side_by_side


class Spectrum(eqx.Module):
    """What `spectrum_of` returns; what a method does not find is `None`.

    - `values`: eigenvalues, ascending, or singular values, descending.
    - `vectors`: of them, shape `(k, *shape)`; `left_vectors`: of singular values.
    - `residuals`: the norms `|A v - value v|`, or `|A v - value u|`: no eigenvalue is further from `value` than that.
    - `weights`: of the values as a quadrature rule, for `integrate`; they sum to the size of a vector.
    - `stats`: `"evaluations"` of the operator or its transpose.
    """

    values: Float[Array | np.ndarray, " k"]
    vectors: Float[Array | np.ndarray, "k ..."] | None
    left_vectors: Float[Array | np.ndarray, "k m"] | None
    residuals: Float[Array | np.ndarray, " k"] | None
    weights: Float[Array | np.ndarray, " k"] | None
    stats: dict[str, Any]

    def integrate(self, function: Callable[[Array], Array]) -> float:
        """`tr f(A)`, such as `tr log A` with `jnp.log`, as far as the method is a quadrature rule for it.

        **Raises:** `ValueError` when it is not.
        """
        if self.weights is None:
            raise ValueError("weights must be known to integrate: use StochasticLanczosQuadrature()")
        with float64():
            values, weights = jnp.asarray(self.values), jnp.asarray(self.weights)
            # Values without a weight may be where the function is not defined.
            return float(jnp.sum(jnp.where(weights > 0.0, weights * function(values), 0.0)))


class RectangularMap(eqx.Module):
    """A linear map and its transpose on flat vectors."""

    forward: Callable[[Array], Array]
    transposed: Callable[[Array], Array]
    rows: int
    columns: int


class AbstractSpectrumMethod(Method):
    """A method of `linalg.spectrum_of`."""

    @abc.abstractmethod
    def settle(self, operator: Any) -> Any:
        """What the method works on, made of what a user has."""

    @abc.abstractmethod
    def find(self, operator: Any, key: Any) -> Spectrum:
        """The spectrum, as far as the method finds it."""


class AbstractSymmetricSpectrumMethod(AbstractSpectrumMethod):
    """A method for symmetric operators."""

    def settle(self, operator: Any) -> AbstractOperator:
        made = as_operator(operator)
        if made.symmetric is False:
            raise ValueError(f"operator must be symmetric for {type(self).__name__}; RandomizedSVD takes any")
        return made


def spectrum_of(operator: Any, method: AbstractSpectrumMethod, *, key: Any) -> Spectrum:
    """Find eigenvalues, singular values or a density of them, in float64.

    **Arguments:** `operator`: as for `LinearSystem`; for `RandomizedSVD` also a rectangular array, sparse matrix or
    operator of Lineax; `method`: `Lanczos()`, `StochasticLanczosQuadrature()` or `RandomizedSVD(rank)`; `key`: PRNG key
    of starts and sketches.

    **Returns:** a `Spectrum`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    >>> import jax
    >>> import numpy as np
    >>> from perturbax import linalg
    >>> linalg.spectrum_of(np.diag([1.0, 2.0, 3.0]), linalg.Lanczos(3), key=jax.random.key(0)).values.round(6).tolist()
    [1.0, 2.0, 3.0]
    """
    check_instance("method", method, AbstractSpectrumMethod, "a method such as Lanczos()")
    settled = method.settle(operator)
    key = check_key("key", key)
    with float64():
        spectrum = method.find(settle_arrays(settled), key)
    return to_host(spectrum)


def as_rectangular(value: Any) -> RectangularMap:
    """A map with its transpose, of anything that has one.

    **Raises:** `ValueError` for operators whose transpose is not known.
    """
    if scipy.sparse.issparse(value):
        forward, transposed = side_by_side(value), side_by_side(value.T)
        return RectangularMap(forward, transposed, *value.shape)
    if isinstance(value, lineax.AbstractLinearOperator):
        forward, transposed = (_Flat(operator, operator.in_structure().shape) for operator in (value, value.T))
        return RectangularMap(forward, transposed, value.out_size(), value.in_size())
    if isinstance(value, jax.Array | np.ndarray):
        matrix = check_array("operator", value, ndim=2)
        return RectangularMap(_Dense(matrix), _Dense(matrix.T), *matrix.shape)
    operator = as_operator(value)
    if not operator.symmetric:
        raise ValueError("operator must have a transpose that is known: give an array, a sparse matrix or Lineax's")
    flat = _Shaped(operator)
    return RectangularMap(flat, flat, operator.size, operator.size)


class _Dense(eqx.Module):
    matrix: Any

    def __call__(self, x: Array) -> Array:
        return self.matrix @ x


class _Flat(eqx.Module):
    operator: lineax.AbstractLinearOperator
    shape: tuple[int, ...]

    def __call__(self, x: Array) -> Array:
        return self.operator.mv(x.reshape(self.shape)).reshape(-1)


class _Shaped(eqx.Module):
    operator: AbstractOperator

    def __call__(self, x: Array) -> Array:
        return self.operator(x.reshape(self.operator.shape)).reshape(-1)
