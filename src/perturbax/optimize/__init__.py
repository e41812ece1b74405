"""Parameters that are learned: of solvers, one instance after another."""

from ._cost_estimator import AbstractCostEstimator as AbstractCostEstimator
from ._cost_estimator import ImportanceWeighted as ImportanceWeighted
from ._cost_estimator import ReducedVariance as ReducedVariance
from ._linear_sequence import LinearSequence as LinearSequence
from ._persistent import Tuner as Tuner
from ._reference import AbstractReference as AbstractReference
from ._sequence import AbstractSequence as AbstractSequence
from ._sequence import CostTable as CostTable
from ._sequence import SolverSequence as SolverSequence
from ._tune import Tuning as Tuning
from ._tune import tune as tune
from ._tuner import AbstractTuner as AbstractTuner
from ._tuner import Choice as Choice
from .asymptotic_oracle import AsymptoticOracle as AsymptoticOracle
from .best_in_hindsight import BestInHindsight as BestInHindsight
from .binned import Binned as Binned
from .chebcb import ChebCB as ChebCB
from .exp3 import Exp3 as Exp3
from .fixed import Fixed as Fixed
from .golden_section import GoldenSection as GoldenSection
from .tsallis_inf import TsallisINF as TsallisINF
from .ucb1 import UCB1 as UCB1

__all__ = [
    "UCB1",
    "AbstractCostEstimator",
    "AbstractReference",
    "AbstractSequence",
    "AbstractTuner",
    "AsymptoticOracle",
    "BestInHindsight",
    "Binned",
    "ChebCB",
    "Choice",
    "CostTable",
    "Exp3",
    "Fixed",
    "GoldenSection",
    "ImportanceWeighted",
    "LinearSequence",
    "ReducedVariance",
    "SolverSequence",
    "TsallisINF",
    "Tuner",
    "Tuning",
    "tune",
]
