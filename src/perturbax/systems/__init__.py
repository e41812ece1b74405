"""Worlds to work on: so far the operators of imaging."""

from ._imaging import (
    AbstractImaging as AbstractImaging,
)
from ._imaging import (
    Blur as Blur,
)
from ._imaging import (
    Inpainting as Inpainting,
)
from ._imaging import (
    Stack as Stack,
)
from ._imaging import (
    Subsampling as Subsampling,
)
from ._imaging import (
    TwoChannel as TwoChannel,
)
from ._mri import MRI as MRI
from ._mri import coil_maps as coil_maps
from ._mri import column_mask as column_mask
from ._mri import point_mask as point_mask
from ._tomography import ParallelBeamCT as ParallelBeamCT

__all__ = [
    "MRI",
    "AbstractImaging",
    "Blur",
    "Inpainting",
    "ParallelBeamCT",
    "Stack",
    "Subsampling",
    "TwoChannel",
    "coil_maps",
    "column_mask",
    "point_mask",
]
