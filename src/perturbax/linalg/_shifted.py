"""`A + c I`: a family of operators that differ by a number, such as the steps of a diffusion equation."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jaxtyping import Array, Bool, Int

from ..core import check_number
from ._operator import AbstractOperator
from ._problem import as_operator


class Shifted(AbstractOperator):
    """`A + c I` for an operator `A` with entries; one program serves all `c`, because the pattern stays.

    **Arguments:** `base`: `A`, of any kind that `LinearSystem` takes; `shift`: the number `c`, also negative, which may
    be traced.

    **Raises:** `TypeError`, `ValueError` for what is no operator, or a shift that is not finite.

    >>> Shifted(np.array([[2.0, -1.0], [-1.0, 2.0]]), 0.5)(jnp.array([1.0, 0.0])).tolist()
    [2.5, -1.0]
    """

    base: AbstractOperator
    shift: Any
    shape: tuple[int, ...]

    def __init__(self, base: Any, shift: Any):
        self.base = as_operator(base)
        self.shift = check_number("shift", shift)
        self.shape = self.base.shape

    @property
    def symmetric(self) -> bool | None:
        return self.base.symmetric

    def __call__(self, x: Array) -> Array:
        y, active = self.base(x), self.active()
        return y + self.shift * (x if active is None else jnp.where(active, x, 0.0))

    def diagonal(self) -> Array:
        diagonal = self.base.diagonal() + self.shift
        return jnp.where(diagonal == 0.0, 1.0, diagonal)

    def couplings(self) -> scipy.sparse.csr_array:
        return self.base.couplings()

    def colours(self) -> Int[np.ndarray, " size"]:
        return self.base.colours()

    def active(self) -> Bool[Array, "..."] | None:
        return self.base.active()
