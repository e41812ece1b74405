"""Worlds to work on: imaging, populations, heat, solids that bend or creep, gas chromatographs, tumours."""

from . import column as column
from ._brain import BrainAnatomy as BrainAnatomy
from ._constitutive import AbstractLaw as AbstractLaw
from ._constitutive import Norton as Norton
from ._constitutive import PlasticState as PlasticState
from ._constitutive import Table as Table
from ._drift_fields import EllipticVortex as EllipticVortex
from ._drift_fields import LambOseen as LambOseen
from ._drift_fields import LotkaVolterra as LotkaVolterra
from ._drift_fields import Repressilator as Repressilator
from ._elastic import Elastic as Elastic
from ._elastic import plane_stress as plane_stress
from ._heat import Heat2D as Heat2D
from ._imaging import AbstractImaging as AbstractImaging
from ._imaging import Blur as Blur
from ._imaging import Inpainting as Inpainting
from ._imaging import Stack as Stack
from ._imaging import Subsampling as Subsampling
from ._imaging import TwoChannel as TwoChannel
from ._mri import MRI as MRI
from ._mri import coil_maps as coil_maps
from ._mri import column_mask as column_mask
from ._mri import point_mask as point_mask
from ._newmark import consistent_mass as consistent_mass
from ._newmark import newmark as newmark
from ._soft_hole import PlateTraces as PlateTraces
from ._soft_hole import SoftHolePlate as SoftHolePlate
from ._solid import Solid as Solid
from ._solid import box as box
from ._tomography import ParallelBeamCT as ParallelBeamCT
from ._tumour import FisherKolmogorov as FisherKolmogorov
from ._tumour import TumourPrior as TumourPrior
from ._tumour import physical_rates as physical_rates
from ._viscoplastic import Separable as Separable
from ._viscoplastic import Viscoplastic as Viscoplastic

__all__ = [
    "MRI",
    "AbstractImaging",
    "AbstractLaw",
    "Blur",
    "BrainAnatomy",
    "Elastic",
    "EllipticVortex",
    "FisherKolmogorov",
    "Heat2D",
    "Inpainting",
    "LambOseen",
    "LotkaVolterra",
    "Norton",
    "ParallelBeamCT",
    "PlasticState",
    "PlateTraces",
    "Repressilator",
    "Separable",
    "SoftHolePlate",
    "Solid",
    "Stack",
    "Subsampling",
    "Table",
    "TumourPrior",
    "TwoChannel",
    "Viscoplastic",
    "box",
    "coil_maps",
    "column",
    "column_mask",
    "consistent_mass",
    "newmark",
    "physical_rates",
    "plane_stress",
    "point_mask",
]
