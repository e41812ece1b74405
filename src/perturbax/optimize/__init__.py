"""Parameters that are learned: of solvers, one instance after another, and of models, whose minima SGD chooses."""

from ._cost_estimator import AbstractCostEstimator as AbstractCostEstimator
from ._cost_estimator import ImportanceWeighted as ImportanceWeighted
from ._cost_estimator import ReducedVariance as ReducedVariance
from ._draw import DrawWithReplacement as DrawWithReplacement
from ._least_squares import LeastSquares as LeastSquares
from ._linear_sequence import LinearSequence as LinearSequence
from ._linearised_sgd import LinearisedSGD as LinearisedSGD
from ._linearised_sgd import second_moments as second_moments
from ._persistent import Tuner as Tuner
from ._reference import AbstractReference as AbstractReference
from ._sequence import AbstractSequence as AbstractSequence
from ._sequence import CostTable as CostTable
from ._sequence import SolverSequence as SolverSequence
from ._sharpness import AbstractSharpnessMethod as AbstractSharpnessMethod
from ._sharpness import Sharpness as Sharpness
from ._sharpness import sharpness as sharpness
from ._stability import AbstractSharpnessBound as AbstractSharpnessBound
from ._stability import AbstractStabilityMethod as AbstractStabilityMethod
from ._stability import Stability as Stability
from ._stability import stability as stability
from ._tracker import SharpnessTracker as SharpnessTracker
from ._tune import Tuning as Tuning
from ._tune import tune as tune
from ._tuner import AbstractTuner as AbstractTuner
from ._tuner import Choice as Choice
from .asymptotic_oracle import AsymptoticOracle as AsymptoticOracle
from .best_in_hindsight import BestInHindsight as BestInHindsight
from .binned import Binned as Binned
from .chebcb import ChebCB as ChebCB
from .exact_second_moment import ExactSecondMoment as ExactSecondMoment
from .exact_sharpness import ExactSharpness as ExactSharpness
from .exp3 import Exp3 as Exp3
from .fixed import Fixed as Fixed
from .frobenius_bound import FrobeniusBound as FrobeniusBound
from .golden_section import GoldenSection as GoldenSection
from .probed_sharpness import ProbedSharpness as ProbedSharpness
from .sharp_bound import SharpBound as SharpBound
from .top_eigenvalue_bound import TopEigenvalueBound as TopEigenvalueBound
from .trace_bound import TraceBound as TraceBound
from .tsallis_inf import TsallisINF as TsallisINF
from .ucb1 import UCB1 as UCB1

__all__ = [
    "UCB1",
    "AbstractCostEstimator",
    "AbstractReference",
    "AbstractSequence",
    "AbstractSharpnessBound",
    "AbstractSharpnessMethod",
    "AbstractStabilityMethod",
    "AbstractTuner",
    "AsymptoticOracle",
    "BestInHindsight",
    "Binned",
    "ChebCB",
    "Choice",
    "CostTable",
    "DrawWithReplacement",
    "ExactSecondMoment",
    "ExactSharpness",
    "Exp3",
    "Fixed",
    "FrobeniusBound",
    "GoldenSection",
    "ImportanceWeighted",
    "LeastSquares",
    "LinearSequence",
    "LinearisedSGD",
    "ProbedSharpness",
    "ReducedVariance",
    "SharpBound",
    "Sharpness",
    "SharpnessTracker",
    "SolverSequence",
    "Stability",
    "TopEigenvalueBound",
    "TraceBound",
    "TsallisINF",
    "Tuner",
    "Tuning",
    "second_moments",
    "sharpness",
    "stability",
    "tune",
]
