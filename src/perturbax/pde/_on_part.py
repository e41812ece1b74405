"""Conditions on a part of the boundary, which a function tells: what `faces` are to boxes."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ..core import check_instance
from ._conditions import AbstractCondition, AbstractFaceCondition
from ._design import AbstractDesign
from ._domain import AbstractDomain, Sites
from ._jet import AbstractJet

# So many times as many points are drawn as are wanted, at most.
_MOST = 2**10


class OnPart(AbstractCondition):
    """A condition on the boundary, where a function is true.

    **Arguments:** `condition`: such as `Neumann(0.0)`; `where`: from a point `(dimension,)` to a boolean, in JAX.

    **Raises:** `TypeError` for another condition; `ValueError`, when points are drawn, when it is true nowhere.

    >>> import jax.numpy as jnp
    >>> from perturbax import pde
    >>> ring = pde.Difference(pde.Ball([0.0, 0.0], 1.0), pde.Ball([0.0, 0.0], 0.5))
    >>> outer = OnPart(pde.Dirichlet(1.0), lambda x: jnp.linalg.norm(x) > 0.75)
    >>> outer.place(ring, jax.random.key(0), 5, pde.Sobol()).x.shape
    (5, 2)
    """

    condition: AbstractFaceCondition
    where: Callable

    def __check_init__(self):
        wanted = "a condition on the boundary such as Neumann(0.0)"
        check_instance("condition", self.condition, AbstractFaceCondition, wanted)

    @property
    def weight(self) -> Any:
        """That of the condition."""
        condition: Any = self.condition
        return condition.weight

    def place(self, domain: AbstractDomain, key: Any, n: int, design: AbstractDesign) -> Sites:
        drawn, found = n, np.zeros(0, int)
        while drawn <= _MOST * n:
            sites = self.condition.place(domain, key, drawn, design)
            found = np.flatnonzero(np.asarray(jax.vmap(self.where)(sites.x)))
            # An interval has no more than two ends.
            count = min(n, len(found)) if domain.dimension == 1 else n
            if 0 < count <= len(found):
                return _chosen(sites, found[np.arange(count) * len(found) // count])
            drawn *= 2
        raise ValueError(f"where must be true on a part of the boundary, got {len(found)} of {drawn // 2} points")

    def residual(self, site: Sites, jets: tuple[AbstractJet, ...], params: dict[str, Any]) -> Any:
        return self.condition.residual(site, jets, params)


def _chosen(sites: Sites, places: np.ndarray) -> Sites:
    return jax.tree.map(lambda leaf: leaf[places], sites)
