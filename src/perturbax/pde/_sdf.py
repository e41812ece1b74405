"""Domains by a function of the user that is negative inside."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array
from ._region import AbstractRegion


class SDFDomain(AbstractRegion):
    """Where a function is negative, inside of a box.

    A signed distance is best; any differentiable function does whose gradient does not vanish on the boundary.

    **Arguments:**

    - `function`: from a point `(dimension,)` to a number, in JAX.
    - `lower`, `upper`: corners of a box that contains the domain, close to it: points are drawn there.

    **Raises:** `TypeError`, `ValueError` for another function, for corners in the wrong order, and when points are
    drawn in a domain that is empty.

    >>> ellipse = SDFDomain(lambda x: (x[0] / 2.0) ** 2 + x[1] ** 2 - 1.0, [-2.0, -1.0], [2.0, 1.0])
    >>> ellipse.contains(np.array([[1.9, 0.0], [1.9, 0.9]])).tolist()
    [True, False]
    """

    function: Callable
    lower: Float[Array | np.ndarray, " dimension"]
    upper: Float[Array | np.ndarray, " dimension"]
    time_axis: int | None = eqx.field(static=True)

    def __init__(self, function: Callable, lower: Any, upper: Any):
        if isinstance(function, type) or not callable(function):
            raise TypeError(f"function must be a function of a point, got {type(function).__name__}")
        self.function = function
        self.lower = check_array("lower", lower, shape=(None,))
        self.upper = check_array("upper", upper, shape=self.lower.shape)
        if not (np.asarray(self.upper) > np.asarray(self.lower)).all():
            raise ValueError(f"upper must be > lower in every axis, got {self.lower} and {self.upper}")
        answer = jax.eval_shape(function, jax.ShapeDtypeStruct(self.lower.shape, jnp.result_type(float)))
        if getattr(answer, "shape", None) != ():
            raise ValueError(f"function must return a scalar, got {answer}")
        self.time_axis = None

    def distance(self, x: Float[Array, " dimension"]) -> Float[Array, ""]:
        return self.function(x)
