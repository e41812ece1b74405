"""Nesterov momentum on a linear multistep sampler.

Wizadwongsa et al. 2024, appendix: with the Adams-Bashforth direction `p_n` in the noise level,

    v_{n+1} = (1 - beta) v_n + beta p_n,    u = (1 - beta) v_{n+1} + beta p_n,    y_{n+1} = y_n + (s_{n+1} - s_n) u.
"""

import itertools
from typing import Any, ClassVar

from ..core import Paper, check_integer, check_number
from . import _papers
from ._adams_bashforth import step, uniform_direction
from ._grid import AbstractGrid, TimeUniform
from ._method import AbstractPlanned, Path
from ._trace import Tracer


class Nesterov(AbstractPlanned):
    """PLMS with Nesterov's momentum; less damped than `HeavyBall`, of order 1.

    **Arguments:** `steps`: network evaluations; `order`: order of the Adams-Bashforth direction, 1 to 4; `beta`:
    damping in (0, 1]; `grid`: where the steps are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` when an argument is out of range.

    Source: Wizadwongsa et al. 2024, appendix.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.Nesterov(steps=10), key=jax.random.key(0)).x.shape
    (1, 2)
    """

    steps: int = 20
    order: int = 4
    beta: float = 0.8
    grid: AbstractGrid = TimeUniform()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.MOMENTUM,)

    def __check_init__(self):
        check_integer("order", self.order, minimum=1, maximum=4)
        if check_number("beta", self.beta, minimum=0.0, maximum=1.0) == 0.0:
            raise ValueError("beta must be in (0, 1], got 0: the velocity would never change")

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        nodes = path.nodes(path.evaluations)
        e: list[Any] = []
        v = None
        for n, (s, t) in enumerate(itertools.pairwise(nodes)):
            e = [evaluate.noise(x, s, min(self.order, n + 1)), *e][: self.order]
            p = uniform_direction(e)
            v = evaluate.keep(1.0 * p if v is None else (1.0 - self.beta) * v + self.beta * p)
            x = step(x, s, t, (1.0 - self.beta) * v + self.beta * p)
        return x
