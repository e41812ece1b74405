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
from ._families import advection_family as advection_family
from ._families import burgers_family as burgers_family
from ._families import poisson_box as poisson_box
from ._families import poisson_family as poisson_family
from ._families import reaction_family as reaction_family

__all__ = [
    "advection",
    "advection_family",
    "burgers",
    "burgers_family",
    "flow_mixing",
    "helmholtz",
    "klein_gordon",
    "peak",
    "poisson",
    "poisson_box",
    "poisson_family",
    "reaction",
    "reaction_family",
    "semilinear",
]
