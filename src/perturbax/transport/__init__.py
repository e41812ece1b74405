"""Processes that join distributions: bridges, interpolants, paths through snapshots, and optimal maps onto points."""

from ._bridge import AbstractBridgeMethod as AbstractBridgeMethod
from ._bridge import Bridge as Bridge
from ._bridge import bridge as bridge
from ._carry import ODE as ODE
from ._carry import SDE as SDE
from ._carry import AbstractDiffusion as AbstractDiffusion
from ._carry import AbstractDivergence as AbstractDivergence
from ._carry import Constant as Constant
from ._carry import ExactDivergence as ExactDivergence
from ._carry import HutchinsonDivergence as HutchinsonDivergence
from ._carry import Proportional as Proportional
from ._coupling import AbstractPairing as AbstractPairing
from ._coupling import Coupling as Coupling
from ._coupling import Entropic as Entropic
from ._coupling import Independent as Independent
from ._coupling import OptimalTransport as OptimalTransport
from ._coupling import Paired as Paired
from ._coupling import Planned as Planned
from ._covariance import Diagonal as Diagonal
from ._covariance import Full as Full
from ._fields import AbstractFields as AbstractFields
from ._fields import Fields as Fields
from ._fit_interpolant import AbstractInterpolantMethod as AbstractInterpolantMethod
from ._fit_interpolant import fit_interpolant as fit_interpolant
from ._fit_interpolant import mixture_fields as mixture_fields
from ._gaussian_bridge import bridge_of_gaussians as bridge_of_gaussians
from ._gradient_field import GradientField as GradientField
from ._infer import AbstractTrajectoryMethod as AbstractTrajectoryMethod
from ._infer import Trajectories as Trajectories
from ._infer import infer_trajectories as infer_trajectories
from ._interpolation import Carried as Carried
from ._interpolation import FieldErrors as FieldErrors
from ._interpolation import Interpolation as Interpolation
from ._interpolation import Likelihood as Likelihood
from ._latent import AbstractLatentNoise as AbstractLatentNoise
from ._latent import BridgeNoise as BridgeNoise
from ._latent import NoNoise as NoNoise
from ._latent import ParabolicNoise as ParabolicNoise
from ._latent import SigmoidNoise as SigmoidNoise
from ._latent import SineNoise as SineNoise
from ._mixture import bridge_of_mixture as bridge_of_mixture
from ._path import AbstractOneSidedPath as AbstractOneSidedPath
from ._path import AbstractPath as AbstractPath
from ._path import Coefficients as Coefficients
from ._path import EncodingDecodingPath as EncodingDecodingPath
from ._path import LinearPath as LinearPath
from ._path import MirrorPath as MirrorPath
from ._path import OneSidedLinearPath as OneSidedLinearPath
from ._path import OneSidedTrigonometricPath as OneSidedTrigonometricPath
from ._path import TrigonometricPath as TrigonometricPath
from ._path import VariancePreservingPath as VariancePreservingPath
from ._piecewise import PiecewiseIPF as PiecewiseIPF
from ._problem import BridgeProblem as BridgeProblem
from ._reference import Brownian as Brownian
from ._reference import DriftReference as DriftReference
from ._reference import OrnsteinUhlenbeck as OrnsteinUhlenbeck
from ._refit import Adam as Adam
from ._refit import GaussNewton as GaussNewton
from ._regression import RandomFeatures as RandomFeatures
from ._sde import EulerMaruyama as EulerMaruyama
from ._sde import Heun as Heun
from ._sde import simulate as simulate
from ._semidiscrete import AbstractSemiDiscreteMethod as AbstractSemiDiscreteMethod
from ._semidiscrete import BrenierMap as BrenierMap
from ._semidiscrete import SemiDiscrete as SemiDiscrete
from ._semidiscrete import semidiscrete as semidiscrete
from ._snapshots import Snapshots as Snapshots
from ._targets import AbstractTarget as AbstractTarget
from ._targets import DataVelocity as DataVelocity
from ._targets import Denoiser as Denoiser
from ._targets import Score as Score
from ._targets import Velocity as Velocity
from .bridge_matching import BridgeMatching as BridgeMatching
from .consecutive_bridges import ConsecutiveBridges as ConsecutiveBridges
from .entropic_semidual import EntropicSemidual as EntropicSemidual
from .fixed_reference import FixedReference as FixedReference
from .flow_matching import FlowMatching as FlowMatching
from .gaussian_bridge import GaussianBridge as GaussianBridge
from .ipf import IPF as IPF
from .light_sb import LightSB as LightSB
from .light_sbm import LightSBM as LightSBM
from .mccann_interpolation import McCannInterpolation as McCannInterpolation
from .monte_carlo_adam import MonteCarloAdam as MonteCarloAdam
from .nearest_neighbour import NearestNeighbour as NearestNeighbour
from .sbirr import SBIRR as SBIRR
from .score_diffusion import ScoreDiffusion as ScoreDiffusion
from .shared_drift import SharedDrift as SharedDrift
from .sinkhorn import Sinkhorn as Sinkhorn
from .stochastic_interpolant import StochasticInterpolant as StochasticInterpolant
from .vanilla_sb import VanillaSB as VanillaSB

__all__ = [
    "IPF",
    "ODE",
    "SBIRR",
    "SDE",
    "AbstractBridgeMethod",
    "AbstractDiffusion",
    "AbstractDivergence",
    "AbstractFields",
    "AbstractInterpolantMethod",
    "AbstractLatentNoise",
    "AbstractOneSidedPath",
    "AbstractPairing",
    "AbstractPath",
    "AbstractSemiDiscreteMethod",
    "AbstractTarget",
    "AbstractTrajectoryMethod",
    "Adam",
    "BrenierMap",
    "Bridge",
    "BridgeMatching",
    "BridgeNoise",
    "BridgeProblem",
    "Brownian",
    "Carried",
    "Coefficients",
    "ConsecutiveBridges",
    "Constant",
    "Coupling",
    "DataVelocity",
    "Denoiser",
    "Diagonal",
    "DriftReference",
    "EncodingDecodingPath",
    "Entropic",
    "EntropicSemidual",
    "EulerMaruyama",
    "ExactDivergence",
    "FieldErrors",
    "Fields",
    "FixedReference",
    "FlowMatching",
    "Full",
    "GaussNewton",
    "GaussianBridge",
    "GradientField",
    "Heun",
    "HutchinsonDivergence",
    "Independent",
    "Interpolation",
    "LightSB",
    "LightSBM",
    "Likelihood",
    "LinearPath",
    "McCannInterpolation",
    "MirrorPath",
    "MonteCarloAdam",
    "NearestNeighbour",
    "NoNoise",
    "OneSidedLinearPath",
    "OneSidedTrigonometricPath",
    "OptimalTransport",
    "OrnsteinUhlenbeck",
    "Paired",
    "ParabolicNoise",
    "PiecewiseIPF",
    "Planned",
    "Proportional",
    "RandomFeatures",
    "Score",
    "ScoreDiffusion",
    "SemiDiscrete",
    "SharedDrift",
    "SigmoidNoise",
    "SineNoise",
    "Sinkhorn",
    "Snapshots",
    "StochasticInterpolant",
    "Trajectories",
    "TrigonometricPath",
    "VanillaSB",
    "VariancePreservingPath",
    "Velocity",
    "bridge",
    "bridge_of_gaussians",
    "bridge_of_mixture",
    "fit_interpolant",
    "infer_trajectories",
    "mixture_fields",
    "semidiscrete",
    "simulate",
]
