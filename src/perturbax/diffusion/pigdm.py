"""PiGDM: pseudo-inverse guided diffusion models.

Song, Vahdat, Mardani & Kautz 2023: with the data given `x_t` taken as normal around the data prediction, of
variance `r^2 = sigma^2 / (alpha^2 + sigma^2)`,

    grad_{x_t} log p(y | x_t) = (d x_0 / d x_t)' A* (r^2 A A* + noise_std^2)^{-1} (y - A x_0),

by which the score is shifted: the data prediction gains `sigma^2 / alpha` times it.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper, check_integer
from ..linalg import conjugate_gradients
from ._gradient_guidance import AbstractGuided
from ._grid import AbstractGrid, TimeUniform
from ._restore import InverseProblem
from ._trace import Node


class PiGDM(AbstractGuided):
    """Guidance by the score of the measurements under a normal law of the data. Needs a JAX model.

    **Arguments:** `steps`: network evaluations, each differentiated; `eta`: 1 for ancestral steps, 0 for DDIM's;
    `cg_steps`: conjugate gradients for the inverse; `grid`: where the evaluations are.

    **Returns:** a frozen method for `diffusion.restore`.

    **Raises:** `ValueError` when one is out of range; when used, `TypeError` for a foreign model.

    Source: Song et al. 2023.

    >>> from perturbax import diffusion
    >>> diffusion.PiGDM(steps=20).cg_steps
    20
    """

    steps: int = 100
    eta: float = 1.0
    cg_steps: int = 20
    grid: AbstractGrid = TimeUniform()

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Pseudoinverse-Guided Diffusion Models for Inverse Problems",
            authors=("Jiaming Song", "Arash Vahdat", "Morteza Mardani", "Jan Kautz"),
            year=2023,
            venue="ICLR",
        ),
    )

    def __check_init__(self):
        check_integer("cg_steps", self.cg_steps, minimum=1)

    def guide(self, problem: InverseProblem, x: Array, denoise: Any, s: Node) -> tuple[Array, Array, Array]:
        # A* (r^2 A A* + n^2)^{-1} = (r^2 A* A + n^2)^{-1} A*; without noise a little keeps the system regular.
        floor = jnp.maximum(problem.noise_std**2, 1e-6)
        r2 = s.sigma**2 / (s.alpha**2 + s.sigma**2)
        data, pull = jax.vjp(denoise, x)

        def solve(b: Array) -> Any:
            return conjugate_gradients(
                lambda v: r2 * problem.normal(v) + floor * v, b, max_steps=self.cg_steps, rtol=1e-5
            )

        found = jax.vmap(solve)(problem.adjoint(problem.y - problem.forward(data)))
        (score,) = pull(found.x)
        return data + s.sigma**2 / s.alpha * score, 0.0 * x, found.applications + 1
