r"""Separable physics-informed networks.

Cho et al. 2023, *Separable Physics-Informed Neural Networks*. One network for each axis, joined by a sum of products:

    u(x) = sum_r prod_i f_r^(i)(x_i).

On tensor grids this saves most evaluations of the networks, which is what the paper is about; here points are
scattered, and what is compared is the representation.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Paper, check_integer
from ._collocation import AbstractCollocation
from ._dense import Dense, check_hidden
from ._lm import LM
from ._optimiser import AbstractOptimiser
from ._papers import SPINN as SPINN_PAPER
from ._problem import PDEProblem
from ._region import need_box
from ._sampler import AbstractSampler, FixedPoints


class SeparableNetwork(eqx.Module):
    """A sum of `rank` products of functions of one axis each, for each component.

    **Arguments:** `axes`: a network for each axis, with `rank * fields` outputs; `rank`.
    """

    axes: tuple[Dense, ...]
    rank: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        factors = jnp.stack([network(x[i : i + 1]) for i, network in enumerate(self.axes)])
        return jnp.sum(jnp.prod(factors, 0).reshape(self.rank, -1), 0)


class SPINN(AbstractCollocation):
    """A network for each axis, fitted to the equation and its conditions.

    **Arguments:**

    - `hidden`: widths of the hidden layers of each network.
    - `rank`: number of products.
    - `optimiser`: `LM`, `LBFGS`, `Adam` or a `Chain` of them.
    - `points`: a sampler, such as `FixedPoints` or `FreshPoints`.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** `ValueError` for sizes that are no positive integers; when used, for a domain that is no `Box`.

    Source: Cho et al. 2023 (arXiv 2306.15969).

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.SPINN(hidden=(8,), rank=4, optimiser=pde.LM(2), points=pde.FixedPoints(50, 20))
    >>> pde.solve(pde.catalogue.helmholtz(), method, key=jax.random.key(0)).stats["parameters"]
    104
    """

    hidden: tuple[int, ...] = (16,)
    rank: int = 16
    optimiser: AbstractOptimiser = LM()
    points: AbstractSampler = FixedPoints()

    papers: ClassVar[tuple[Paper, ...]] = (SPINN_PAPER,)

    def __check_init__(self):
        check_hidden(self.hidden)
        check_integer("rank", self.rank, minimum=1)

    def network(self, problem: PDEProblem, key: Any) -> SeparableNetwork:
        need_box(problem.domain, "SPINN")
        keys = jax.random.split(key, problem.dimension)
        outputs = self.rank * problem.fields
        return SeparableNetwork(tuple(Dense(1, self.hidden, outputs, key=k) for k in keys), self.rank)
