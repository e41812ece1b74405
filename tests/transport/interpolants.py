"""All paths, and mixtures between which everything about them is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, stats, transport

NOISES = {
    "bridge": transport.BridgeNoise(0.7),
    "parabolic": transport.ParabolicNoise(),
    "sine": transport.SineNoise(),
    "sigmoid": transport.SigmoidNoise(),
    "none": transport.NoNoise(),
}
PATHS = {
    **{f"linear-{name}": transport.LinearPath(noise) for name, noise in NOISES.items()},
    **{f"trigonometric-{name}": transport.TrigonometricPath(noise) for name, noise in NOISES.items()},
    **{f"mirror-{name}": transport.MirrorPath(noise) for name, noise in NOISES.items() if name != "none"},
    "encoding-decoding": transport.EncodingDecodingPath(),
    "one-sided-linear": transport.OneSidedLinearPath(),
    "one-sided-trigonometric": transport.OneSidedTrigonometricPath(),
    "variance-preserving": transport.VariancePreservingPath(),
}
# Each noise and each kind of path once or more.
SOME = [name for name in PATHS if not name.startswith("mirror") or name == "mirror-bridge"]
SOME = [
    name
    for name in SOME
    if not name.startswith("trigonometric") or name in ("trigonometric-sine", "trigonometric-bridge")
]
# What the default suite compiles for; the rest is slow.
FEW = ("linear-bridge", "trigonometric-sine", "variance-preserving")
SOME_WITH_MARKS = [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in SOME]
WEIGHTS_0, WEIGHTS_1 = np.array([0.4, 0.6]), np.array([0.3, 0.3, 0.4])
MEANS_0, MEANS_1 = np.array([[-1.0, 0.5], [1.0, -0.5]]), np.array([[2.0, 0.0], [-1.0, 2.0], [0.0, -2.0]])
SHAPE_0 = np.array([[[0.5, 0.2], [0.2, 0.4]], [[0.3, 0.0], [0.0, 0.6]]])
SHAPE_1 = np.array([[0.2, 0.3], [0.4, 0.1], [0.3, 0.3]])


def mixtures(path=None):
    """The two ends, `None` in the place of the first where the path does not start from it."""
    first = stats.GaussianMixture(WEIGHTS_0, MEANS_0, SHAPE_0)
    second = stats.GaussianMixture(WEIGHTS_1, MEANS_1, SHAPE_1)
    return (first if path is None or path.two_sided else None), second


def exact(path, cross_covariances=None):
    with core.float64():
        return transport.mixture_fields(*mixtures(path), path, cross_covariances)


def log_density(path, x, t):
    """Of `x_t` at one point, as a mixture over pairs of components that are independent."""
    at = path.coefficients(t)
    terms = []
    for p, m, c in zip(WEIGHTS_0, MEANS_0, SHAPE_0, strict=True):
        for q, n, d in zip(WEIGHTS_1, MEANS_1, SHAPE_1, strict=True):
            covariance = at.alpha**2 * c + at.beta**2 * np.diag(d) + at.variance * np.eye(2)
            normal = jax.scipy.stats.multivariate_normal.logpdf(x, at.alpha * m + at.beta * n, covariance)
            terms.append(jnp.log(p * q) + normal)
    return jax.nn.logsumexp(jnp.stack(terms))
