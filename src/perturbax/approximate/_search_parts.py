"""What searches for programs share: their hyper-parameters' checks, their random numbers, and what they report."""

from typing import Any

import jax
import numpy as np

from ..core import check_choice, check_number
from ._evaluation import Archive, Evaluation
from ._interpreter import OPERATIONS
from ._moves import Genome


def check_operations(operations: Any) -> None:
    """A tuple of names, without repetition."""
    if not isinstance(operations, tuple) or not operations or len(set(operations)) < len(operations):
        raise ValueError(f"operations must be a tuple of different names of {OPERATIONS}, got {operations!r}")
    for name in operations:
        check_choice("operations", name, OPERATIONS)


def check_moves(weights: Any, exponents: Any) -> None:
    """Weights of the four mutations and the range of constants."""
    if not isinstance(weights, tuple) or len(weights) != 4:
        raise ValueError(f"weights must be those of insert, remove, rewire and randomise, got {weights!r}")
    for value in weights:
        check_number("weights", value, minimum=0.0)
    if weights[0] == 0.0:
        raise ValueError("weights must let programs grow: that of insert must be > 0")
    if not isinstance(exponents, tuple) or len(exponents) != 2:
        raise ValueError(f"exponents must be the ends of a range, got {exponents!r}")
    low, high = (check_number("exponents", value, minimum=-30.0, maximum=30.0) for value in exponents)
    if low > high:
        raise ValueError(f"exponents must be ascending, got {low:g} and {high:g}")


def generator(key: Any) -> np.random.Generator:
    """Random numbers of the host from a JAX key: mutations are steps of Python."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).astype(np.uint32).tolist())


def indices(operations: tuple[str, ...]) -> tuple[int, ...]:
    """The numbers of operations in the interpreter."""
    return tuple(OPERATIONS.index(name) for name in operations)


def acceptable(genome: Genome, max_operations: int) -> bool:
    """Whether a program has operations, not too many, and finite constants."""
    small = 0 < len(genome.code) <= max_operations
    return small and len(genome.constants) <= max_operations and bool(np.isfinite(genome.constants).all())


def best_errors(archive: Archive, max_operations: int) -> np.ndarray:
    """The smallest error with at most 0, 1, ... operations."""
    errors = [archive.best[n][0] if n in archive.best else np.inf for n in range(max_operations + 1)]
    return np.minimum.accumulate(errors)


def counts(evaluate: Evaluation, first: int, **more: Any) -> dict[str, Any]:
    """The costs of a search."""
    return {
        "programs": evaluate.programs,
        "evaluations": evaluate.evaluations,
        "points": evaluate.tuner.points,
        "rejected": evaluate.rejected,
        "first_operations": first,
        **more,
    }
