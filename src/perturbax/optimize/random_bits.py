r"""Random widths within a budget: what any method has to beat.

Every allocation that satisfies the budget is equally likely: allocations are drawn until one does. With hundreds of
layers random ones are all close to the mean cost, and a budget far below it is out of their reach.
"""

from typing import Any, ClassVar

import jax
import numpy as np

from ..core import Paper, check_integer
from ._bit_allocation import groups
from ._papers import HAWQ_V3
from ._quantization import QuantizationProblem
from ._quantize import AbstractQuantizer, Allocation, within_budget


class RandomBits(AbstractQuantizer):
    """A random allocation that satisfies the budget.

    **Arguments:** `draws`: allocations that are tried at most.

    **Returns:** a frozen method for `optimize.quantize`.

    **Raises:** `ValueError` for a number out of range, and in `quantize` when no draw satisfied the budget.

    Source: the random baseline of bit allocation, in the setting of Yao et al. 2021, arXiv 2011.10680.

    >>> import jax
    >>> from perturbax import nn, optimize
    >>> model = nn.MLP(4, (8, 8), 3, key=jax.random.key(1), activation=jax.nn.relu)
    >>> problem = optimize.QuantizationProblem(model, jax.numpy.ones((5, 4)), budget=optimize.Budget(size=90))
    >>> optimize.quantize(problem, optimize.RandomBits(), key=jax.random.key(0)).size <= 90
    True
    """

    draws: int = 100_000

    papers: ClassVar[tuple[Paper, ...]] = (HAWQ_V3,)

    def __check_init__(self):
        check_integer("draws", self.draws, minimum=1)

    def allocate(self, problem: QuantizationProblem, key: Any) -> Allocation:
        random = np.random.default_rng(np.asarray(jax.random.bits(key, (4,))).astype(np.uint32))
        shared = groups(len(problem.layers), problem.tied)
        for _ in range(self.draws):
            bits = [0] * len(problem.layers)
            for group in shared:
                width = random.choice(problem.bits)
                for i in group:
                    bits[i] = problem.fixed[i] or int(width)
            if within_budget(problem, bits):
                return Allocation(tuple(bits))
        raise ValueError(f"budget: none of {self.draws} random allocations satisfies it; take more draws or another")
