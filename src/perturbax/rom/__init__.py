"""Reduced bases: weighted POD, angles between solutions, local bases and whether they are worth it."""

from ._cluster import AbstractClusterMethod as AbstractClusterMethod
from ._cluster import AbstractRule as AbstractRule
from ._cluster import ClusterSolution as ClusterSolution
from ._cluster import LocalBases as LocalBases
from ._cluster import Partition as Partition
from ._cluster import cluster as cluster
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
from ._k_medoids import Medoids as Medoids
from ._k_medoids import k_medoids as k_medoids
from ._mass import mass_matrix as mass_matrix
from ._pod import POD as POD
from ._pod import AbstractFactorisation as AbstractFactorisation
from ._pod import MethodOfSnapshots as MethodOfSnapshots
from ._pod import OrthogonalSVD as OrthogonalSVD
from ._pod import RandomisedSVD as RandomisedSVD
from ._pod import pod as pod
from ._rom_net import ROMNet as ROMNet
from ._rom_net import rom_net as rom_net
from ._snapshots import SnapshotSet as SnapshotSet
from ._weight import AbstractWeight as AbstractWeight
from .euclidean_k_means import EuclideanKMeans as EuclideanKMeans
from .euclidean_k_medoids import EuclideanKMedoids as EuclideanKMedoids
from .global_pod import GlobalPOD as GlobalPOD
from .parameter_k_means import ParameterKMeans as ParameterKMeans
from .pebl import PEBL as PEBL
from .random_clusters import RandomClusters as RandomClusters
from .sine_k_medoids import SineKMedoids as SineKMedoids

__all__ = [
    "PEBL",
    "POD",
    "AbstractAngle",
    "AbstractClusterMethod",
    "AbstractDissimilarity",
    "AbstractFactorisation",
    "AbstractRule",
    "AbstractWeight",
    "Budget",
    "Chordal",
    "ClusterSolution",
    "Efficiency",
    "Euclidean",
    "EuclideanKMeans",
    "EuclideanKMedoids",
    "Gap",
    "GlobalPOD",
    "Grassmann",
    "LocalBases",
    "Medoids",
    "MethodOfSnapshots",
    "OrthogonalSVD",
    "ParameterKMeans",
    "Partition",
    "ProjectionError",
    "ROMNet",
    "RandomClusters",
    "RandomisedSVD",
    "SineKMedoids",
    "SnapshotSet",
    "cluster",
    "dissimilarity",
    "efficiency",
    "gain_interval",
    "k_medoids",
    "mass_matrix",
    "pod",
    "rom_net",
]
