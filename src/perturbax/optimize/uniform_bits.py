r"""One width for all layers, in integers only.

Jacob et al. 2018, arXiv 1712.05877: activations, weights and sums are integers, and a scale is changed by a multiplier
in fixed point with a shift. HAWQ-V3 (Yao et al. 2021, arXiv 2011.10680) calls that W8A8 and W4A4.
"""

from typing import Any, ClassVar

from ..core import Paper, check_integer
from ._papers import HAWQ_V3, INTEGER_ONLY
from ._quantization import QuantizationProblem
from ._quantize import AbstractQuantizer, Allocation
from ._uniform import uniform


class UniformBits(AbstractQuantizer):
    """The same width for every layer that is not fixed.

    **Arguments:** `bits`: one of the widths of the problem.

    **Returns:** a frozen method for `optimize.quantize`.

    **Raises:** `ValueError` for a width out of range, and in `quantize` for one that the problem does not have or that
    costs more than the budget.

    Source: Jacob et al. 2018, arXiv 1712.05877; Yao et al. 2021, arXiv 2011.10680.

    >>> import jax
    >>> from perturbax import nn, optimize
    >>> model = nn.MLP(4, (8, 8), 3, key=jax.random.key(1), activation=jax.nn.relu)
    >>> problem = optimize.QuantizationProblem(model, jax.numpy.ones((5, 4)))
    >>> list(optimize.quantize(problem, optimize.UniformBits(4), key=jax.random.key(0)).bits.values())
    [8, 4, 8]
    """

    bits: int = 8

    papers: ClassVar[tuple[Paper, ...]] = (INTEGER_ONLY, HAWQ_V3)

    def __check_init__(self):
        check_integer("bits", self.bits, minimum=2, maximum=8)

    def allocate(self, problem: QuantizationProblem, key: Any) -> Allocation:
        return Allocation(uniform(problem, self.bits))
