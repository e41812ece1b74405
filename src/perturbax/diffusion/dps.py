"""DPS: diffusion posterior sampling.

Chung, Kim, Mccann, Klasky & Ye 2023 (arXiv 2209.14687): after every ancestral step the state descends
along the gradient of the misfit, through the network,

    x_t' <- x_t' - zeta grad_{x_t} |y - A x_0(x_t)|.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..core import Paper, check_number
from ._gradient_guidance import AbstractGuided
from ._grid import AbstractGrid, TimeUniform
from ._restore import InverseProblem
from ._trace import Node


class DPS(AbstractGuided):
    """Gradient guidance by the misfit; each evaluation of the network is differentiated. Needs a JAX model.

    **Arguments:** `steps`: network evaluations; `zeta`: step size; `eta`: 1 for ancestral steps, 0 for DDIM's; `grid`:
    where they are.

    **Returns:** a frozen method for `diffusion.restore`.

    **Raises:** `ValueError` when one is out of range; when used, `TypeError` for a foreign model.

    Source: Chung et al. 2023, arXiv 2209.14687.

    >>> from perturbax import diffusion
    >>> diffusion.DPS(steps=100, zeta=0.3).eta
    1.0
    """

    steps: int = 1000
    zeta: float = 1.0
    eta: float = 1.0
    grid: AbstractGrid = TimeUniform()

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Diffusion Posterior Sampling for General Noisy Inverse Problems",
            authors=("Hyungjin Chung", "Jeongsol Kim", "Michael T. Mccann", "Marc L. Klasky", "Jong Chul Ye"),
            year=2023,
            arxiv="2209.14687",
            venue="ICLR",
        ),
    )

    def __check_init__(self):
        check_number("zeta", self.zeta, minimum=0.0)

    def guide(self, problem: InverseProblem, x: Array, denoise: Any, s: Node) -> tuple[Array, Array, Array]:
        axes = tuple(range(1, problem.y.ndim))

        def misfit(x: Array) -> tuple[Array, Array]:
            data = denoise(x)
            square = jnp.sum(jnp.abs(problem.y - problem.forward(data)) ** 2, axes)
            # Where the misfit is 0 the norm has no gradient; this gives it 0.
            return jnp.sum(jnp.sqrt(square + jnp.finfo(jnp.float32).tiny)), data

        gradient, data = jax.grad(misfit, has_aux=True)(x)
        return data, -self.zeta * gradient, jnp.ones(x.shape[0], jnp.int32)
