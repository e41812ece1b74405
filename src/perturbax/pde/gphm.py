r"""Gaussian processes with spectral mixtures for high-frequency equations, by variable projection.

Fang, Cooley, Long, Li, Kirby & Zhe 2024, *Solving High Frequency and Multi-Scale PDEs with Gaussian Processes*. The
kernel along each axis is a mixture of frequencies, the process is on a tensor grid, and what is made large is

    L = log p(U) + lambda [N_b tau / 2 - e^tau |B|^2 / 2] + [N v / 2 - e^v |H|^2 / 2]

over the process `U` at the grid, the mixtures, and the precisions of the conditions and of the equation. Given the last
three, the best `U` of an affine equation solves a linear least-squares problem. So each step here is

    zeta <- argmax L(zeta; mixtures, tau, v),     (mixtures, tau, v) <- Adam on dL / d(mixtures, tau, v) at this zeta,

the derivative of the maximum over `zeta` by the envelope theorem. The paper moves all of them by Adam, which is
`JointGPHM`: there, what the equation alone does not determine, such as the two constants of `u'' = f`, takes very many
steps.
"""

import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from ..core import Paper, check_integer
from ._gaussian_process import Unknowns, objective, process
from ._gphm import AbstractGPHM, Fitted, first_moments, rms
from ._inner_solve import solve_whitened
from ._papers import GP_HM, SPECTRAL_MIXTURE
from ._problem import PDEProblem
from ._spectral_kernels import AbstractSpectralKernel, SpectralMixture
from ._tensor_rows import Places


class GPHM(AbstractGPHM):
    """A Gaussian process whose frequencies are learned, and whose values are solved for in each step.

    For one field on a box in one or two dimensions, with unknown high frequencies. `spectrum(solution)` has what it
    found. The equation is asked for on a uniform tensor grid; all conditions are taken.

    **Arguments:**

    - `kernel`: `SpectralMixture()`, `StudentMixture()`, and as baselines `SquaredExponential()` and `Matern52()`.
    - `grid`: points along each axis, one number for all axes or one for each. A frequency up to
      `(points - 1) / (2 length)` can be told from its aliases.
    - `steps`: of Adam for mixtures and precisions; `learning_rate`: its rate for four fifths of them, which then falls
      to 0 as a cosine.
    - `condition_weight`: lambda.
    - `jitter`: added to the diagonals of the kernels, times 10 up to 1e-3 while they cannot be factorised.
    - `newton`: linear problems in a step of an equation that is not affine; one that is needs one.
    - `iterations`: of conjugate gradients in each, on grids of more than some 1000 points.
    - `chunk`: steps between two rows of the history.

    **Returns:** a frozen method for `pde.solve`. Its `stats` have the noise of equation and conditions, `components`
    (above 1 % of the weight, for each axis), and the jitter in the end; the `error` of its history is that at the grid.

    **Raises:** `TypeError`, `ValueError` for numbers out of range, another domain than a `Box`, several fields, unknown
    coefficients, a lift, or derivatives that the kernel does not have; `SolverError` when a value is not finite with
    the largest jitter too.

    Source: Fang et al. 2024 (arXiv 2311.04465); the objective is theirs, the projection is not.

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.GPHM(pde.SpectralMixture(5, 3.0), grid=40, steps=10)
    >>> solution = pde.solve(pde.catalogue.poisson(1, frequency=4.0), method, key=jax.random.key(0))
    >>> pde.solution_error(solution, 100).relative_l2 < 0.01
    True
    """

    kernel: AbstractSpectralKernel = SpectralMixture()
    grid: int | tuple[int, ...] = 200
    steps: int = 100
    learning_rate: float = 0.05
    condition_weight: float = 200.0
    jitter: float = 1e-6
    newton: int = 3
    iterations: int = 100
    chunk: int = 10

    papers: ClassVar[tuple[Paper, ...]] = (GP_HM, SPECTRAL_MIXTURE)

    def __check_init__(self):
        check_integer("newton", self.newton, minimum=1)
        check_integer("iterations", self.iterations, minimum=1)

    def begin(self, problem: PDEProblem, places: Places, unknowns: Unknowns, shape: tuple[int, ...]) -> Any:
        return unknowns, first_moments(self, unknowns), jnp.zeros(shape)

    def step(self, problem: PDEProblem, places: Places, jitter: Any, affine: bool, state: Any) -> tuple[Any, Fitted]:
        unknowns, moments, zeta = state

        def factorise(mixtures: Any) -> Any:
            return process(problem, places, self.kernel, mixtures, jitter)

        def value(made: Any, unknowns: Unknowns) -> Any:
            return objective(problem, places, made, unknowns, zeta, self.condition_weight)

        made, pull_back = jax.vjp(factorise, unknowns.mixtures)
        zeta = self._solve(problem, places, made, affine, unknowns, zeta, self.iterations)
        (L, left), (of_process, gradient) = jax.value_and_grad(value, (0, 1), has_aux=True)(made, unknowns)
        gradient = dataclasses.replace(gradient, mixtures=pull_back(of_process)[0])
        ascent = jax.tree.map(jnp.negative, gradient)
        updates, moments = self.transformation.update(ascent, moments, unknowns)
        now = Fitted(unknowns, zeta, L, rms(left.equation), rms(left.conditions))
        return (optax.apply_updates(unknowns, updates), moments, zeta), now

    def finish(self, problem: PDEProblem, places: Places, jitter: Any, affine: bool, best: Fitted) -> Fitted:
        # On a large grid the steps leave their linear problems unfinished; the last one is not.
        made = process(problem, places, self.kernel, best.unknowns.mixtures, jitter)
        zeta = self._solve(problem, places, made, affine, best.unknowns, best.zeta, 10 * self.iterations)
        return eqx.tree_at(lambda b: b.zeta, best, zeta)

    def evaluations(self, affine: bool) -> int:
        """How often a step evaluates all residuals."""
        return 1 + (1 if affine else self.newton)

    def _solve(
        self, problem: PDEProblem, places: Places, made: Any, affine: bool, unknowns: Any, zeta: Any, iterations: int
    ) -> Any:
        newton = 1 if affine else self.newton
        return solve_whitened(problem, places, made, unknowns, zeta, self.condition_weight, newton, iterations)
