"""Bounds of functions on sets of inputs, proved by linear relaxations of every primitive of JAX."""

from ._bound import AbstractBoundMethod as AbstractBoundMethod
from ._bound import Bounds as Bounds
from ._bound import LinearBounds as LinearBounds
from ._bound import bound as bound
from ._bound import margins as margins
from ._certify import AbstractSmoothing as AbstractSmoothing
from ._certify import Certificate as Certificate
from ._certify import certify as certify
from ._discrete_sets import L0 as L0
from ._discrete_sets import Synonyms as Synonyms
from ._files import read_verification as read_verification
from ._fit import AbstractCertifiedTraining as AbstractCertifiedTraining
from ._fit import CertifiedFit as CertifiedFit
from ._fit import Ramp as Ramp
from ._fit import fit as fit
from ._property import misclassified as misclassified
from ._property import unsafe_box as unsafe_box
from ._query import Verification as Verification
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
from ._verify import AbstractVerifier as AbstractVerifier
from ._verify import Verdict as Verdict
from ._verify import verify as verify
from ._votes import HostClassifier as HostClassifier
from .activation_splitting import ActivationSplitting as ActivationSplitting
from .adaptive_smoothing import AdaptiveSmoothing as AdaptiveSmoothing
from .alpha_crown import AlphaCROWN as AlphaCROWN
from .crown import CROWN as CROWN
from .forward_linear import ForwardLinear as ForwardLinear
from .ibp import IBP as IBP
from .input_splitting import InputSplitting as InputSplitting
from .loss_fusion import LossFusion as LossFusion
from .margin_training import MarginTraining as MarginTraining
from .plain_crown import PlainCROWN as PlainCROWN
from .smoothing import Smoothing as Smoothing

__all__ = [
    "CROWN",
    "IBP",
    "L0",
    "AbstractBoundMethod",
    "AbstractCertifiedTraining",
    "AbstractInputSet",
    "AbstractSlope",
    "AbstractSmoothing",
    "AbstractVerifier",
    "ActivationSplitting",
    "AdaptiveSlope",
    "AdaptiveSmoothing",
    "AlphaCROWN",
    "Ball",
    "Bounds",
    "Box",
    "Certificate",
    "CertifiedFit",
    "FixedSlope",
    "ForwardLinear",
    "HostClassifier",
    "InputSplitting",
    "Interval",
    "LinearBounds",
    "LossFusion",
    "MarginTraining",
    "PlainCROWN",
    "Planes",
    "Ramp",
    "SameSlope",
    "Scalar",
    "Smoothing",
    "Synonyms",
    "Verdict",
    "Verification",
    "bound",
    "certify",
    "fit",
    "margins",
    "misclassified",
    "read_verification",
    "register",
    "unsafe_box",
    "verify",
    "weight_balls",
]
