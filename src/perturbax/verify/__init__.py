"""Bounds of functions on sets of inputs, proved by linear relaxations of every primitive of JAX."""

from ._bound import AbstractBoundMethod as AbstractBoundMethod
from ._bound import Bounds as Bounds
from ._bound import LinearBounds as LinearBounds
from ._bound import bound as bound
from ._bound import margins as margins
from ._relax import Planes as Planes
from ._relax import register as register
from ._sets import AbstractInputSet as AbstractInputSet
from ._sets import Ball as Ball
from ._sets import Box as Box
from ._sets import Interval as Interval
from ._slope import AbstractSlope as AbstractSlope
from ._slope import AdaptiveSlope as AdaptiveSlope
from ._slope import FixedSlope as FixedSlope
from ._slope import SameSlope as SameSlope
from .crown import CROWN as CROWN
from .ibp import IBP as IBP

__all__ = [
    "CROWN",
    "IBP",
    "AbstractBoundMethod",
    "AbstractInputSet",
    "AbstractSlope",
    "AdaptiveSlope",
    "Ball",
    "Bounds",
    "Box",
    "FixedSlope",
    "Interval",
    "LinearBounds",
    "Planes",
    "SameSlope",
    "bound",
    "margins",
    "register",
]
