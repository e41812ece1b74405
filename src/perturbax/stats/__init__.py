"""Distributions whose answers are exact, and distances between samples with their sampling floors."""

from . import covariances as covariances
from ._answer_queries import AbstractQueryMethod as AbstractQueryMethod
from ._answer_queries import Answer as Answer
from ._answer_queries import Answers as Answers
from ._answer_queries import BudgetExhausted as BudgetExhausted
from ._answer_queries import answer_queries as answer_queries
from ._answer_queries import require_accuracy as require_accuracy
from ._answer_queries import sample_size as sample_size
from ._causal_graph import CausalGraph as CausalGraph
from ._causal_graph import canonical_subset as canonical_subset
from ._causal_graph import equivalence_classes as equivalence_classes
from ._circulant import CirculantEmbedding as CirculantEmbedding
from ._collapse_metrics import CollapseMetrics as CollapseMetrics
from ._collapse_metrics import collapse_metrics as collapse_metrics
from ._discovery import CDNOD as CDNOD
from ._discovery import FisherZ as FisherZ
from ._discovery import KernelTest as KernelTest
from ._discrepancy import Discrepancy as Discrepancy
from ._discrepancy import energy_distance as energy_distance
from ._discrepancy import maximum_mean_discrepancy as maximum_mean_discrepancy
from ._discrete_model import DiscreteModel as DiscreteModel
from ._excursions import AbstractExcursionMethod as AbstractExcursionMethod
from ._excursions import ExcursionLaw as ExcursionLaw
from ._excursions import InvalidIIA as InvalidIIA
from ._excursions import StationaryGaussian as StationaryGaussian
from ._excursions import excursions as excursions
from ._expression import parse_query as parse_query
from ._fit_distribution import AbstractDistributionMethod as AbstractDistributionMethod
from ._fit_distribution import AbstractGeneratedLaw as AbstractGeneratedLaw
from ._fit_distribution import AbstractLaw as AbstractLaw
from ._fit_distribution import Candidates as Candidates
from ._fit_distribution import FittedDistribution as FittedDistribution
from ._fit_distribution import Observations as Observations
from ._fit_distribution import fit_distribution as fit_distribution
from ._frechet import frechet_distance as frechet_distance
from ._frechet import frechet_distance_of_moments as frechet_distance_of_moments
from ._gaussian_mixture import GaussianMixture as GaussianMixture
from ._guarantee import Guarantee as Guarantee
from ._guarantee import Privacy as Privacy
from ._holdout import Holdout as Holdout
from ._holdout import status_of_ledger as status_of_ledger
from ._holdout_scorer import HoldoutScorer as HoldoutScorer
from ._instance_noise import AbstractInstanceNoise as AbstractInstanceNoise
from ._instance_noise import AnnealedNoise as AnnealedNoise
from ._instance_noise import FreshNoise as FreshNoise
from ._instance_noise import NoiseOnce as NoiseOnce
from ._kolmogorov_smirnov import kolmogorov_smirnov as kolmogorov_smirnov
from ._kolmogorov_smirnov import kolmogorov_smirnov_floor as kolmogorov_smirnov_floor
from ._latent import AbstractLatent as AbstractLatent
from ._latent import NormalLatent as NormalLatent
from ._latent import UniformLatent as UniformLatent
from ._latent_likelihood import AbstractLatentLikelihood as AbstractLatentLikelihood
from ._latent_likelihood import ImportanceWeighted as ImportanceWeighted
from ._latent_likelihood import Quadrature as Quadrature
from ._linear_posterior import linear_posterior as linear_posterior
from ._mechanisms import Additive as Additive
from ._mechanisms import Tabular as Tabular
from ._prior import AbstractPrior as AbstractPrior
from ._prior import UniformPrior as UniformPrior
from ._query_noise import AbstractNoise as AbstractNoise
from ._query_noise import Laplace as Laplace
from ._query_noise import Normal as Normal
from ._query_values import AbstractAnalyst as AbstractAnalyst
from ._query_values import QueryBatch as QueryBatch
from ._query_values import QuerySession as QuerySession
from ._query_values import QueryValues as QueryValues
from ._query_values import SampleSizes as SampleSizes
from ._query_values import SignVote as SignVote
from ._robust_subset import AbstractRobustMethod as AbstractRobustMethod
from ._robust_subset import Environments as Environments
from ._robust_subset import RobustSubset as RobustSubset
from ._robust_subset import robust_subset as robust_subset
from ._sampling_floor import Floor as Floor
from ._sampling_floor import sampling_floor as sampling_floor
from ._saved_distribution import load_distribution as load_distribution
from ._saved_distribution import save_distribution as save_distribution
from ._series import autocorrelation as autocorrelation
from ._series import bootstrap_theta as bootstrap_theta
from ._series import excursion_durations as excursion_durations
from ._series import stationary_gaussian as stationary_gaussian
from ._sieve import AbstractSieve as AbstractSieve
from ._sieve import AffineMaps as AffineMaps
from ._sieve import ReLUNetworks as ReLUNetworks
from ._subset_search import AllSubsets as AllSubsets
from ._subset_search import Classes as Classes
from ._subset_search import Greedy as Greedy
from ._subset_search import WholeSet as WholeSet
from ._wasserstein import sinkhorn_wasserstein as sinkhorn_wasserstein
from ._wasserstein import sliced_wasserstein as sliced_wasserstein
from ._wasserstein import wasserstein as wasserstein
from .anchor_regression import AnchorRegression as AnchorRegression
from .bonferroni import Bonferroni as Bonferroni
from .bootstrap import Bootstrap as Bootstrap
from .causal_minimax import CausalMinimax as CausalMinimax
from .causal_minimax import whole_set_is_best as whole_set_is_best
from .classical_iia import ClassicalIIA as ClassicalIIA
from .effective_rounds import EffectiveRounds as EffectiveRounds
from .empirical import Empirical as Empirical
from .exact_random_acceleration import ExactRandomAcceleration as ExactRandomAcceleration
from .gaussian_noise import GaussianNoise as GaussianNoise
from .graph_surgery import GraphSurgery as GraphSurgery
from .group_dro import GroupDRO as GroupDRO
from .invariant_causal_prediction import InvariantCausalPrediction as InvariantCausalPrediction
from .invariant_risk_minimization import InvariantRiskMinimization as InvariantRiskMinimization
from .kernel_density import KernelDensity as KernelDensity
from .laplace_noise import LaplaceNoise as LaplaceNoise
from .naive import Naive as Naive
from .perturbed_mle import PerturbedMLE as PerturbedMLE
from .pooled import Pooled as Pooled
from .private_multiplicative_weights import PrivateMultiplicativeWeights as PrivateMultiplicativeWeights
from .probabilistic_pca import ProbabilisticPCA as ProbabilisticPCA
from .rice_bound import RiceBound as RiceBound
from .sample_split import SampleSplit as SampleSplit
from .simulated_excursions import SimulatedExcursions as SimulatedExcursions
from .slepian_iia import SlepianIIA as SlepianIIA
from .sparse_validate import SparseValidate as SparseValidate
from .sparse_vector import SparseVector as SparseVector
from .thresholdout import Thresholdout as Thresholdout
from .whole_stable_set import WholeStableSet as WholeStableSet

