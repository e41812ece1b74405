"""Reduced bases and models: weighted POD, local bases, adaptive hyper-reduction, and random boundary conditions."""

from ._boundary_generator import BoundaryGenerator as BoundaryGenerator
from ._boundary_generator import Distance as Distance
from ._boundary_generator import boundary_generator as boundary_generator
from ._boundary_problem import SubmodelProblem as SubmodelProblem
from ._calibration import AbstractCalibration as AbstractCalibration
from ._calibration import Calibration as Calibration
from ._calibration import GaussianProcess as GaussianProcess
from ._calibration import MaxRatio as MaxRatio
from ._closed_curve import ClosedCurve as ClosedCurve
from ._cluster import AbstractClusterMethod as AbstractClusterMethod
from ._cluster import AbstractRule as AbstractRule
from ._cluster import ClusterSolution as ClusterSolution
from ._cluster import LocalBases as LocalBases
from ._cluster import Partition as Partition
from ._cluster import cluster as cluster
from ._cubature import Cubature as Cubature
from ._cubature import empirical_cubature as empirical_cubature
from ._dissimilarity import AbstractAngle as AbstractAngle
from ._dissimilarity import AbstractDissimilarity as AbstractDissimilarity
from ._dissimilarity import Chordal as Chordal
from ._dissimilarity import Euclidean as Euclidean
from ._dissimilarity import Gap as Gap
from ._dissimilarity import Grassmann as Grassmann
from ._dissimilarity import ProjectionError as ProjectionError
from ._dissimilarity import dissimilarity as dissimilarity
from ._efficiency import Budget as Budget
from ._efficiency import Efficiency as Efficiency
from ._efficiency import efficiency as efficiency
from ._efficiency import gain_interval as gain_interval
from ._gappy import GappyPOD as GappyPOD
from ._gappy import q_deim as q_deim
from ._k_medoids import Medoids as Medoids
from ._k_medoids import k_medoids as k_medoids
from ._mass import mass_matrix as mass_matrix
from ._monte_carlo import Estimate as Estimate
from ._monte_carlo import MonteCarlo as MonteCarlo
from ._monte_carlo import VarianceShares as VarianceShares
from ._monte_carlo import variance_shares as variance_shares
from ._out_of_balance import residual_norm as residual_norm
from ._plausible import Plausible as Plausible
from ._plausible import neighbours_around as neighbours_around
from ._players import AbstractPlayers as AbstractPlayers
from ._players import Perceptrons as Perceptrons
from ._pod import POD as POD
from ._pod import AbstractFactorisation as AbstractFactorisation
from ._pod import MethodOfSnapshots as MethodOfSnapshots
from ._pod import OrthogonalSVD as OrthogonalSVD
from ._pod import RandomizedSVD as RandomizedSVD
from ._pod import pod as pod
from ._reduced import ReducedModel as ReducedModel
from ._rom_net import ROMNet as ROMNet
from ._rom_net import rom_net as rom_net
from ._saved import load_reduced as load_reduced
from ._saved_generator import load_boundary_generator as load_boundary_generator
from ._saved_generator import save_boundary_generator as save_boundary_generator
from ._simulate import AbstractFullMethod as AbstractFullMethod
from ._simulate import AbstractReduction as AbstractReduction
from ._simulate import FullStep as FullStep
from ._simulate import RomSolution as RomSolution
from ._simulate import Segment as Segment
from ._simulate import simulate as simulate
from ._snapshots import SnapshotSet as SnapshotSet
from ._submodel import LinearSubmodel as LinearSubmodel
from ._trace_law import AbstractGeneratorMethod as AbstractGeneratorMethod
from ._trace_law import AbstractTraceLaw as AbstractTraceLaw
from ._training import Training as Training
from ._training import reduce as reduce
from ._weight import AbstractWeight as AbstractWeight
from .adaptive_pod_ecm import AdaptivePODECM as AdaptivePODECM
from .blind_pod_ecm import BlindPODECM as BlindPODECM
from .conditional_vae import ConditionalVAE as ConditionalVAE
from .euclidean_k_means import EuclideanKMeans as EuclideanKMeans
from .euclidean_k_medoids import EuclideanKMedoids as EuclideanKMedoids
from .full_order import FullOrder as FullOrder
from .gan import GAN as GAN
from .global_pod import GlobalPOD as GlobalPOD
from .parameter_k_means import ParameterKMeans as ParameterKMeans
from .pca_copula import PCACopula as PCACopula
from .pca_gaussian import PCAGaussian as PCAGaussian
from .pebl import PEBL as PEBL
from .pod_ecm import PODECM as PODECM
from .pod_galerkin import PODGalerkin as PODGalerkin
from .random_clusters import RandomClusters as RandomClusters
from .sine_k_medoids import SineKMedoids as SineKMedoids
from .stored_traces import StoredTraces as StoredTraces
from .wgan_gp import WGANGP as WGANGP

__all__ = [
    "GAN",
    "PEBL",
    "POD",
    "PODECM",
    "WGANGP",
    "AbstractAngle",
    "AbstractCalibration",
    "AbstractClusterMethod",
    "AbstractDissimilarity",
    "AbstractFactorisation",
    "AbstractFullMethod",
    "AbstractGeneratorMethod",
    "AbstractPlayers",
    "AbstractReduction",
    "AbstractRule",
    "AbstractTraceLaw",
    "AbstractWeight",
    "AdaptivePODECM",
    "BlindPODECM",
    "BoundaryGenerator",
    "Budget",
    "Calibration",
    "Chordal",
    "ClosedCurve",
    "ClusterSolution",
    "ConditionalVAE",
    "Cubature",
    "Distance",
    "Efficiency",
    "Estimate",
    "Euclidean",
    "EuclideanKMeans",
    "EuclideanKMedoids",
    "FullOrder",
    "FullStep",
    "Gap",
    "GappyPOD",
    "GaussianProcess",
    "GlobalPOD",
    "Grassmann",
    "LinearSubmodel",
    "LocalBases",
    "MaxRatio",
    "Medoids",
    "MethodOfSnapshots",
    "MonteCarlo",
    "OrthogonalSVD",
    "PCACopula",
    "PCAGaussian",
    "PODGalerkin",
    "ParameterKMeans",
    "Partition",
    "Perceptrons",
    "Plausible",
    "ProjectionError",
    "ROMNet",
    "RandomClusters",
    "RandomizedSVD",
    "ReducedModel",
    "RomSolution",
    "Segment",
    "SineKMedoids",
    "SnapshotSet",
    "StoredTraces",
    "SubmodelProblem",
    "Training",
    "VarianceShares",
    "boundary_generator",
    "cluster",
    "dissimilarity",
    "efficiency",
    "empirical_cubature",
    "gain_interval",
    "k_medoids",
    "load_boundary_generator",
    "load_reduced",
    "mass_matrix",
    "neighbours_around",
    "pod",
    "q_deim",
    "reduce",
    "residual_norm",
    "rom_net",
    "save_boundary_generator",
    "simulate",
    "variance_shares",
]
