"""Networks, each only as large as its uses ask for. All act on arrays of any batch shape."""

from . import ssm as ssm
from ._edm import EDMPreconditioned as EDMPreconditioned
from ._edm import edm_loss as edm_loss
from ._layers import Linear as Linear
from ._mlp import MLP as MLP
from ._noise_encoder import NoiseEncoder as NoiseEncoder
from ._residual_mlp import ResidualMLP as ResidualMLP
from ._residual_unet import ResidualUNet as ResidualUNet
from ._shallow import DiagonalLinear as DiagonalLinear
from ._shallow import TwoLayerReLU as TwoLayerReLU

__all__ = [
    "MLP",
    "DiagonalLinear",
    "EDMPreconditioned",
    "Linear",
    "NoiseEncoder",
    "ResidualMLP",
    "ResidualUNet",
    "TwoLayerReLU",
    "edm_loss",
    "ssm",
]