__all__ = [
    "CDNOD",
    "AbstractAnalyst",
    "AbstractDistributionMethod",
    "AbstractExcursionMethod",
    "AbstractGeneratedLaw",
    "AbstractInstanceNoise",
    "AbstractLatent",
    "AbstractLatentLikelihood",
    "AbstractLaw",
    "AbstractNoise",
    "AbstractPrior",
    "AbstractQueryMethod",
    "AbstractRobustMethod",
    "AbstractSieve",
    "Additive",
    "AffineMaps",
    "AllSubsets",
    "AnchorRegression",
    "AnnealedNoise",
    "Answer",
    "Answers",
    "Bonferroni",
    "Bootstrap",
    "BudgetExhausted",
    "Candidates",
    "CausalGraph",
    "CausalMinimax",
    "CirculantEmbedding",
    "Classes",
    "ClassicalIIA",
    "CollapseMetrics",
    "Discrepancy",
    "DiscreteModel",
    "EffectiveRounds",
    "Empirical",
    "Environments",
    "ExactRandomAcceleration",
    "ExcursionLaw",
    "FisherZ",
    "FittedDistribution",
    "Floor",
    "FreshNoise",
    "GaussianMixture",
    "GaussianNoise",
    "GraphSurgery",
    "Greedy",
    "GroupDRO",
    "Guarantee",
    "Holdout",
    "HoldoutScorer",
    "ImportanceWeighted",
    "InvalidIIA",
    "InvariantCausalPrediction",
    "InvariantRiskMinimization",
    "KernelDensity",
    "KernelTest",
    "Laplace",
    "LaplaceNoise",
    "Naive",
    "NoiseOnce",
    "Normal",
    "NormalLatent",
    "Observations",
    "PerturbedMLE",
    "Pooled",
    "Privacy",
    "PrivateMultiplicativeWeights",
    "ProbabilisticPCA",
    "Quadrature",
    "QueryBatch",
    "QuerySession",
    "QueryValues",
    "ReLUNetworks",
    "RiceBound",
    "RobustSubset",
    "SampleSizes",
    "SampleSplit",
    "SignVote",
    "SimulatedExcursions",
    "SlepianIIA",
    "SparseValidate",
    "SparseVector",
    "StationaryGaussian",
    "Tabular",
    "Thresholdout",
    "UniformLatent",
    "UniformPrior",
    "WholeSet",
    "WholeStableSet",
    "answer_queries",
    "autocorrelation",
    "bootstrap_theta",
    "canonical_subset",
    "collapse_metrics",
    "covariances",
    "energy_distance",
    "equivalence_classes",
    "excursion_durations",
    "excursions",
    "fit_distribution",
    "frechet_distance",
    "frechet_distance_of_moments",
    "kolmogorov_smirnov",
    "kolmogorov_smirnov_floor",
    "linear_posterior",
    "load_distribution",
    "maximum_mean_discrepancy",
    "parse_query",
    "require_accuracy",
    "robust_subset",
    "sample_size",
    "sampling_floor",
    "save_distribution",
    "sinkhorn_wasserstein",
    "sliced_wasserstein",
    "stationary_gaussian",
    "status_of_ledger",
    "wasserstein",
    "whole_set_is_best",
]
