"""METALIC: one set of interface conditions for the whole training.

Li et al. 2023, *Meta Learning of Interface Conditions for Multi-Domain Physics-Informed Neural Networks*. An action is
a subset of the conditions, the context are the numbers of the equation, and the reward is `-log10` of the relative L2
error after training. A Gaussian process over contexts and actions predicts it; see `optimize.GPBandit`.
"""

from typing import ClassVar

from ..core import Paper
from ..optimize import AbstractBanditMethod, GPBandit
from ._collocation import AbstractCollocation
from ._tune_interface import AbstractInterfaceTuner


class METALIC(AbstractInterfaceTuner):
    """Chooses a subset of the interface conditions by the numbers of the equation.

    **Arguments:**

    - `solver`: an `XPINN` whose `interface` names the conditions to choose from; 9 are 512 subsets.
    - `bandit`: that chooses, such as `optimize.GPBandit()`; the baselines of `optimize.bandit` fit too.
    - `plays`: how many trainings.

    **Returns:** a frozen method for `pde.tune_interface`.

    **Raises:** `TypeError`, `ValueError` for a solver without conditions, or no plays.

    Source: Li et al. 2023 (arXiv 2210.12669).

    >>> from perturbax import pde
    >>> pde.METALIC(pde.XPINN(pde.Split(0, 0.5), pde.ALL_CONDITIONS)).plays
    200
    """

    solver: AbstractCollocation
    bandit: AbstractBanditMethod = GPBandit()
    plays: int = 200

    papers: ClassVar[tuple[Paper, ...]] = GPBandit.papers

    @property
    def stages(self) -> int:
        return 1
