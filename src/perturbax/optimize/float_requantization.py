r"""Inference that is in integers only by name.

Layers multiply integers, and between them every sum is scaled in float32,

    q = clip(round(s z)),      s = S_w S_a / S_o

as most "int8" inference does: the hidden cost that HAWQ-V3 (Yao et al. 2021, arXiv 2011.10680) removes, and what its
integers have to agree with. Halves are rounded to even, as IEEE 754 has it.
"""

from typing import Any, ClassVar

from ..core import Paper, check_integer
from ._papers import HAWQ_V3
from ._quantization import QuantizationProblem
from ._quantize import AbstractQuantizer, Allocation
from ._uniform import uniform


class FloatRequantization(AbstractQuantizer):
    """The same width for every layer that is not fixed, and float32 between the layers.

    **Arguments:** `bits`: one of the widths of the problem.

    **Returns:** a frozen method for `optimize.quantize`.

    **Raises:** `ValueError` for a width out of range, and in `quantize` for one that the problem does not have or that
    costs more than the budget.

    Source: the baseline of Yao et al. 2021, arXiv 2011.10680.

    >>> import jax
    >>> from perturbax import core, nn, optimize
    >>> model = nn.MLP(4, (8, 8), 3, key=jax.random.key(1), activation=jax.nn.relu)
    >>> problem = optimize.QuantizationProblem(model, jax.numpy.ones((5, 4)))
    >>> quantized = optimize.quantize(problem, optimize.FloatRequantization(8), key=jax.random.key(0))
    >>> codes = quantized.encode(jax.numpy.ones((5, 4)))
    >>> len(core.find_floats(lambda codes: optimize.integer_apply(quantized, codes), codes)) > 0
    True
    """

    bits: int = 8

    dyadic: ClassVar[bool] = False
    papers: ClassVar[tuple[Paper, ...]] = (HAWQ_V3,)

    def __check_init__(self):
        check_integer("bits", self.bits, minimum=2, maximum=8)

    def allocate(self, problem: QuantizationProblem, key: Any) -> Allocation:
        return Allocation(uniform(problem, self.bits))
