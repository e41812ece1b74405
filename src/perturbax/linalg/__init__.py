"""Linear systems with operators that are known by what they do to a vector, and diagonalisation of matrices."""

from ._conjugate_gradients import ConjugateGradients as ConjugateGradients
from ._conjugate_gradients import conjugate_gradients as conjugate_gradients
from ._diagonalize import AbstractDiagonalization as AbstractDiagonalization
from ._diagonalize import Diagonalization as Diagonalization
from ._diagonalize import diagonalize as diagonalize
from .eig import Eig as Eig
from .ptd import PTD as PTD
from .random_ptd import RandomPTD as RandomPTD

__all__ = [
    "PTD",
    "AbstractDiagonalization",
    "ConjugateGradients",
    "Diagonalization",
    "Eig",
    "RandomPTD",
    "conjugate_gradients",
    "diagonalize",
]
