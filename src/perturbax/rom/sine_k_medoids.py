"""Physics-informed clustering: k-medoids in the angles between solutions.

    eta(u, v) = sin angle(u, v),      C_K = sum_i min_k eta(u_i, u_{m_k})

With single fields the cost divided by their number is the mean relative error when every solution is approximated by a
multiple of its medoid: the clusters are made for what a reduced basis does. For trajectories the angles are those
between the spans of their leading POD modes.
"""

import warnings
from typing import Any, ClassVar

from ..core import Paper, check_instance, check_integer
from ._cluster import AbstractClusterMethod, Partition
from ._dissimilarity import AbstractAngle, Chordal, ProjectionError
from ._papers import FASTER_PAM, LOCAL_BASES_BY_ANGLES, ROM_NET
from ._rules import around_medoids
from ._snapshots import SnapshotSet

# Fields on top of a large constant all point the same way; what differs between them is then hidden.
_TINY_ANGLE = 0.01


class SineKMedoids(AbstractClusterMethod):
    """Clusters of solutions that point in similar directions, whatever their amplitudes.

    Warns when all angles are tiny, as between temperatures in kelvin: then use `problem.centred()`.

    **Arguments:**

    - `clusters`: their number K.
    - `angle`: the dissimilarity: `Chordal()`, `Gap()`, `Grassmann()` or `ProjectionError()`.
    - `restarts`: random starts of the search for medoids, besides a greedy one.

    **Returns:** a frozen method for `rom.cluster`.

    **Raises:** `ValueError` when a number is out of range, `TypeError` for another dissimilarity.

    Source: Daniel et al. 2021, arXiv 2103.13683; medoids by PAM as in Schubert & Rousseeuw 2021, arXiv 2008.05171.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> fields = np.array([[1.0, 0.0], [-50.0, 0.0], [0.0, 1.0]])
    >>> rom.cluster(rom.SnapshotSet(fields), rom.SineKMedoids(clusters=2), key=jax.random.key(0)).cost
    0.0
    """

    clusters: int = 5
    angle: AbstractAngle | ProjectionError = Chordal()
    restarts: int = 10

    papers: ClassVar[tuple[Paper, ...]] = (LOCAL_BASES_BY_ANGLES, ROM_NET, FASTER_PAM)

    def __check_init__(self):
        check_integer("clusters", self.clusters, minimum=1)
        check_instance("angle", self.angle, AbstractAngle | ProjectionError, "an angle such as Chordal()")
        check_integer("restarts", self.restarts, minimum=0)

    def partition(self, problem: SnapshotSet, key: Any) -> Partition:
        """See `rom.cluster`."""
        found = around_medoids(problem, self.angle, self.clusters, self.restarts, key)
        assert found.dissimilarity is not None
        mean = float(found.dissimilarity.mean())
        if 0.0 < mean < _TINY_ANGLE and problem.lift is None:
            warnings.warn(f"the mean dissimilarity is {mean:.2g}: cluster problem.centred() instead", stacklevel=3)
        return found
