"""DDIM: one step of order 1 per evaluation, with any amount of noise.

Song, Meng & Ermon 2021, *Denoising diffusion implicit models*, equation 12, for any process: with the data prediction
`m` and the noise prediction `e = (x_s - alpha_s m) / sigma_s`,

    x_t = alpha_t m + sqrt(sigma_t^2 - c^2) e + c z,     c = eta * (standard deviation of x_t given x_s and x_0).
"""

import itertools
from typing import Any, ClassVar

import numpy as np

from ..core import Paper, check_number
from . import _papers
from ._grid import AbstractGrid, LogSNR
from ._method import AbstractInvertible, Path, posterior_std
from ._trace import Node, Tracer


class DDIM(AbstractInvertible):
    """First-order sampler; deterministic for `eta=0`, ancestral (as `DDPM`) for `eta=1`.

    Also known as exponential Euler, DPM-Solver-1, and for `eta=0` the Euler method in the noise level.

    **Arguments:**

    - `steps`: network evaluations.
    - `eta`: share of the ancestral noise, in [0, 1].
    - `grid`: where the steps are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` when `eta` is outside [0, 1] or `steps` is too small.

    Source: Song, Meng & Ermon 2021, equation 12.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.DDIM(steps=8), key=jax.random.key(0)).stats["evaluations"]
    8
    """

    steps: int = 50
    eta: float = 0.0
    grid: AbstractGrid = LogSNR()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.DDIM,)

    def __check_init__(self):
        check_number("eta", self.eta, minimum=0.0, maximum=1.0)

    @property
    def latent_states(self) -> int:
        return 1

    def amplification(self, nodes: list[Node]) -> float:
        return 1.0

    def nodes(self, path: Path) -> list[Node]:
        return path.nodes(path.evaluations)

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        for s, t in itertools.pairwise(self.nodes(path)):
            m = evaluate.data(x, s)
            c = self.eta * posterior_std(s, t)
            keep = np.sqrt(t.sigma**2 - c**2) / s.sigma
            x = keep * x + (t.alpha - keep * s.alpha) * m
            if c:
                x = x + c * evaluate.draw()
        return x

    def resume(self, states: list[Any], evaluate: Tracer, path: Path) -> Any:
        return self.integrate(states[0], evaluate, path)

    def ascend(self, x: Any, evaluate: Tracer, path: Path) -> list[Any]:
        """DDIM inversion: the same step upwards, with the prediction at its start; an approximation."""
        if self.eta > 0.0:
            raise ValueError(f"eta must be 0 to invert: a step with noise has no inverse, got {self.eta:g}")
        for s, t in itertools.pairwise(self.nodes(path)[::-1]):
            m = evaluate.data(x, s)
            x = t.sigma / s.sigma * x + (t.alpha - t.sigma / s.sigma * s.alpha) * m
        return [x]
