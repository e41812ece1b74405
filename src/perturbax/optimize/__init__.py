"""Parameters that are learned: of solvers, of models and their integers, and of simulations from observations."""

from ._arm_rule import AbstractArmRule as AbstractArmRule
from ._arm_rule import Greedy as Greedy
from ._arm_rule import Optimistic as Optimistic
from ._arm_rule import Thompson as Thompson
from ._arm_rule import UpperConfidence as UpperConfidence
from ._bandit import AbstractBanditMethod as AbstractBanditMethod
from ._bandit import Plays as Plays
from ._bandit import bandit as bandit
from ._bit_budget import Budget as Budget
from ._bit_budget import Share as Share
from ._bit_budget import read_latencies as read_latencies
from ._cost_estimator import AbstractCostEstimator as AbstractCostEstimator
from ._cost_estimator import ImportanceWeighted as ImportanceWeighted
from ._cost_estimator import ReducedVariance as ReducedVariance
from ._database import Database as Database
from ._database import build_database as build_database
from ._database import read_database as read_database
from ._draw import DrawWithReplacement as DrawWithReplacement
from ._encoding import AbstractEncoding as AbstractEncoding
from ._encoding import Downsample as Downsample
from ._encoding import FullResolution as FullResolution
from ._encoding import PrincipalComponents as PrincipalComponents
from ._encoding import RandomProjection as RandomProjection
from ._environment import AbstractEnvironment as AbstractEnvironment
from ._environment import FunctionEnvironment as FunctionEnvironment
from ._environment import TableEnvironment as TableEnvironment
from ._environment import all_subsets as all_subsets
from ._fake_quantization import FakeQuantization as FakeQuantization
from ._hausdorff import Hausdorff as Hausdorff
from ._inverse_problem import InverseProblem as InverseProblem
from ._invert import AbstractInversionMethod as AbstractInversionMethod
from ._invert import Estimate as Estimate
from ._invert import invert as invert
from ._least_squares import LeastSquares as LeastSquares
from ._linear_sequence import LinearSequence as LinearSequence
from ._linearised_sgd import LinearisedSGD as LinearisedSGD
from ._linearised_sgd import second_moments as second_moments
from ._persistent import Tuner as Tuner
from ._quantization import QuantizationProblem as QuantizationProblem
from ._quantize import AbstractQuantizer as AbstractQuantizer
from ._quantize import Allocation as Allocation
from ._quantize import QuantizedLayer as QuantizedLayer
from ._quantize import QuantizedModel as QuantizedModel
from ._quantize import integer_apply as integer_apply
from ._quantize import quantize as quantize
from ._reference import AbstractReference as AbstractReference
from ._reward_gp import HybridGP as HybridGP
from ._saved_quantized import load_quantized as load_quantized
from ._saved_quantized import save_quantized as save_quantized
from ._sequence import AbstractSequence as AbstractSequence
from ._sequence import CostTable as CostTable
from ._sequence import SolverSequence as SolverSequence
from ._sharpness import AbstractSharpnessMethod as AbstractSharpnessMethod
from ._sharpness import Sharpness as Sharpness
from ._sharpness import sharpness as sharpness
from ._similarity import AbstractSimilarity as AbstractSimilarity
from ._similarity import Bernoulli as Bernoulli
from ._similarity import Dice as Dice
from ._similarity import SquaredError as SquaredError
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
from .best_arm import BestArm as BestArm
from .best_fixed_arm import BestFixedArm as BestFixedArm
from .best_in_hindsight import BestInHindsight as BestInHindsight
from .binned import Binned as Binned
from .chebcb import ChebCB as ChebCB
from .cmaes import CMAES as CMAES
from .database_query import DatabaseQuery as DatabaseQuery
from .divergence_bits import DivergenceBits as DivergenceBits
from .epsilon_greedy import EpsilonGreedy as EpsilonGreedy
from .exact_second_moment import ExactSecondMoment as ExactSecondMoment
from .exact_sharpness import ExactSharpness as ExactSharpness
from .exp3 import Exp3 as Exp3
from .fixed import Fixed as Fixed
from .fixed_arm import FixedArm as FixedArm
from .float_requantization import FloatRequantization as FloatRequantization
from .frobenius_bound import FrobeniusBound as FrobeniusBound
from .given_perturbation import GivenPerturbation as GivenPerturbation
from .golden_section import GoldenSection as GoldenSection
from .gp_bandit import GPBandit as GPBandit
from .gradient_map import GradientMAP as GradientMAP
from .hawq import Hawq as Hawq
from .largest_first_bits import LargestFirstBits as LargestFirstBits
from .learned_regression import LearnedRegression as LearnedRegression
from .probed_sharpness import ProbedSharpness as ProbedSharpness
from .random_arm import RandomArm as RandomArm
from .random_bits import RandomBits as RandomBits
from .random_walk_metropolis import RandomWalkMetropolis as RandomWalkMetropolis
from .rejection_abc import RejectionABC as RejectionABC
from .sequential_gp_bandit import SequentialGPBandit as SequentialGPBandit
from .sharp_bound import SharpBound as SharpBound
from .top_eigenvalue_bits import TopEigenvalueBits as TopEigenvalueBits
from .top_eigenvalue_bound import TopEigenvalueBound as TopEigenvalueBound
from .trace_bound import TraceBound as TraceBound
from .tsallis_inf import TsallisINF as TsallisINF
from .ucb1 import UCB1 as UCB1
from .uniform_bits import UniformBits as UniformBits

