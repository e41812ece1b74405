"""Real data, each with a card that says where it comes from, and the models trained on it."""

from ._classifiers import digit_classifier as digit_classifier
from ._denoisers import SubspaceDenoiser as SubspaceDenoiser
from ._denoisers import digits_denoiser as digits_denoiser
from ._denoisers import mnist_denoiser as mnist_denoiser
from ._denoisers import reference_split as reference_split
from ._ideal_denoiser import IdealDenoiser as IdealDenoiser
from ._ideal_denoiser import ideal_denoiser as ideal_denoiser
from ._image_set import DataCard as DataCard
from ._image_set import ImageSet as ImageSet
from ._reference import ModelCard as ModelCard
from ._reference_models import reference_model_card as reference_model_card
from ._reference_models import reference_models as reference_models
from .digits import digits as digits
from .digits import digits_mixture as digits_mixture
from .fashion_mnist import fashion_mnist as fashion_mnist
from .mni152 import BrainTemplate as BrainTemplate
from .mni152 import mni152 as mni152
from .mnist import mnist as mnist

__all__ = [
    "BrainTemplate",
    "DataCard",
    "IdealDenoiser",
    "ImageSet",
    "ModelCard",
    "SubspaceDenoiser",
    "digit_classifier",
    "digits",
    "digits_denoiser",
    "digits_mixture",
    "fashion_mnist",
    "ideal_denoiser",
    "mni152",
    "mnist",
    "mnist_denoiser",
    "reference_model_card",
    "reference_models",
    "reference_split",
]
