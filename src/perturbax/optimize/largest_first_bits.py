r"""The largest layers first: widths by size alone.

All layers begin at the largest width. While the budget is exceeded, the layer that is largest at its present width goes
down by one width, whatever that does to the loss.
"""

from typing import Any, ClassVar

from ..core import Paper
from ._bit_allocation import groups
from ._papers import HAWQ_V3
from ._quantization import QuantizationProblem
from ._quantize import AbstractQuantizer, Allocation, within_budget


class LargestFirstBits(AbstractQuantizer):
    """The greedy allocation by size.

    **Returns:** a frozen method for `optimize.quantize`.

    **Raises:** `ValueError` in `quantize` when the greedy descent does not satisfy the budget.

    Source: the greedy baseline of bit allocation, in the setting of Yao et al. 2021, arXiv 2011.10680.

    >>> import jax
    >>> from perturbax import nn, optimize
    >>> model = nn.MLP(4, (8, 16, 8), 3, key=jax.random.key(1), activation=jax.nn.relu)
    >>> budget = optimize.Budget(size=256)
    >>> problem = optimize.QuantizationProblem(model, jax.numpy.ones((5, 4)), budget=budget)
    >>> list(optimize.quantize(problem, optimize.LargestFirstBits(), key=jax.random.key(0)).bits.values())
    [8, 4, 8, 8]
    """

    papers: ClassVar[tuple[Paper, ...]] = (HAWQ_V3,)

    def allocate(self, problem: QuantizationProblem, key: Any) -> Allocation:
        bits = [problem.bits[-1] if one is None else one for one in problem.fixed]
        shared = [group for group in groups(len(bits), problem.tied) if problem.fixed[group[0]] is None]
        while not within_budget(problem, bits):
            lower = [group for group in shared if bits[group[0]] > problem.bits[0]]
            if not lower:
                raise ValueError("budget: not satisfied by the smallest width of every layer")
            largest = max(lower, key=lambda group: sum(problem.layers[i].parameters * bits[i] for i in group))
            width = problem.bits[problem.bits.index(bits[largest[0]]) - 1]
            for i in largest:
                bits[i] = width
        return Allocation(tuple(bits))
