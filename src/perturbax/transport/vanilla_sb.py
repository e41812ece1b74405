"""Schrödinger bridges between neighbouring snapshots around Brownian motion: what `SBIRR` starts from and improves on.

p: dX = volatility dW
"""

from typing import Any, ClassVar

from ..core import Paper, check_instance
from . import _papers
from ._infer import AbstractTrajectoryMethod
from ._inferred import Inferred, Settled
from ._piecewise import PiecewiseIPF
from ._reference import Brownian
from ._snapshots import Snapshots


class VanillaSB(AbstractTrajectoryMethod):
    """Bridges from snapshot to snapshot around Brownian motion, whatever the reference of the problem is.

    Each interval knows only its two ends, so that paths go straight from one to the other.

    **Arguments:** `bridges`: how they are found.

    **Returns:** a frozen method for `transport.infer_trajectories`.

    **Raises:** `TypeError` that names the argument.

    Source: Vargas et al. 2021, section 3, in every interval; the baseline of Shen, Berlinghieri & Broderick 2025, arXiv
    2408.06277.

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x = np.random.default_rng(0).normal(size=(100, 1))
    >>> problem = transport.Snapshots([x, x + 3.0], [0.0, 1.0], volatility=1.0)
    >>> quick = transport.VanillaSB(transport.PiecewiseIPF(iterations=2, steps=10))
    >>> transport.infer_trajectories(problem, quick, key=jax.random.key(0)).at(0.5).shape
    (200, 1)
    """

    bridges: PiecewiseIPF = PiecewiseIPF()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.MAXIMUM_LIKELIHOOD_IPF, _papers.SBIRR)

    def __check_init__(self):
        check_instance("bridges", self.bridges, PiecewiseIPF, "PiecewiseIPF()")

    def infer(self, problem: Snapshots, key: Any, progress: bool | None) -> Inferred:
        settled = Settled.of(problem, Brownian(), self.bridges.particles, key)
        return settled.inferred(settled.solve(self.bridges, key), self.bridges, Brownian())
