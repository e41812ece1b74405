"""Parameters that are learned: of solvers, one instance after another, and of models, whose minima SGD chooses."""

from ._bit_budget import Budget as Budget
from ._bit_budget import Share as Share
from ._bit_budget import read_latencies as read_latencies
from ._cost_estimator import AbstractCostEstimator as AbstractCostEstimator
from ._cost_estimator import ImportanceWeighted as ImportanceWeighted
from ._cost_estimator import ReducedVariance as ReducedVariance
from ._draw import DrawWithReplacement as DrawWithReplacement
from ._fake_quantization import FakeQuantization as FakeQuantization
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
from ._saved_quantized import load_quantized as load_quantized
from ._saved_quantized import save_quantized as save_quantized
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
from .divergence_bits import DivergenceBits as DivergenceBits
from .exact_second_moment import ExactSecondMoment as ExactSecondMoment
from .exact_sharpness import ExactSharpness as ExactSharpness
from .exp3 import Exp3 as Exp3
from .fixed import Fixed as Fixed
from .float_requantization import FloatRequantization as FloatRequantization
from .frobenius_bound import FrobeniusBound as FrobeniusBound
from .given_perturbation import GivenPerturbation as GivenPerturbation
from .golden_section import GoldenSection as GoldenSection
from .hawq import Hawq as Hawq
from .largest_first_bits import LargestFirstBits as LargestFirstBits
from .probed_sharpness import ProbedSharpness as ProbedSharpness
from .random_bits import RandomBits as RandomBits
from .sharp_bound import SharpBound as SharpBound
from .top_eigenvalue_bits import TopEigenvalueBits as TopEigenvalueBits
from .top_eigenvalue_bound import TopEigenvalueBound as TopEigenvalueBound
from .trace_bound import TraceBound as TraceBound
from .tsallis_inf import TsallisINF as TsallisINF
from .ucb1 import UCB1 as UCB1
from .uniform_bits import UniformBits as UniformBits

__all__ = [
    "UCB1",
    "AbstractCostEstimator",
    "AbstractQuantizer",
    "AbstractReference",
    "AbstractSequence",
    "AbstractSharpnessBound",
    "AbstractSharpnessMethod",
    "AbstractStabilityMethod",
    "AbstractTuner",
    "Allocation",
    "AsymptoticOracle",
    "BestInHindsight",
    "Binned",
    "Budget",
    "ChebCB",
    "Choice",
    "CostTable",
    "DivergenceBits",
    "DrawWithReplacement",
    "ExactSecondMoment",
    "ExactSharpness",
    "Exp3",
    "FakeQuantization",
    "Fixed",
    "FloatRequantization",
    "FrobeniusBound",
    "GivenPerturbation",
    "GoldenSection",
    "Hawq",
    "ImportanceWeighted",
    "LargestFirstBits",
    "LeastSquares",
    "LinearSequence",
    "LinearisedSGD",
    "ProbedSharpness",
    "QuantizationProblem",
    "QuantizedLayer",
    "QuantizedModel",
    "RandomBits",
    "ReducedVariance",
    "Share",
    "SharpBound",
    "Sharpness",
    "SharpnessTracker",
    "SolverSequence",
    "Stability",
    "TopEigenvalueBits",
    "TopEigenvalueBound",
    "TraceBound",
    "TsallisINF",
    "Tuner",
    "Tuning",
    "UniformBits",
    "integer_apply",
    "load_quantized",
    "quantize",
    "read_latencies",
    "save_quantized",
    "second_moments",
    "sharpness",
    "stability",
    "tune",
]
