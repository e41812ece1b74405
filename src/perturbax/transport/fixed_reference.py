"""The multi-marginal Schrödinger bridge around one reference: the closest process to it with the law of every snapshot.

q = argmin over q of KL(q || p),      the first half of an iteration of `SBIRR`, and nothing else
"""

from typing import Any, ClassVar

from ..core import Paper, check_instance
from . import _papers
from ._infer import AbstractTrajectoryMethod
from ._inferred import Inferred, Settled
from ._piecewise import PiecewiseIPF
from ._snapshots import Snapshots


class FixedReference(AbstractTrajectoryMethod):
    """Bridges from snapshot to snapshot around `problem.reference` as it is: for dynamics that are known.

    **Arguments:** `bridges`: how they are found.

    **Returns:** a frozen method for `transport.infer_trajectories`.

    **Raises:** `TypeError` that names the argument.

    Source: Vargas et al. 2021, section 3, in every interval; Shen, Berlinghieri & Broderick 2025, arXiv 2408.06277.

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x = np.random.default_rng(0).normal(size=(100, 1))
    >>> problem = transport.Snapshots([x, 0.5 * x], [0.0, 1.0], 1.0, transport.OrnsteinUhlenbeck(1.0))
    >>> quick = transport.FixedReference(transport.PiecewiseIPF(iterations=2, steps=10))
    >>> transport.infer_trajectories(problem, quick, key=jax.random.key(0)).paths.shape
    (200, 11, 1)
    """

    bridges: PiecewiseIPF = PiecewiseIPF()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.MAXIMUM_LIKELIHOOD_IPF, _papers.SBIRR)

    def __check_init__(self):
        check_instance("bridges", self.bridges, PiecewiseIPF, "PiecewiseIPF()")

    def infer(self, problem: Snapshots, key: Any, progress: bool | None) -> Inferred:
        settled = Settled.of(problem, problem.reference, self.bridges.particles, key)
        return settled.inferred(settled.solve(self.bridges, key), self.bridges, problem.reference)
