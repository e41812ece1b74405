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
from ._fit_smoothed import AbstractSmoothedTraining as AbstractSmoothedTraining
from ._fit_smoothed import SmoothedFit as SmoothedFit
from ._fit_smoothed import fit_smoothed as fit_smoothed
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
from ._smoothed import Denoised as Denoised
from ._smoothed import NoiseClassifier as NoiseClassifier
from ._verify import AbstractVerifier as AbstractVerifier
from ._verify import Verdict as Verdict
from ._verify import verify as verify
from ._votes import HostClassifier as HostClassifier
from .activation_splitting import ActivationSplitting as ActivationSplitting
from .adaptive_smoothing import AdaptiveSmoothing as AdaptiveSmoothing
from .alpha_crown import AlphaCROWN as AlphaCROWN
from .consistency_regularization import ConsistencyRegularization as ConsistencyRegularization
from .crown import CROWN as CROWN
from .denoised_smoothing import DenoisedSmoothing as DenoisedSmoothing
from .forward_linear import ForwardLinear as ForwardLinear
from .gaussian_augmentation import GaussianAugmentation as GaussianAugmentation
from .ibp import IBP as IBP
from .input_splitting import InputSplitting as InputSplitting
from .loss_fusion import LossFusion as LossFusion
from .margin_training import MarginTraining as MarginTraining
from .plain_crown import PlainCROWN as PlainCROWN
from .rrcm import RRCM as RRCM
from .smooth_adv import SmoothAdv as SmoothAdv
from .smoothing import Smoothing as Smoothing

__all__ = [
    "CROWN",
    "IBP",
    "L0",
    "RRCM",
    "AbstractBoundMethod",
    "AbstractCertifiedTraining",
    "AbstractInputSet",
    "AbstractSlope",
    "AbstractSmoothedTraining",
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
    "ConsistencyRegularization",
    "Denoised",
    "DenoisedSmoothing",
    "FixedSlope",
    "ForwardLinear",
    "GaussianAugmentation",
    "HostClassifier",
    "InputSplitting",
    "Interval",
    "LinearBounds",
    "LossFusion",
    "MarginTraining",
    "NoiseClassifier",
    "PlainCROWN",
    "Planes",
    "Ramp",
    "SameSlope",
    "Scalar",
    "SmoothAdv",
    "SmoothedFit",
    "Smoothing",
    "Synonyms",
    "Verdict",
    "Verification",
    "bound",
    "certify",
    "fit",
    "fit_smoothed",
    "margins",
    "misclassified",
    "read_verification",
    "register",
    "unsafe_box",
    "verify",
    "weight_balls",
]