__all__ = [
    "CMAES",
    "UCB1",
    "AbstractArmRule",
    "AbstractBanditMethod",
    "AbstractCostEstimator",
    "AbstractEncoding",
    "AbstractEnvironment",
    "AbstractInversionMethod",
    "AbstractQuantizer",
    "AbstractReference",
    "AbstractSequence",
    "AbstractSharpnessBound",
    "AbstractSharpnessMethod",
    "AbstractSimilarity",
    "AbstractStabilityMethod",
    "AbstractTuner",
    "Allocation",
    "AsymptoticOracle",
    "Bernoulli",
    "BestArm",
    "BestFixedArm",
    "BestInHindsight",
    "Binned",
    "Budget",
    "ChebCB",
    "Choice",
    "CostTable",
    "Database",
    "DatabaseQuery",
    "Dice",
    "DivergenceBits",
    "Downsample",
    "DrawWithReplacement",
    "EpsilonGreedy",
    "Estimate",
    "ExactSecondMoment",
    "ExactSharpness",
    "Exp3",
    "FakeQuantization",
    "Fixed",
    "FixedArm",
    "FloatRequantization",
    "FrobeniusBound",
    "FullResolution",
    "FunctionEnvironment",
    "GPBandit",
    "GivenPerturbation",
    "GoldenSection",
    "GradientMAP",
    "Greedy",
    "Hausdorff",
    "Hawq",
    "HybridGP",
    "ImportanceWeighted",
    "InverseProblem",
    "LargestFirstBits",
    "LearnedRegression",
    "LeastSquares",
    "LinearSequence",
    "LinearisedSGD",
    "Optimistic",
    "Plays",
    "PrincipalComponents",
    "ProbedSharpness",
    "QuantizationProblem",
    "QuantizedLayer",
    "QuantizedModel",
    "RandomArm",
    "RandomBits",
    "RandomProjection",
    "RandomWalkMetropolis",
    "ReducedVariance",
    "RejectionABC",
    "SequentialGPBandit",
    "Share",
    "SharpBound",
    "Sharpness",
    "SharpnessTracker",
    "SolverSequence",
    "SquaredError",
    "Stability",
    "TableEnvironment",
    "Thompson",
    "TopEigenvalueBits",
    "TopEigenvalueBound",
    "TraceBound",
    "TsallisINF",
    "Tuner",
    "Tuning",
    "UniformBits",
    "UpperConfidence",
    "all_subsets",
    "bandit",
    "build_database",
    "integer_apply",
    "invert",
    "load_quantized",
    "quantize",
    "read_database",
    "read_latencies",
    "save_quantized",
    "second_moments",
    "sharpness",
    "stability",
    "tune",
]
