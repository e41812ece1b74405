"""Linear systems with operators that are known by what they do to a vector."""

from ._conjugate_gradients import ConjugateGradients as ConjugateGradients
from ._conjugate_gradients import conjugate_gradients as conjugate_gradients

__all__ = ["ConjugateGradients", "conjugate_gradients"]
