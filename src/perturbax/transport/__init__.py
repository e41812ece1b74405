"""Schrödinger bridges: the process that joins two samples and stays closest to a reference."""

from ._bridge import AbstractBridgeMethod as AbstractBridgeMethod
from ._bridge import Bridge as Bridge
from ._bridge import bridge as bridge
from ._covariance import Diagonal as Diagonal
from ._covariance import Full as Full
from ._gaussian_bridge import bridge_of_gaussians as bridge_of_gaussians
from ._gradient_field import GradientField as GradientField
from ._infer import AbstractTrajectoryMethod as AbstractTrajectoryMethod
from ._infer import Trajectories as Trajectories
from ._infer import infer_trajectories as infer_trajectories
from ._mixture import bridge_of_mixture as bridge_of_mixture
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
from .bridge_matching import BridgeMatching as BridgeMatching
from .consecutive_bridges import ConsecutiveBridges as ConsecutiveBridges
from .entropic_semidual import EntropicSemidual as EntropicSemidual
from .fixed_reference import FixedReference as FixedReference
from .gaussian_bridge import GaussianBridge as GaussianBridge
from .ipf import IPF as IPF
from .light_sb import LightSB as LightSB
from .light_sbm import LightSBM as LightSBM
from .mccann_interpolation import McCannInterpolation as McCannInterpolation
from .monte_carlo_adam import MonteCarloAdam as MonteCarloAdam
from .nearest_neighbour import NearestNeighbour as NearestNeighbour
from .sbirr import SBIRR as SBIRR
from .shared_drift import SharedDrift as SharedDrift
from .sinkhorn import Sinkhorn as Sinkhorn
from .vanilla_sb import VanillaSB as VanillaSB

__all__ = [
    "IPF",
    "SBIRR",
    "AbstractBridgeMethod",
    "AbstractSemiDiscreteMethod",
    "AbstractTrajectoryMethod",
    "Adam",
    "BrenierMap",
    "Bridge",
    "BridgeMatching",
    "BridgeProblem",
    "Brownian",
    "ConsecutiveBridges",
    "Diagonal",
    "DriftReference",
    "EntropicSemidual",
    "EulerMaruyama",
    "FixedReference",
    "Full",
    "GaussNewton",
    "GaussianBridge",
    "GradientField",
    "Heun",
    "LightSB",
    "LightSBM",
    "McCannInterpolation",
    "MonteCarloAdam",
    "NearestNeighbour",
    "OrnsteinUhlenbeck",
    "PiecewiseIPF",
    "RandomFeatures",
    "SemiDiscrete",
    "SharedDrift",
    "Sinkhorn",
    "Snapshots",
    "Trajectories",
    "VanillaSB",
    "bridge",
    "bridge_of_gaussians",
    "bridge_of_mixture",
    "infer_trajectories",
    "semidiscrete",
    "simulate",
]
