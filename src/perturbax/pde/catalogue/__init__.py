"""Problems of the field, ready to solve: elliptic ones and ones in time, with exact or computed solutions."""

from ._computed import allen_cahn as allen_cahn
from ._computed import nonlinear_diffusion as nonlinear_diffusion
from ._elliptic import helmholtz as helmholtz
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
from ._multiscale import additive_poisson as additive_poisson
from ._multiscale import modulated_poisson as modulated_poisson
from ._multiscale import multiscale_allen_cahn as multiscale_allen_cahn
from ._multiscale import multiscale_poisson as multiscale_poisson
from ._multiscale import trended_poisson as trended_poisson
from ._peaks import nonlinear_peak as nonlinear_peak
from ._peaks import peak as peak
from ._peaks import two_peaks as two_peaks
from ._variational import quartic_waves as quartic_waves
from ._variational import semilinear_membrane as semilinear_membrane
from ._variational import semilinear_waves as semilinear_waves

__all__ = [
    "additive_poisson",
    "advection",
    "advection_family",
    "allen_cahn",
    "burgers",
    "burgers_family",
    "flow_mixing",
    "helmholtz",
    "klein_gordon",
    "modulated_poisson",
    "multiscale_allen_cahn",
    "multiscale_poisson",
    "nonlinear_diffusion",
    "nonlinear_peak",
    "peak",
    "poisson",
    "poisson_box",
    "poisson_family",
    "quartic_waves",
    "reaction",
    "reaction_family",
    "semilinear",
    "semilinear_membrane",
    "semilinear_waves",
    "trended_poisson",
    "two_peaks",
]
