"""Networks whose smoothed classifiers are certified: a representation with a head, a denoiser before a classifier."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..core import check_integer, check_number
from ..nn import Linear


class NoiseClassifier(eqx.Module):
    """A linear head, zero at first, on a representation that is told the level of the noise.

        h(f(x, sigma))

    **Arguments:** `encoder`: `f(x, level)`, from a batch of images to representations `(batch, width)`; `width`;
    `classes`; `sigma`: the level that it is told.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    >>> import jax
    >>> from perturbax import nn
    >>> encoder = nn.NoiseEncoder((4, 4), (8,), key=jax.random.key(0))
    >>> NoiseClassifier(encoder, encoder.width, 3, sigma=0.5)(jax.numpy.ones((2, 4, 4))).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    encoder: Callable[..., Any]
    head: Linear
    sigma: float = eqx.field(static=True)

    def __init__(self, encoder: Any, width: int, classes: int, *, sigma: float):
        if not callable(encoder):
            raise TypeError(f"encoder must be callable as encoder(x, level), got {type(encoder).__name__}")
        check_integer("width", width, minimum=1)
        check_integer("classes", classes, minimum=2)
        self.encoder, self.head = encoder, Linear(width, classes, key=jax.random.key(0), scale=0.0)
        self.sigma = check_number("sigma", sigma, minimum=0.0, exclusive=True)

    def __call__(self, x: Float[Array, "batch ..."]) -> Float[Array, "batch classes"]:
        return self.head(self.encoder(x, self.sigma))


class Denoised(eqx.Module):
    """A denoiser before a classifier, which need not know of noise: denoised smoothing.

        f(D(x, sigma))

    With the denoiser of a diffusion model it is diffusion-denoised smoothing in one step; where the model scales its
    images, as variance-preserving processes do, the function that is given as denoiser has to do so.

    **Arguments:** `denoiser`: `D(x, sigma)`, from noisy images to clean ones; `classifier`: from a batch of images to
    scores; `sigma`: of the noise, in the unit of the images.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Salman et al. 2020, arXiv 2003.01908; with a diffusion model Carlini et al. 2023, arXiv 2206.10550.

    >>> import jax.numpy as jnp
    >>> Denoised(lambda x, sigma: x / (1.0 + sigma**2), lambda x: x, sigma=1.0)(jnp.ones((1, 2))).tolist()
    [[0.5, 0.5]]
    """

    denoiser: Callable[..., Any]
    classifier: Callable[..., Any]
    sigma: float = eqx.field(static=True)

    def __check_init__(self):
        for name in ("denoiser", "classifier"):
            if not callable(getattr(self, name)):
                raise TypeError(f"{name} must be callable, got {type(getattr(self, name)).__name__}")
        check_number("sigma", self.sigma, minimum=0.0, exclusive=True)

    def __call__(self, x: Float[Array, "batch ..."]) -> Float[Array, "batch classes"]:
        return self.classifier(self.denoiser(x, self.sigma))
