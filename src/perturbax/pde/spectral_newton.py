"""Newton's method for the minimiser of an energy on a spectral grid: the reference in few dimensions.

    D2E(u_t) w = DE(u_t),    u_{t+1} = u_t - w

with `w` by conjugate gradients, for which `(I - Lap)^-1` is the preconditioner: their number does not depend on the
grid.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import Paper, check_instance, check_integer, check_number, iterate
from ._papers import BARRON_FLOW
from ._problem import PDEProblem
from ._representation import AbstractSpace
from ._solve import AbstractPDEMethod, PDESolution
from ._spectral_grid import SpectralGrid

# Of the residual of a linear system: a step of Newton then loses no digit of its own.
_RESIDUAL = 1e-12


class SpectralNewton(AbstractPDEMethod):
    """Newton's method with conjugate gradients, for a smooth and convex energy in at most three dimensions.

    **Arguments:** `representation`: the grid; `iterations`: of Newton, at most; `tolerance`: it ends when the norm of
    the gradient is this share of the first one.

    **Returns:** a frozen method for `pde.solve`.

    **Raises:** `TypeError`, `ValueError` for other arguments; when used, `ValueError` for a problem without an energy,
    `SolverError` when it does not converge.

    Source: the reference that the flow of Marwah, Lipton, Lu & Risteski 2023 (arXiv 2210.12101) is compared with.

    >>> import jax
    >>> from perturbax import pde
    >>> method = pde.SpectralNewton(pde.SpectralGrid(8))
    >>> solution = pde.solve(pde.catalogue.semilinear(1), method, key=jax.random.key(0))
    >>> pde.solution_error(solution, 100).relative_l2 < 1e-10
    True
    """

    representation: SpectralGrid = SpectralGrid()
    iterations: int = 20
    tolerance: float = 1e-10

    papers: ClassVar[tuple[Paper, ...]] = (BARRON_FLOW,)

    def __check_init__(self):
        check_instance("representation", self.representation, SpectralGrid, "a SpectralGrid(n)")
        check_integer("iterations", self.iterations, minimum=1)
        check_number("tolerance", self.tolerance, minimum=0.0)

    def solve(self, problem: PDEProblem, key: Any, progress: bool | None) -> PDESolution:
        grid = self.representation
        space = grid.space(problem)
        done = _newton(space, jnp.asarray(self.tolerance), self.iterations)
        steps = int(done.steps)
        energy, norm = (np.asarray(column)[: steps + 1] for column in done.history)
        history = {"step": np.arange(steps + 1), "loss": energy, "energy": energy, "gradient_norm": norm}
        stats = {"steps": steps, "evaluations": steps + 1, "terms": space.zero().size}
        return PDESolution(problem, space.model(done.state[0]), {}, history, None, None, done.result, stats)


@eqx.filter_jit
def _newton(space: AbstractSpace, tolerance: Any, iterations: int) -> Any:
    def gradient(u: Any) -> Any:
        return space.gradient(u)[0]

    def measured(u: Any) -> Any:
        g = gradient(u)
        return u, space.energy(u), jnp.sqrt(space.inner(g, space.smooth(g)))

    def step(state: Any) -> Any:
        u = state[0]
        g, second = jax.linearize(gradient, u)
        # JAX's, since `linalg.conjugate_gradients` has no preconditioner.
        w, _ = jax.scipy.sparse.linalg.cg(second, g, tol=_RESIDUAL, M=space.smooth)
        return measured(u - w)

    first = measured(space.zero())
    return iterate(
        step,
        first,
        done=lambda _, new: new[2] <= tolerance * first[2],
        max_steps=iterations,
        history=lambda state: state[1:],
        throw=False,
    )
