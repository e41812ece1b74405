r"""Physics-informed networks on a decomposed domain.

Jagtap & Karniadakis 2020. The domain is cut into subdomains, each with a small network $u_k$ of its own; conditions
$B_j$ at the points of the interfaces stitch them together. With the weights $w_b$, $w_r$, $w_I$ the loss is

    sum_k  w_b MSE_b(u_k) + w_r MSE_r(u_k)   +   w_I sum_interfaces sum_j a_j MSE_j(u_k, u_l),

where the action `a` in {0, 1}^q says which of the conditions are asked for. The networks are equal, with their
parameters stacked; each row of the loss depends on one or two of them.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import Paper, cast, check_instance, check_integer, check_number
from ._collocation import AbstractCollocation
from ._decomposition import InterfacePoints, Piecewise
from ._dense import Dense, check_hidden
from ._design import SOBOL, AbstractDesign
from ._interface import XPINN_CONDITIONS, AbstractInterfaceCondition, interface_indices
from ._least_squares import Points
from ._lm import LM
from ._optimiser import AbstractOptimiser
from ._papers import CPINN as CPINN_PAPER
from ._papers import XPINN as XPINN_PAPER
from ._partition import AbstractPartition
from ._problem import PDEProblem
from ._sampler import AbstractSampler, FixedPoints


class XPINN(AbstractCollocation):
    """A small tanh network for each subdomain, and conditions at the interfaces.

    Which conditions are best depends on the equation and its coefficients: see `tune_interface`.
    `interface=XPINN_CONDITIONS` is the standard method, `CPINN_CONDITIONS` the conservative one (cPINN, Jagtap et al.
    2020), and `ALL_CONDITIONS` are the nine of METALIC.

    **Arguments:**

    - `partition`: how the box is cut, such as `Split(axis=0, at=0.5)`.
    - `interface`: the conditions at the interfaces; with none the subdomains know nothing of each other.
    - `hidden`: widths of the hidden layers of each network.
    - `optimiser`: `LM`, `LBFGS`, `Adam` or a `Chain` of them.
    - `points`: a sampler, for the whole domain.
    - `interface_points`: points of each interface; `design`: how they lie.
    - `boundary_weight`, `residual_weight`, `interface_weight`: of the mean squares; they multiply the problem's own.

    **Returns:** a frozen method for `pde.solve`. The networks are in `solution.model.network`, a `Piecewise`.

    **Raises:** `TypeError`, `ValueError` for numbers out of range, a domain that is no `Box`, a cut that does not
    separate it, or a subdomain without points.

    Source: Jagtap & Karniadakis 2020; the weights are those of Li et al. 2023 (arXiv 2210.12669).

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.XPINN(pde.Split(0, 0.5), hidden=(8,), optimiser=pde.LM(2), points=pde.FixedPoints(50, 2))
    >>> pde.solve(pde.catalogue.poisson(1), method, key=jax.random.key(0)).stats["parameters"]
    50
    """

    partition: AbstractPartition
    interface: tuple[Any, ...] = eqx.field(default=XPINN_CONDITIONS, converter=tuple)
    hidden: tuple[int, ...] = (20, 20)
    optimiser: AbstractOptimiser = LM()
    points: AbstractSampler = FixedPoints()
    interface_points: int = 100
    design: AbstractDesign = SOBOL
    boundary_weight: float = 20.0
    residual_weight: float = 1.0
    interface_weight: float = 5.0

    papers: ClassVar[tuple[Paper, ...]] = (XPINN_PAPER, CPINN_PAPER)

    def __check_init__(self):
        check_instance("partition", self.partition, AbstractPartition, "a partition such as Split(axis=0, at=0.5)")
        for k, condition in enumerate(self.interface):
            check_instance(
                f"interface[{k}]", condition, AbstractInterfaceCondition, "an interface condition such as Continuity()"
            )
        check_hidden(self.hidden)
        check_integer("interface_points", self.interface_points, minimum=1)
        check_instance("design", self.design, AbstractDesign, "a design such as Sobol()")
        for name in ("boundary_weight", "residual_weight", "interface_weight"):
            check_number(name, getattr(self, name), minimum=0.0, exclusive=True)

    def network(self, problem: PDEProblem, key: Any) -> Piecewise:
        lower, upper = self.partition.boxes(problem.domain)
        keys = jax.random.split(key, len(lower))
        one = lambda k: Dense(problem.dimension, self.hidden, problem.fields, key=k)  # noqa: E731
        start, length = (np.asarray(corner, np.float64) for corner in (problem.domain.lower, problem.domain.upper))
        length = length - start
        corners = (cast(2.0 * (corner - start) / length - 1.0, jnp.result_type(float)) for corner in (lower, upper))
        return Piecewise(eqx.filter_vmap(one)(keys), *corners)

    def trainable(self, network: Any) -> Any:
        """The networks, but not the boxes."""
        frozen = jax.tree.map(lambda leaf: False, network)
        return eqx.tree_at(lambda n: n.networks, frozen, jax.tree.map(eqx.is_inexact_array, network.networks))

    def ask(self, problem: PDEProblem, points: Points, key: Any) -> InterfacePoints:
        """The points of a sampler, and those of the interfaces with all conditions of `interface`."""
        lower, upper = self.partition.boxes(problem.domain)
        regions = _regions(lower, upper, points.x)
        missing = np.flatnonzero(np.bincount(regions, minlength=len(lower)) == 0)
        if missing.size:
            raise ValueError(
                f"points must have some in every subdomain, there are none in that from {lower[missing[0]].tolist()} "
                f"to {upper[missing[0]].tolist()}"
            )
        return InterfacePoints(
            points.x,
            points.weights,
            points.sites,
            jnp.asarray(regions),
            tuple(jnp.asarray(_regions(lower, upper, sites.x)) for sites in points.sites),
            self.partition.sites(problem.domain, key, self.interface_points, self.design),
            self.interface,
            jnp.ones(len(self.interface)),
            interface_indices(problem, self.interface),
            len(lower),
            (jnp.asarray(self.residual_weight), jnp.asarray(self.boundary_weight), jnp.asarray(self.interface_weight)),
        )


def _regions(lower: np.ndarray, upper: np.ndarray, x: Any) -> np.ndarray:
    """The number of the subdomain of each point, the first of those that have it."""
    x = np.asarray(x, np.float64)[:, None]
    return np.argmin(np.maximum(np.maximum(lower - x, x - upper), 0.0).sum(-1), 1).astype(np.int32)
