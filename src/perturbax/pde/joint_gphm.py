r"""Gaussian processes with spectral mixtures, all unknowns by Adam: the optimisation of the paper.

Fang, Cooley, Long, Li, Kirby & Zhe 2024, *Solving High Frequency and Multi-Scale PDEs with Gaussian Processes*. The
values `U` at the grid are trained with the mixtures and the precisions,

    (U, mixtures, tau, v) <- Adam on dL / d(U, mixtures, tau, v),     U = 0, tau = v = 0 at the start,

for the objective `L` of `GPHM`.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from ..core import Paper
from ._gaussian_process import Unknowns, objective, process
from ._gphm import AbstractGPHM, Fitted, first_moments, rms
from ._kronecker import solve_lower
from ._papers import GP_HM, SPECTRAL_MIXTURE
from ._problem import PDEProblem
from ._spectral_kernels import AbstractSpectralKernel, SpectralMixture
from ._tensor_rows import Places


class JointGPHM(AbstractGPHM):
    """The Gaussian process of `GPHM` with its values trained by Adam, as published: for comparison.

    A step is cheaper than one of `GPHM`, but some 100,000 are needed where those take 100.

    **Arguments:** those of `GPHM`: `kernel`, `grid`, `steps`, `learning_rate`, `condition_weight`, `jitter`, `chunk`.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** as `GPHM`.

    Source: Fang et al. 2024 (arXiv 2311.04465); the defaults are those of the authors' code.

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.JointGPHM(pde.SpectralMixture(5, 3.0), grid=20, steps=4, chunk=4)
    >>> pde.solve(pde.catalogue.poisson(1), method, key=jax.random.key(0)).stats["evaluations"]
    4
    """

    kernel: AbstractSpectralKernel = SpectralMixture()
    grid: int | tuple[int, ...] = 400
    steps: int = 100_000
    learning_rate: float = 0.01
    condition_weight: float = 200.0
    jitter: float = 1e-6
    chunk: int = 100

    papers: ClassVar[tuple[Paper, ...]] = (GP_HM, SPECTRAL_MIXTURE)

    def begin(self, problem: PDEProblem, places: Places, unknowns: Unknowns, shape: tuple[int, ...]) -> Any:
        trained = unknowns, jnp.zeros(shape)
        return trained, first_moments(self, trained)

    def step(self, problem: PDEProblem, places: Places, jitter: Any, affine: bool, state: Any) -> tuple[Any, Fitted]:
        trained, moments = state

        def value(trained: Any) -> Any:
            unknowns, U = trained
            made = process(problem, places, self.kernel, unknowns.mixtures, jitter)
            zeta = solve_lower(made.lowers, U)
            L, left = objective(problem, places, made, unknowns, zeta, self.condition_weight)
            return L, (left, zeta)

        (L, (left, zeta)), gradient = jax.value_and_grad(value, has_aux=True)(trained)
        ascent = jax.tree.map(jnp.negative, gradient)
        updates, moments = self.transformation.update(ascent, moments, trained)
        now = Fitted(trained[0], zeta, L, rms(left.equation), rms(left.conditions))
        return (optax.apply_updates(trained, updates), moments), now

    def finish(self, problem: PDEProblem, places: Places, jitter: Any, affine: bool, best: Fitted) -> Fitted:
        return best

    def evaluations(self, affine: bool) -> int:
        """How often a step evaluates all residuals."""
        return 1
