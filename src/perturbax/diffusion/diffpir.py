"""DiffPIR: plug-and-play restoration with a diffusion model as the denoiser.

Zhu et al. 2023 (arXiv 2305.08995). With `rho_t = weight noise_std^2 alpha_t^2 / sigma_t^2`, at every step

    x_0  <- argmin_x |y - A x|^2 + rho_t |x - x_0|^2,                                        (proximal, exact)
    e    <- (x_t - alpha_t x_0) / sigma_t,                                                   (corrected noise)
    x_t' <- alpha_t' x_0 + sigma_t' (sqrt(1 - zeta) e + sqrt(zeta) z).

Against DDS, the proximal problem is solved and its weight follows the noise level, and the noise prediction is the one
that belongs to the corrected data.
"""

import itertools
import math
from typing import Any, ClassVar

import jax
from jaxtyping import Array

from ..core import Paper, check_integer, check_number
from ..linalg import conjugate_gradients
from ._consistency import AbstractConsistency, Corrected, run_consistent
from ._grid import AbstractGrid, TimeUniform
from ._method import AbstractPlanned, Path
from ._restore import AbstractRestoration, InverseProblem, Restored, Run
from ._trace import Tracer


class DiffPIR(AbstractRestoration):
    """Half-quadratic splitting with a diffusion model as the denoiser.

    **Arguments:** `steps`: network evaluations; `weight`: of the prior, the paper's lambda; `zeta`: share of new noise
    in the variance, in [0, 1]; `cg_steps`: at most, for the proximal problem; `grid`: where the evaluations are.

    **Returns:** a frozen method for `diffusion.restore`. Works with networks of any framework.

    **Raises:** `ValueError` when one is out of range.

    Source: Zhu et al. 2023, arXiv 2305.08995; `weight` and `zeta` from its official code.

    >>> from perturbax import diffusion
    >>> diffusion.DiffPIR(steps=20).zeta
    0.1
    """

    steps: int = 100
    weight: float = 1.0
    zeta: float = 0.1
    cg_steps: int = 100
    grid: AbstractGrid = TimeUniform()

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Denoising Diffusion Models for Plug-and-Play Image Restoration",
            authors=(
                "Yuanzhi Zhu",
                "Kai Zhang",
                "Jingyun Liang",
                "Jiezhang Cao",
                "Bihan Wen",
                "Radu Timofte",
                "Luc Van Gool",
            ),
            year=2023,
            arxiv="2305.08995",
            venue="CVPR Workshops",
        ),
    )

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1 + self.grid.denoises)
        check_number("weight", self.weight, minimum=0.0)
        check_number("zeta", self.zeta, minimum=0.0, maximum=1.0)
        check_integer("cg_steps", self.cg_steps, minimum=1)

    def solve(self, problem: InverseProblem, run: Run) -> Restored:
        """See `diffusion.restore`."""
        path = _CorrectedNoise(steps=self.steps, zeta=self.zeta, grid=self.grid)
        return run_consistent(problem, _LevelProximal(self.weight, self.cg_steps), path, run)


class _LevelProximal(AbstractConsistency):
    """The minimum of `|y - A x|^2 + rho_t |x - x_0|^2`; for `rho_t = 0` the least-squares solution nearest to `x_0`."""

    weight: float
    steps: int

    def correct(self, problem: InverseProblem, x_0: Array, time: Any, carried: Any) -> Corrected:
        process = problem.prior.process
        rho = self.weight * (problem.noise_std * process.alpha(time) / process.sigma(time)) ** 2

        def solve(back: Array, start: Array) -> Any:
            return conjugate_gradients(
                lambda x: problem.normal(x) + rho * x, back + rho * start, x0=start, max_steps=self.steps, rtol=1e-5
            )

        found = jax.vmap(solve)(carried, x_0)
        return Corrected(found.x, found.applications, carried)


class _CorrectedNoise(AbstractPlanned):
    """The steps of DiffPIR."""

    steps: int
    zeta: float
    grid: AbstractGrid

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        for s, t in itertools.pairwise(path.nodes(path.evaluations)):
            data = evaluate.data(x, s)
            e = (x - s.alpha * data) / s.sigma
            x = t.alpha * data + t.sigma * math.sqrt(1.0 - self.zeta) * e
            if self.zeta > 0.0:
                x = x + t.sigma * math.sqrt(self.zeta) * evaluate.draw()
        return x
