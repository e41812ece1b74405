r"""Physics-informed Gaussians.

Kang, Oh, Hong & Park 2025, *PIG: Physics-Informed Gaussians as Adaptive Parametric Mesh Representations*. Features of
$N$ Gaussians, whose means, variances and feature vectors are all trained, are read by a small network:

    G_i(x) = exp(-(x - mu_i)^T Sigma_i^-1 (x - mu_i) / 2),   z(x) = sum_i f_i G_i(x),   u(x) = MLP(z(x)).

The Gaussians are a mesh whose nodes move and change their shape. The loss is that of `PINN`. Derivatives are in closed
form, variances are trained as logarithms of standard deviations; the paper differentiates, and trains the variances.
"""

from typing import ClassVar

from ..core import Paper
from ._covariance import AbstractCovariance, Diagonal
from ._gaussians import AbstractGaussians
from ._lm import LM
from ._optimiser import AbstractOptimiser
from ._papers import PIG as PIG_PAPER
from ._sampler import AbstractSampler, FixedPoints


class PIG(AbstractGaussians):
    """Gaussians that move, and a small network that reads them.

    For solutions with fronts and oscillations that a tanh network learns slowly, in up to three or four dimensions.
    `gaussians(solution)` has the Gaussians.

    **Arguments:**

    - `n_gaussians`: in each set.
    - `features`: how many the network reads.
    - `hidden`: widths of its hidden layers.
    - `sigma`: standard deviation at the start, on the domain mapped to `[-1, 1]^d`.
    - `feature_std`: standard deviation of the first feature vectors.
    - `covariance`: `Diagonal()`, `Isotropic()` or `Full()`.
    - `sets`: into how many sets of Gaussians of their own the features are divided: 1 is the paper, `features` is the
      authors' code.
    - `optimiser`: `LM`, `LBFGS`, `Adam` or a `Chain` of them.
    - `points`: a sampler, such as `FixedPoints` or `FreshPoints`.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** `TypeError`, `ValueError` for numbers out of range, or `Full()` outside of two or three dimensions.

    Source: Kang, Oh, Hong & Park 2025 (arXiv 2412.05994).

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.PIG(n_gaussians=10, optimiser=pde.LM(2), points=pde.FixedPoints(30, 8))
    >>> pde.solve(pde.catalogue.helmholtz(), method, key=jax.random.key(0)).stats["parameters"]
    177
    """

    n_gaussians: int = 200
    features: int = 4
    hidden: tuple[int, ...] = (16,)
    sigma: float = 0.25
    feature_std: float = 0.3
    covariance: AbstractCovariance = Diagonal()
    sets: int = 1
    optimiser: AbstractOptimiser = LM()
    points: AbstractSampler = FixedPoints()

    papers: ClassVar[tuple[Paper, ...]] = (PIG_PAPER,)
