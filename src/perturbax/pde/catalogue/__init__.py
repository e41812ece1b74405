"""Problems of the field, ready to solve: elliptic ones and ones in time, with their exact solutions."""

from ._elliptic import helmholtz as helmholtz
from ._elliptic import peak as peak
from ._elliptic import poisson as poisson
from ._elliptic import semilinear as semilinear
from ._evolution import advection as advection
from ._evolution import burgers as burgers
from ._evolution import flow_mixing as flow_mixing
from ._evolution import klein_gordon as klein_gordon
from ._evolution import reaction as reaction
from ._variational import quartic_waves as quartic_waves
from ._variational import semilinear_membrane as semilinear_membrane
from ._variational import semilinear_waves as semilinear_waves

__all__ = [
    "advection",
    "burgers",
    "flow_mixing",
    "helmholtz",
    "klein_gordon",
    "peak",
    "poisson",
    "quartic_waves",
    "reaction",
    "semilinear",
    "semilinear_membrane",
    "semilinear_waves",
]
