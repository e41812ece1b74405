r"""Physics-informed cells: features on fixed grids.

Kang et al. 2023, *PIXEL: Physics-Informed Cell Representations for Fast and Accurate PDE Solvers*. Feature vectors at
the nodes of a regular grid are interpolated by cosines, which are smooth enough to be differentiated twice where linear
functions are not: in a cell with coordinate $t \in [0, 1]$ the right node has the weight $(1 - \cos \pi t) / 2$. The
features of several grids, each shifted by a part of a cell, are added and read by a small network.
"""

import itertools
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number
from ._collocation import AbstractCollocation
from ._dense import Dense, check_hidden
from ._lbfgs import LBFGS
from ._optimiser import AbstractOptimiser
from ._papers import PIXEL as PIXEL_PAPER
from ._problem import PDEProblem
from ._region import need_box
from ._sampler import AbstractSampler, FixedPoints


class CellNetwork(eqx.Module):
    """A dense network that reads the features of shifted grids.

    **Arguments:** `features`: at the nodes, `(grids, nodes, ..., nodes, k)`; `dense`: the network.
    """

    features: Float[Array, "grids *nodes k"]
    dense: Dense

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        grids, nodes = self.features.shape[:2]
        # With a cell more than the domain needs, every shift stays inside.
        at = (x + 1.0) / 2.0 * (nodes - 2) + jnp.arange(grids)[:, None] / grids
        cell = jnp.clip(jax.lax.stop_gradient(jnp.floor(at)), 0, nodes - 2)
        right = 0.5 * (1.0 - jnp.cos(jnp.pi * (at - cell)))
        corners = jnp.array(list(itertools.product((0, 1), repeat=x.shape[-1])))[:, None]
        weights = jnp.prod(jnp.where(corners == 1, right, 1.0 - right), -1)
        index = jnp.moveaxis(cell.astype(jnp.int32) + corners, -1, 0)
        return self.dense(jnp.einsum("cg,cgk->k", weights, self.features[(jnp.arange(grids), *index)]))


class PIXEL(AbstractCollocation):
    """Features on fixed grids, and a small network that reads them.

    **Arguments:**

    - `nodes`: of each grid along each axis.
    - `grids`: how many, each shifted.
    - `features`: of each node.
    - `hidden`: widths of the hidden layers of the network.
    - `feature_std`: standard deviation of the first features.
    - `optimiser`: `LM`, `LBFGS`, `Adam` or a `Chain` of them.
    - `points`: a sampler, such as `FixedPoints` or `FreshPoints`.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** `ValueError` for sizes that are too small; when used, for a domain that is no `Box`.

    Source: Kang et al. 2023 (arXiv 2207.12800).

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.PIXEL(nodes=4, grids=2, optimiser=pde.LM(2), points=pde.FixedPoints(50, 20))
    >>> pde.solve(pde.catalogue.helmholtz(), method, key=jax.random.key(0)).stats["parameters"]
    225
    """

    nodes: int = 16
    grids: int = 4
    features: int = 4
    hidden: tuple[int, ...] = (16,)
    feature_std: float = 0.3
    optimiser: AbstractOptimiser = LBFGS()
    points: AbstractSampler = FixedPoints()

    papers: ClassVar[tuple[Paper, ...]] = (PIXEL_PAPER,)

    def __check_init__(self):
        check_integer("nodes", self.nodes, minimum=3)
        check_integer("grids", self.grids, minimum=1)
        check_integer("features", self.features, minimum=1)
        check_number("feature_std", self.feature_std, minimum=0.0, exclusive=True)
        check_hidden(self.hidden)

    def network(self, problem: PDEProblem, key: Any) -> CellNetwork:
        need_box(problem.domain, "PIXEL")
        feature_key, dense_key = jax.random.split(key)
        shape = (self.grids, *[self.nodes] * problem.dimension, self.features)
        features = self.feature_std * jax.random.normal(feature_key, shape)
        return CellNetwork(features, Dense(self.features, self.hidden, problem.fields, key=dense_key))
