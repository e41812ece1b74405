"""Gas chromatography: columns, samples and flows, and what leaves a column in closed form and by finite volumes."""

from ._column import AbstractInlet as AbstractInlet
from ._column import AbstractKinetics as AbstractKinetics
from ._column import Danckwerts as Danckwerts
from ._column import Dirichlet as Dirichlet
from ._column import GasColumn as GasColumn
from ._column import Injection as Injection
from ._column import Langmuir as Langmuir
from ._column import Linear as Linear
from ._column import as_arrays as as_arrays
from ._flow import AbstractFlow as AbstractFlow
from ._flow import CompressibleFlow as CompressibleFlow
from ._flow import ConstantFlow as ConstantFlow
from ._flow import SorptionFlow as SorptionFlow
from ._inversion import circle_terms as circle_terms
from ._inversion import invert_on_circle as invert_on_circle
from ._inversion import log_transfer as log_transfer
from ._march import Elution as Elution
from ._march import TimeGrid as TimeGrid
from ._march import march as march
from ._march import time_grid as time_grid
from ._pulse import AbstractPulse as AbstractPulse
from ._pulse import ExponentialTail as ExponentialTail
from ._pulse import Gaussian as Gaussian
from ._pulse import Rectangle as Rectangle
from ._response import impulse_response as impulse_response
from ._response import pulse_response as pulse_response
from ._response import step_response as step_response
from ._scheme import AbstractScheme as AbstractScheme
from ._scheme import Central as Central
from ._scheme import Upwind as Upwind
from ._scheme import UpwindBiased as UpwindBiased

__all__ = [
    "AbstractFlow",
    "AbstractInlet",
    "AbstractKinetics",
    "AbstractPulse",
    "AbstractScheme",
    "Central",
    "CompressibleFlow",
    "ConstantFlow",
    "Danckwerts",
    "Dirichlet",
    "Elution",
    "ExponentialTail",
    "GasColumn",
    "Gaussian",
    "Injection",
    "Langmuir",
    "Linear",
    "Rectangle",
    "SorptionFlow",
    "TimeGrid",
    "Upwind",
    "UpwindBiased",
    "as_arrays",
    "circle_terms",
    "impulse_response",
    "invert_on_circle",
    "log_transfer",
    "march",
    "pulse_response",
    "step_response",
    "time_grid",
]
