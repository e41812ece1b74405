"""Radial basis functions with fixed centres and widths, read by a small network.

The network of `PIG` in which means and variances stay where they were drawn; only the feature vectors and the small
network are trained. What moving Gaussians are worth is the difference between the two.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax

from ..core import Paper
from ._covariance import AbstractCovariance, Diagonal
from ._gaussians import AbstractGaussians
from ._lm import LM
from ._optimiser import AbstractOptimiser
from ._papers import PIG, RADIAL_BASIS
from ._sampler import AbstractSampler, FixedPoints


class FixedGaussians(AbstractGaussians):
    """Gaussians that stay where they are: a radial basis function network.

    **Arguments:** those of `PIG`: `n_gaussians`, `features`, `hidden`, `sigma`, `feature_std`, `covariance`, `sets`,
    `optimiser`, `points`.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** as `PIG`.

    Source: Kansa 1990 for radial basis functions in equations; the network is that of Kang, Oh, Hong & Park 2025
    (arXiv 2412.05994).

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.FixedGaussians(n_gaussians=10, optimiser=pde.LM(2), points=pde.FixedPoints(30, 8))
    >>> pde.solve(pde.catalogue.helmholtz(), method, key=jax.random.key(0)).stats["parameters"]
    137
    """

    n_gaussians: int = 200
    features: int = 4
    hidden: tuple[int, ...] = (16,)
    sigma: float = 0.25
    feature_std: float = 0.3
    covariance: AbstractCovariance = Diagonal()
    sets: int = 1
    optimiser: AbstractOptimiser = LM()
    points: AbstractSampler = FixedPoints()

    papers: ClassVar[tuple[Paper, ...]] = (RADIAL_BASIS, PIG)

    def trainable(self, network: Any) -> Any:
        everything = jax.tree.map(eqx.is_inexact_array, network)

        def still(network: Any) -> list[Any]:
            return [leaf for one in network.sets for leaf in jax.tree.leaves((one.mean, one.shape))]

        return eqx.tree_at(still, everything, replace_fn=lambda _: False)
