"""1,797 handwritten digits of 8 x 8 pixels, which come with scikit-learn, and the Gaussian mixture fitted on them."""

import functools

import numpy as np

from ..stats import GaussianMixture
from ._image_set import ImageSet, make_image_set, package_source


@functools.lru_cache
def digits() -> ImageSet:
    """The digits of the UCI set "Optical Recognition of Handwritten Digits" (its test part), `pixel / 8 - 1`.

    **Returns:** 1,797 pictures of 8 x 8 pixels with labels 0 to 9. The arrays are read-only.

    Source: Alpaydin & Kaynak 1998, in scikit-learn.

    >>> digits().images.shape
    (1797, 8, 8)
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return make_image_set(
        "digits",
        bunch.images,
        16.0,
        bunch.target,
        source=package_source("scikit-learn"),
        licence="BSD-3-Clause (scikit-learn)",
        note="13 writers; a pixel counts the ink in a 4x4 block of a 32x32 bitmap",
    )


def digits_mixture() -> GaussianMixture:
    """Ten Gaussians fitted on the digits, one per class: a diffusion model of real data whose denoiser is exact.

    Class mean; covariance `.9 S + .1 tr(S) / 64 I + .002 I` with `S` the sample covariance; class frequencies as
    weights. Known as "digits-gmm" in the studies. It takes the precision in force: build it under `core.float64()` for
    studies in float64.

    **Returns:** a mixture of 10 components in 64 dimensions; component `c` is digit `c`.

    >>> digits_mixture().means.shape
    (10, 64)
    """
    data = digits()
    return GaussianMixture.fit_classes(data.flat.astype(np.float64), data.labels)
