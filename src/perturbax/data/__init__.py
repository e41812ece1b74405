"""Real data, each with a card that says where it comes from, and the models trained on it."""

from ._ideal_denoiser import IdealDenoiser as IdealDenoiser
from ._ideal_denoiser import ideal_denoiser as ideal_denoiser
from ._image_set import DataCard as DataCard
from ._image_set import ImageSet as ImageSet
from .digits import digits as digits
from .digits import digits_mixture as digits_mixture
from .fashion_mnist import fashion_mnist as fashion_mnist
from .mnist import mnist as mnist

__all__ = [
    "DataCard",
    "IdealDenoiser",
    "ImageSet",
    "digits",
    "digits_mixture",
    "fashion_mnist",
    "ideal_denoiser",
    "mnist",
]
