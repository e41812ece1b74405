"""Semi-discrete optimal transport by Adam on a Monte-Carlo sample of the source.

Li et al. 2023, *DPM-OT* (arXiv 2307.11308), after An et al. 2020: the gradient of the convex energy in the
heights `h` is estimated on points `x_s` of the source,

    g_i = #{s : argmax_j (<x_s, y_j> + h_j) = i} / S - nu_i,

and `h` follows Adam. Here, other than in the paper: points have mean 0 and mean square norm 1, since the map does not
depend on either; the start is their nearest-neighbour map `h_i = -|y_i|^2 / 2`, the zero of the quadratic dual, instead
of 0; Adam corrects its bias and its rate decays geometrically; the sample is fixed, so that the energy is a convex
function with a minimum; and the heights of the smallest energy are kept.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..core import Paper, check_integer, check_number, fit
from ._semidiscrete import AbstractSemiDiscreteMethod, Options, SemiDiscrete, energy


class MonteCarloAdam(AbstractSemiDiscreteMethod):
    """First-order minimisation of the energy on a sample; one iteration costs `2 S n d` operations.

    Also known as the extended semi-discrete optimal transport of AE-OT.

    **Arguments:**

    - `steps`: iterations of Adam.
    - `learning_rate`, `final_rate`: of its first and last step, in units of the scale of the points.
    - `samples`: points of the source; 100 for each target when `None`.

    **Returns:** a frozen method for `transport.semidiscrete`.

    **Raises:** `ValueError` when one is out of range.

    Source: Li et al. 2023; An et al. 2020.

    >>> import jax
    >>> from perturbax import transport
    >>> problem = transport.SemiDiscrete(jax.random.normal(jax.random.key(0), (20, 2)))
    >>> transport.semidiscrete(problem, transport.MonteCarloAdam(), key=jax.random.key(1)).converged
    True
    """

    steps: int = 300
    learning_rate: float = 0.05
    final_rate: float = 5e-4
    samples: int | None = None

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="DPM-OT: A New Diffusion Probabilistic Model Based on Optimal Transport",
            authors=("Zezeng Li", "Shenghao Li", "Zhanpeng Wang", "Na Lei", "Zhongxuan Luo", "Xianfeng Gu"),
            year=2023,
            arxiv="2307.11308",
            venue="International Conference on Computer Vision",
        ),
        Paper(
            title="AE-OT: A New Generative Model Based on Extended Semi-discrete Optimal Transport",
            authors=("Dongsheng An", "Yang Guo", "Na Lei", "Zhongxuan Luo", "Shing-Tung Yau", "Xianfeng Gu"),
            year=2020,
            venue="International Conference on Learning Representations",
        ),
    )

    def __check_init__(self):
        check_integer("steps", self.steps, minimum=1)
        check_number("learning_rate", self.learning_rate, minimum=0.0, exclusive=True)
        check_number("final_rate", self.final_rate, minimum=0.0, maximum=self.learning_rate, exclusive=False)
        if self.samples is not None:
            check_integer("samples", self.samples, minimum=1)

    def heights(
        self, problem: SemiDiscrete, key: Any, options: Options
    ) -> tuple[Float[Array, " n"], Float[np.ndarray, " steps"], dict[str, Any]]:
        """See `transport.semidiscrete`."""
        n, d = problem.points.shape
        sample_key, fit_key = jax.random.split(key)
        x = jax.random.normal(sample_key, (100 * n if self.samples is None else self.samples, d))
        points, weights = problem.unit_points, jnp.asarray(problem.weights, jnp.float32)
        decay = (self.final_rate / self.learning_rate) ** (1.0 / self.steps)

        def loss(h: Array, batch: Array, key: Any) -> Array:
            return energy(h, points, weights, batch)

        done = fit(
            loss,
            -0.5 * jnp.square(points).sum(1),
            x,
            steps=self.steps,
            optimizer=optax.adam(optax.exponential_decay(self.learning_rate, 1, decay)),
            key=fit_key,
            chunk=max(1, min(25, self.steps)),
            validation=x,
            checkpoint=options.checkpoint,
            devices=options.devices,
            progress=options.progress,
        )
        return done.model, np.asarray(done.losses), {"iterations": self.steps, "samples": x.shape[0]}
