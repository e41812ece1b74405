"""Worlds to work on: operators of imaging, drifts of populations, and heat that spreads."""

from ._drift_fields import EllipticVortex as EllipticVortex
from ._drift_fields import LambOseen as LambOseen
from ._drift_fields import LotkaVolterra as LotkaVolterra
from ._drift_fields import Repressilator as Repressilator
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
from ._tomography import ParallelBeamCT as ParallelBeamCT

__all__ = [
    "MRI",
    "AbstractImaging",
    "Blur",
    "EllipticVortex",
    "Heat2D",
    "Inpainting",
    "LambOseen",
    "LotkaVolterra",
    "ParallelBeamCT",
    "Repressilator",
    "Stack",
    "Subsampling",
    "TwoChannel",
    "coil_maps",
    "column_mask",
    "point_mask",
]
