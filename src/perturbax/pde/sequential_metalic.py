"""Sequential METALIC: a set of interface conditions for each phase of the training.

Li et al. 2023, *Meta Learning of Interface Conditions for Multi-Domain Physics-Informed Neural Networks*. The training
has a stochastic phase (Adam) and a deterministic one (L-BFGS), each with an action of its own; the second one sees the
error after the first one. See `optimize.SequentialGPBandit` for the discounted rewards.
"""

from typing import ClassVar

from ..core import Paper
from ..optimize import AbstractBanditMethod, SequentialGPBandit
from ._collocation import AbstractCollocation
from ._tune_interface import AbstractInterfaceTuner


class SequentialMETALIC(AbstractInterfaceTuner):
    """Chooses a subset of the interface conditions for each phase of the optimiser.

    **Arguments:** `solver`: an `XPINN` whose optimiser has several phases, such as `Chain([Adam(), LBFGS()])`;
    `bandit`: such as `optimize.SequentialGPBandit()`; `plays`: how many trainings.

    **Returns:** a frozen method for `pde.tune_interface`.

    **Raises:** `TypeError`, `ValueError` for a solver without conditions, an optimiser of one phase, or no plays.

    Source: Li et al. 2023 (arXiv 2210.12669).

    >>> from perturbax import pde
    >>> phases = pde.Chain([pde.Adam(1000), pde.LBFGS(1000)])
    >>> pde.SequentialMETALIC(pde.XPINN(pde.Split(0, 0.5), pde.ALL_CONDITIONS, optimiser=phases)).stages
    2
    """

    solver: AbstractCollocation
    bandit: AbstractBanditMethod = SequentialGPBandit()
    plays: int = 200

    papers: ClassVar[tuple[Paper, ...]] = SequentialGPBandit.papers

    def __check_init__(self):
        if self.stages < 2:
            raise ValueError("optimiser of solver must be a Chain of several phases, got one phase")

    @property
    def stages(self) -> int:
        return len(self.phases)
