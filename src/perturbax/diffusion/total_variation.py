"""Total variation without a learned prior.

Rudin, Osher & Fatemi 1992, in its anisotropic form, by the alternating direction method of multipliers:

    x = argmin 1/2 |y - A x|^2 + weight |D x|_1,    D: differences along the axes of the image.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper, check_instance, check_integer, check_number
from ._consistency import numbers_as_values
from ._restore import AbstractRestoration, InverseProblem, Restored, Run, no_network, without_recompiling
from ._total_variation import admm_iteration, check_axes, empty_split


class TotalVariation(AbstractRestoration):
    """Least squares with a penalty on differences of neighbours: the classical prior of piecewise constant images.

    **Arguments:** `weight`: of the variation; `iterations`: of ADMM; `rho`: its penalty, positive; `cg_steps`:
    conjugate gradients of each iteration, which start where the last one ended; `axes`: along which neighbours are.

    **Returns:** a frozen method for `diffusion.restore`; the same for all keys.

    **Raises:** `ValueError` when one is out of range, or, when used, images have no such axes.

    Source: Rudin, Osher & Fatemi 1992; Boyd et al. 2011 (generalized lasso).

    >>> from perturbax import diffusion
    >>> diffusion.TotalVariation(weight=0.1).axes
    (-2, -1)
    """

    weight: float = 0.02
    iterations: int = 100
    rho: float = 1.0
    cg_steps: int = 5
    axes: tuple[int, ...] = (-2, -1)

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Nonlinear Total Variation Based Noise Removal Algorithms",
            authors=("Leonid I. Rudin", "Stanley Osher", "Emad Fatemi"),
            year=1992,
            venue="Physica D",
        ),
    )

    def __check_init__(self):
        check_number("weight", self.weight, minimum=0.0)
        check_integer("iterations", self.iterations, minimum=1)
        check_number("rho", self.rho, minimum=0.0, exclusive=True)
        check_integer("cg_steps", self.cg_steps, minimum=1)
        for axis in check_instance("axes", self.axes, tuple, "a tuple of axes such as (-2, -1)"):
            check_integer("axes", axis)

    def solve(self, problem: InverseProblem, run: Run) -> Restored:
        """See `diffusion.restore`."""
        check_axes("axes", self.axes, problem)
        return no_network(*_iterate(numbers_as_values(self), without_recompiling(problem)))


@eqx.filter_jit
def _iterate(method: TotalVariation, problem: InverseProblem) -> tuple[Array, Array]:
    back = problem.adjoint(problem.y)

    def step(carry: Any, _: Any) -> tuple[Any, None]:
        x, spent, split = carry
        x, applications, split = admm_iteration(
            problem, back, x, split, method.axes, method.weight, method.rho, method.cg_steps, 0.0
        )
        return (x, spent + applications, split), None

    start = (back, jnp.zeros(problem.batch, jnp.int32), empty_split(problem, method.axes))
    (x, spent, _), _ = jax.lax.scan(step, start, length=method.iterations)
    return x, spent
