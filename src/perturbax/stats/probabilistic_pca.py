r"""Probabilistic principal component analysis on perturbed data: the case in which the likelihood is maximised exactly.

Tipping & Bishop 1999. For affine generators `f(z) = W z + b` and a normal latent variable, with the eigenvalues
`l_1 >= ... >= l_D` and eigenvectors `U` of the covariance of the perturbed data,

    sigma^2 = (l_{d+1} + ... + l_D) / (D - d),      W W^T = U_d (L_d - sigma^2 I) U_d^T.

Where the data span `d` dimensions and are not perturbed, `sigma` falls to 0 and the log-likelihood of a row grows as
`-(D - d) log sigma`.
"""

import math
import warnings
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number
from ._fit_distribution import AbstractDistributionMethod, AbstractGeneratedLaw, FittedDistribution, Observations
from ._settle import settled

# Eigenvalues in float64 are rounded at about 1e-15 of the largest: a sigma below this share of its root is rounding.
_SMALLEST = 1e-7


class ProbabilisticPCA(AbstractDistributionMethod):
    """The affine generator of the largest likelihood, in closed form.

    Also known as the maximum likelihood of a factor model with isotropic noise.

    **Arguments:** `dimension`: `d` of the latent variable; `sigma`: standard deviation of the noise that is put on the
    data, in units of the problem's `scale`.

    **Returns:** a frozen method for `stats.fit_distribution`.

    **Raises:** `ValueError` when one is out of range; in `fit_distribution`, `ValueError` when `dimension` is not below
    that of the data.

    Source: Tipping & Bishop 1999.

    >>> import jax, numpy as np
    >>> from perturbax import stats
    >>> x = np.random.default_rng(0).normal(size=(2000, 3)) * np.array([3.0, 1.0, 1.0])
    >>> problem = stats.Observations(x, scale=1.0)
    >>> fitted = stats.fit_distribution(problem, stats.ProbabilisticPCA(1), key=jax.random.key(0))
    >>> round(fitted.sigma, 1)
    1.0
    """

    dimension: int
    sigma: float = 0.0

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Probabilistic Principal Component Analysis",
            authors=("Michael E. Tipping", "Christopher M. Bishop"),
            year=1999,
            venue="Journal of the Royal Statistical Society Series B",
        ),
    )

    def __check_init__(self):
        check_integer("dimension", self.dimension, minimum=1)
        check_number("sigma", self.sigma, minimum=0.0)

    def estimate(self, problem: Observations, key: Any, progress: bool | None) -> FittedDistribution:
        """See `stats.fit_distribution`."""
        d, size = self.dimension, problem.x.shape[1]
        if d >= size:
            raise ValueError(f"dimension must be < {size}, that of x, got {d}")
        centre = problem.x.mean(0)
        rows = (problem.x - centre) / problem.scale
        noise = np.asarray(jax.random.normal(key, rows.shape), np.float64) if self.sigma else 0.0
        values, vectors = np.linalg.eigh(np.cov(rows + self.sigma * noise, rowvar=False, bias=True))
        values, vectors = values[::-1], vectors[:, ::-1]
        smallest = _SMALLEST * math.sqrt(values[0])
        sigma = max(math.sqrt(max(values[d:].mean(), 0.0)), smallest)
        singular = sigma == smallest
        if singular:
            warnings.warn(
                f"the likelihood is singular: x spans {d} of {size} dimensions or fewer and no noise is put on it; "
                "perturb the data with sigma > 0",
                stacklevel=3,
            )
        law = AffineLaw(
            variances=settled(np.maximum(values[:d], sigma**2)),
            directions=settled(vectors[:, :d]),
            sigma=settled(sigma),
            centre=settled(centre),
            scale=settled(problem.scale),
        )
        # The derivative of -(log det C + tr(C^{-1} S)) / 2 in log sigma.
        growth = max(values[d:].sum(), 0.0) / sigma**2 - (size - d)
        return FittedDistribution(
            law=law,
            sigma=sigma,
            sigma_perturb=float(self.sigma),
            singular=singular,
            growth=growth if singular else float("nan"),
            stats={"evaluations": 1},
        )


class AffineLaw(AbstractGeneratedLaw):
    """The normal law on the affine space through `centre` along the `directions`; its density is that with noise.

    `variances` are those of the perturbed data along the directions, and contain the noise.
    """

    variances: Float[Array, " d"]
    directions: Float[Array, "D d"]
    sigma: Float[Array, ""]
    centre: Float[Array, " D"]
    scale: Float[Array, " D"]

    @property
    def size(self) -> int:
        return self.centre.size

    @property
    def dimension(self) -> int:
        return self.variances.size

    @property
    def weights(self) -> Float[Array, "d D"]:
        """`W`, in units of the scale: `x = centre + scale (z W)`."""
        return (self.directions * jnp.sqrt(jnp.maximum(self.variances - jnp.square(self.sigma), 0.0))).T

    @eqx.filter_jit
    def sample(self, key: Any, n: int) -> Float[Array, "n D"]:
        return self.generate(jax.random.normal(key, (n, len(self.variances)), self.centre.dtype))

    @eqx.filter_jit
    def generate(self, z: Float[Array, "n d"]) -> Float[Array, "n D"]:
        return self.centre + self.scale * (z @ self.weights)

    @eqx.filter_jit
    def log_density(self, x: Float[Array, "n D"]) -> Float[Array, " n"]:
        rows = (x - self.centre) / self.scale
        inside = jnp.matmul(rows, self.directions, precision="highest")
        outside = rows - jnp.matmul(inside, self.directions.T, precision="highest")
        size, d = self.directions.shape
        squares = (jnp.square(inside) / self.variances).sum(1) + jnp.square(outside / self.sigma).sum(1)
        volume = 0.5 * jnp.log(self.variances).sum() + (size - d) * jnp.log(self.sigma) + jnp.log(self.scale).sum()
        return -0.5 * squares - volume - 0.5 * size * math.log(2.0 * math.pi)
