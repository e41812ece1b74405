"""Heavy-ball momentum on a linear multistep sampler.

Wizadwongsa, Chinchuthakun, Khungurn, Raj & Suwajanakorn 2024, *Diffusion sampling with momentum for mitigating
divergence artifacts*, section 3.2: with the Adams-Bashforth direction `p_n` of order `q` in the noise level,

    v_{n+1} = (1 - beta) v_n + beta p_n,    y_{n+1} = y_n + (s_{n+1} - s_n) v_{n+1},    v_0 = e_0.

The velocity is read off the last two states, which takes one state of memory less than to carry it along.
The region of absolute stability grows by the factor `(2 - beta) / beta` along the negative real axis; the order is 1.
"""

import itertools
from typing import Any, ClassVar

from ..core import Paper, check_integer, check_number
from . import _papers
from ._adams_bashforth import noise_level, step, uniform_direction
from ._grid import AbstractGrid, TimeUniform
from ._method import AbstractPlanned, Path
from ._trace import Node, Tracer


class HeavyBall(AbstractPlanned):
    """PLMS with Polyak's heavy-ball momentum: stable at few steps and strong guidance, of order 1.

    **Arguments:**

    - `steps`: network evaluations.
    - `order`: order of the underlying Adams-Bashforth direction, 1 to 4.
    - `beta`: damping in (0, 1]; 1 is `PLMS`.
    - `grid`: where the steps are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` when an argument is out of range.

    Source: Wizadwongsa et al. 2024, section 3.2.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.HeavyBall(steps=10), key=jax.random.key(0)).x.shape
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
        before: tuple[Any, Node] | None = None
        for n, (s, t) in enumerate(itertools.pairwise(nodes)):
            e = [evaluate.noise(x, s, min(self.order, n + 1)), *e][: self.order]
            p = uniform_direction(e)
            v = p if before is None else (1.0 - self.beta) * _velocity(*before, x, s) + self.beta * p
            x, before = step(x, s, t, v), (x, s)
        return x


def _velocity(x_r: Any, r: Node, x_s: Any, s: Node) -> Any:
    """The velocity `v` that led from `x_r` to `x_s`."""
    return (x_s / s.alpha - x_r / r.alpha) / (noise_level(s) - noise_level(r))
