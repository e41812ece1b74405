"""Distributions whose answers are exact, and distances between samples with their sampling floors."""

from ._causal_graph import CausalGraph as CausalGraph
from ._causal_graph import canonical_subset as canonical_subset
from ._causal_graph import equivalence_classes as equivalence_classes
from ._discovery import CDNOD as CDNOD
from ._discovery import FisherZ as FisherZ
from ._discovery import KernelTest as KernelTest
from ._discrepancy import Discrepancy as Discrepancy
from ._discrepancy import energy_distance as energy_distance
from ._discrepancy import maximum_mean_discrepancy as maximum_mean_discrepancy
from ._discrete_model import DiscreteModel as DiscreteModel
from ._frechet import frechet_distance as frechet_distance
from ._frechet import frechet_distance_of_moments as frechet_distance_of_moments
from ._gaussian_mixture import GaussianMixture as GaussianMixture
from ._mechanisms import Additive as Additive
from ._mechanisms import Tabular as Tabular
from ._robust_subset import AbstractRobustMethod as AbstractRobustMethod
from ._robust_subset import Environments as Environments
from ._robust_subset import RobustSubset as RobustSubset
from ._robust_subset import robust_subset as robust_subset
from ._sampling_floor import Floor as Floor
from ._sampling_floor import sampling_floor as sampling_floor
from ._subset_search import AllSubsets as AllSubsets
from ._subset_search import Classes as Classes
from ._subset_search import Greedy as Greedy
from ._subset_search import WholeSet as WholeSet
from ._wasserstein import sinkhorn_wasserstein as sinkhorn_wasserstein
from ._wasserstein import sliced_wasserstein as sliced_wasserstein
from ._wasserstein import wasserstein as wasserstein
from .anchor_regression import AnchorRegression as AnchorRegression
from .causal_minimax import CausalMinimax as CausalMinimax
from .causal_minimax import whole_set_is_best as whole_set_is_best
from .graph_surgery import GraphSurgery as GraphSurgery
from .group_dro import GroupDRO as GroupDRO
from .invariant_causal_prediction import InvariantCausalPrediction as InvariantCausalPrediction
from .invariant_risk_minimization import InvariantRiskMinimization as InvariantRiskMinimization
from .pooled import Pooled as Pooled
from .whole_stable_set import WholeStableSet as WholeStableSet

__all__ = [
    "CDNOD",
    "AbstractRobustMethod",
    "Additive",
    "AllSubsets",
    "AnchorRegression",
    "CausalGraph",
    "CausalMinimax",
    "Classes",
    "Discrepancy",
    "DiscreteModel",
    "Environments",
    "FisherZ",
    "Floor",
    "GaussianMixture",
    "GraphSurgery",
    "Greedy",
    "GroupDRO",
    "InvariantCausalPrediction",
    "InvariantRiskMinimization",
    "KernelTest",
    "Pooled",
    "RobustSubset",
    "Tabular",
    "WholeSet",
    "WholeStableSet",
    "canonical_subset",
    "energy_distance",
    "equivalence_classes",
    "frechet_distance",
    "frechet_distance_of_moments",
    "maximum_mean_discrepancy",
    "robust_subset",
    "sampling_floor",
    "sinkhorn_wasserstein",
    "sliced_wasserstein",
    "wasserstein",
    "whole_set_is_best",
]
