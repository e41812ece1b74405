"""Networks, each only as large as its uses ask for. All act on arrays of any batch shape."""

from . import ssm as ssm
from ._conditional import ConditionalMLP as ConditionalMLP
from ._conditional import leaky_relu as leaky_relu
from ._edm import EDMPreconditioned as EDMPreconditioned
from ._edm import edm_loss as edm_loss
from ._games import NonSaturating as NonSaturating
from ._games import WassersteinGP as WassersteinGP
from ._gan import AbstractGame as AbstractGame
from ._gan import GANFit as GANFit
from ._gan import fit_gan as fit_gan
from ._krnet import KRNet as KRNet
from ._layers import Linear as Linear
from ._mlp import MLP as MLP
from ._noise_encoder import NoiseEncoder as NoiseEncoder
from ._residual_mlp import ResidualMLP as ResidualMLP
from ._residual_unet import ResidualUNet as ResidualUNet
from ._shallow import DiagonalLinear as DiagonalLinear
from ._shallow import TwoLayerReLU as TwoLayerReLU

__all__ = [
    "MLP",
    "AbstractGame",
    "ConditionalMLP",
    "DiagonalLinear",
    "EDMPreconditioned",
    "GANFit",
    "KRNet",
    "Linear",
    "NoiseEncoder",
    "NonSaturating",
    "ResidualMLP",
    "ResidualUNet",
    "TwoLayerReLU",
    "WassersteinGP",
    "edm_loss",
    "fit_gan",
    "leaky_relu",
    "ssm",
]
