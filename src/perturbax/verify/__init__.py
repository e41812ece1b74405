"""Bounds of functions on sets of inputs, proved by linear relaxations of every primitive of JAX."""

from ._bound import AbstractBoundMethod as AbstractBoundMethod
from ._bound import Bounds as Bounds
from ._bound import LinearBounds as LinearBounds
from ._bound import bound as bound
from ._bound import margins as margins
from ._discrete_sets import L0 as L0
from ._discrete_sets import Synonyms as Synonyms
from ._fit import AbstractCertifiedTraining as AbstractCertifiedTraining
from ._fit import CertifiedFit as CertifiedFit
from ._fit import Ramp as Ramp
from ._fit import fit as fit
from ._relax import Planes as Planes
from ._relax import register as register
from ._scalar import Scalar as Scalar
from ._sets import AbstractInputSet as AbstractInputSet
from ._sets import Ball as Ball
from ._sets import Box as Box
from ._sets import Interval as Interval
from ._sets import weight_balls as weight_balls
from ._slope import AbstractSlope as AbstractSlope
from ._slope import AdaptiveSlope as AdaptiveSlope
from ._slope import FixedSlope as FixedSlope
from ._slope import SameSlope as SameSlope
from .alpha_crown import AlphaCROWN as AlphaCROWN
from .crown import CROWN as CROWN
from .forward_linear import ForwardLinear as ForwardLinear
from .ibp import IBP as IBP
from .loss_fusion import LossFusion as LossFusion
from .margin_training import MarginTraining as MarginTraining
from .plain_crown import PlainCROWN as PlainCROWN

__all__ = [
    "CROWN",
    "IBP",
    "L0",
    "AbstractBoundMethod",
    "AbstractCertifiedTraining",
    "AbstractInputSet",
    "AbstractSlope",
    "AdaptiveSlope",
    "AlphaCROWN",
    "Ball",
    "Bounds",
    "Box",
    "CertifiedFit",
    "FixedSlope",
    "ForwardLinear",
    "Interval",
    "LinearBounds",
    "LossFusion",
    "MarginTraining",
    "PlainCROWN",
    "Planes",
    "Ramp",
    "SameSlope",
    "Scalar",
    "Synonyms",
    "bound",
    "fit",
    "margins",
    "register",
    "weight_balls",
]
