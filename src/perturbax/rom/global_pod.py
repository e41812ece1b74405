"""One basis for everything.

K = 1,      V = POD of all snapshots
"""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from ..core import Paper
from ._cluster import AbstractClusterMethod, AbstractRule, Partition
from ._papers import SNAPSHOTS
from ._snapshots import SnapshotSet


class OnlyCluster(AbstractRule):
    """Everything belongs to the one cluster."""

    def distances(self, problem: SnapshotSet) -> Float[np.ndarray, "M 1"]:
        return np.zeros((problem.count, 1))


class GlobalPOD(AbstractClusterMethod):
    """No clusters: the linear reduced basis that local ones have to beat.

    **Returns:** a frozen method for `rom.cluster` without a cost.

    Source: Sirovich 1987.

    >>> import jax, numpy as np
    >>> from perturbax import rom
    >>> solved = rom.cluster(rom.SnapshotSet(np.eye(4)), rom.GlobalPOD(), key=jax.random.key(0))
    >>> solved.bases[0].modes.shape
    (4, 4)
    """

    clusters: ClassVar[int] = 1
    papers: ClassVar[tuple[Paper, ...]] = (SNAPSHOTS,)

    def partition(self, problem: SnapshotSet, key: Any) -> Partition:
        """See `rom.cluster`."""
        return Partition(np.zeros(problem.count, np.int64), float("nan"), OnlyCluster())
