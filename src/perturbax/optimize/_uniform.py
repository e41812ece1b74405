"""One width for all layers that are not fixed."""

from ._quantization import QuantizationProblem
from ._quantize import within_budget


def uniform(problem: QuantizationProblem, bits: int) -> tuple[int, ...]:
    """The widths. Raises `ValueError` for one that the problem does not have, or that costs more than the budget."""
    if bits not in problem.bits:
        raise ValueError(f"bits must be one of the problem's {problem.bits}, got {bits}")
    found = tuple(bits if one is None else one for one in problem.fixed)
    if not within_budget(problem, found):
        raise ValueError(f"bits: {bits} for all layers cost more than the budget; take fewer, or no budget")
    return found
