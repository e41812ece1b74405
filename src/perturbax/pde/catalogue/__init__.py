"""Problems of the field, ready to solve: elliptic ones, peaks, and ones in time, with exact solutions."""

from ._elliptic import helmholtz as helmholtz
from ._elliptic import poisson as poisson
from ._elliptic import semilinear as semilinear
from ._evolution import advection as advection
from ._evolution import burgers as burgers
from ._evolution import flow_mixing as flow_mixing
from ._evolution import klein_gordon as klein_gordon
from ._evolution import reaction as reaction
from ._peaks import nonlinear_peak as nonlinear_peak
from ._peaks import peak as peak
from ._peaks import two_peaks as two_peaks

__all__ = [
    "advection",
    "burgers",
    "flow_mixing",
    "helmholtz",
    "klein_gordon",
    "nonlinear_peak",
    "peak",
    "poisson",
    "reaction",
    "semilinear",
    "two_peaks",
]
