"""Flows of systems that are perturbed: where the features of a network go, and how near to collapse they end."""

from ._collapse_problem import CollapseProblem as CollapseProblem
from ._elasticities import Elasticities as Elasticities
from ._elasticities import elasticities as elasticities
from ._elasticities import matching_proximity as matching_proximity
from ._flow import AbstractFlowMethod as AbstractFlowMethod
from ._flow import CollapseFlow as CollapseFlow
from ._flow import flow as flow
from .alternating_exact import AlternatingExact as AlternatingExact
from .central_path_flow import CentralPathFlow as CentralPathFlow
from .collapse_predictor import CollapsePredictor as CollapsePredictor
from .joint_gradient_flow import JointGradientFlow as JointGradientFlow
from .reduced_newton import ReducedNewton as ReducedNewton
from .trained_layer import TrainedLayer as TrainedLayer

__all__ = [
    "AbstractFlowMethod",
    "AlternatingExact",
    "CentralPathFlow",
    "CollapseFlow",
    "CollapsePredictor",
    "CollapseProblem",
    "Elasticities",
    "JointGradientFlow",
    "ReducedNewton",
    "TrainedLayer",
    "elasticities",
    "flow",
    "matching_proximity",
]
