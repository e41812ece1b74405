"""Schrödinger bridges: the process that joins two samples and stays closest to a reference."""

from ._bridge import AbstractBridgeMethod as AbstractBridgeMethod
from ._bridge import Bridge as Bridge
from ._bridge import bridge as bridge
from ._covariance import Diagonal as Diagonal
from ._covariance import Full as Full
from ._gaussian_bridge import bridge_of_gaussians as bridge_of_gaussians
from ._mixture import bridge_of_mixture as bridge_of_mixture
from ._problem import BridgeProblem as BridgeProblem
from ._reference import Brownian as Brownian
from ._reference import DriftReference as DriftReference
from ._reference import OrnsteinUhlenbeck as OrnsteinUhlenbeck
from ._regression import RandomFeatures as RandomFeatures
from ._sde import EulerMaruyama as EulerMaruyama
from ._sde import Heun as Heun
from ._sde import simulate as simulate
from ._semidiscrete import AbstractSemiDiscreteMethod as AbstractSemiDiscreteMethod
from ._semidiscrete import BrenierMap as BrenierMap
from ._semidiscrete import SemiDiscrete as SemiDiscrete
from ._semidiscrete import semidiscrete as semidiscrete
from .bridge_matching import BridgeMatching as BridgeMatching
from .entropic_semidual import EntropicSemidual as EntropicSemidual
from .gaussian_bridge import GaussianBridge as GaussianBridge
from .ipf import IPF as IPF
from .light_sb import LightSB as LightSB
from .light_sbm import LightSBM as LightSBM
from .monte_carlo_adam import MonteCarloAdam as MonteCarloAdam
from .nearest_neighbour import NearestNeighbour as NearestNeighbour
from .sinkhorn import Sinkhorn as Sinkhorn

__all__ = [
    "IPF",
    "AbstractBridgeMethod",
    "AbstractSemiDiscreteMethod",
    "BrenierMap",
    "Bridge",
    "BridgeMatching",
    "BridgeProblem",
    "Brownian",
    "Diagonal",
    "DriftReference",
    "EntropicSemidual",
    "EulerMaruyama",
    "Full",
    "GaussianBridge",
    "Heun",
    "LightSB",
    "LightSBM",
    "MonteCarloAdam",
    "NearestNeighbour",
    "OrnsteinUhlenbeck",
    "RandomFeatures",
    "SemiDiscrete",
    "Sinkhorn",
    "bridge",
    "bridge_of_gaussians",
    "bridge_of_mixture",
    "semidiscrete",
    "simulate",
]
