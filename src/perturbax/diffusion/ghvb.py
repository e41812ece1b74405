"""GHVB: generalised heavy ball, a family between the Adams-Bashforth methods of order `k` and `k + 1`.

Wizadwongsa et al. 2024, section 3.3: for the index `r = k + beta`, `0 < beta < 1`, with `q = k + 1`,

    v_{n+1} = (1 - beta) v_n + beta e_n,    u = (1 / beta) sum_{j<q} a_j(beta) v_{n+1-j},    v_0 = e_0,

where the published tables of `a_j` follow from one rule: with `N = 1 - S` the backward difference and the
Adams-Bashforth numbers `gamma`, `sum_j a_j S^j = sum_{j<q} (beta gamma_j + (1 - beta) gamma_{j-1}) N^j`.
"""

import itertools
from typing import Any, ClassVar, Literal

import numpy as np

from ..core import Paper, check_choice, check_number
from . import _papers
from ._adams_bashforth import (
    GAMMA,
    newton_direction,
    noise_level,
    step,
    uniform_direction,
    weighted,
    weights_of_differences,
)
from ._grid import AbstractGrid, TimeUniform
from ._method import AbstractPlanned, Path
from ._trace import Tracer


class GHVB(AbstractPlanned):
    """Linear multistep sampler of fractional index: one slider from stable (low) to accurate (high).

    An integer index is `PLMS` of that order; between integers the velocity carries momentum, which widens the region of
    absolute stability over that of the next integer.

    **Arguments:**

    - `steps`: network evaluations.
    - `order`: the index, in (0, 5]; 1.8 to 2.5 under strong guidance.
    - `coefficients`: `"uniform"` takes the published weights of equal steps, which are of order 2 at most on other
      grids and better at few steps; `"variable"` those of the actual steps, of order `ceil(order)`.
    - `grid`: where the steps are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` for an index outside (0, 5] or too few steps.

    Source: Wizadwongsa et al. 2024, section 3.3.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.GHVB(steps=10), key=jax.random.key(0)).x.shape
    (1, 2)
    """

    steps: int = 20
    order: float = 1.8
    coefficients: Literal["uniform", "variable"] = "uniform"
    grid: AbstractGrid = TimeUniform()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.MOMENTUM,)

    def __check_init__(self):
        if check_number("order", self.order, minimum=0.0, maximum=5.0) == 0.0:
            raise ValueError("order must be in (0, 5], got 0")
        check_choice("coefficients", self.coefficients, ("uniform", "variable"))

    @property
    def stages(self) -> int:
        """How many velocities a direction takes, `ceil(order)`."""
        return int(np.ceil(self.order))

    @property
    def beta(self) -> float:
        """The damping: the fractional part of the index, 1 for an integer."""
        return float(self.order - (self.stages - 1))

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        nodes = path.nodes(path.evaluations)
        levels = [noise_level(node) for node in nodes]
        v: list[Any] = []
        for n in range(len(nodes) - 1):
            e = evaluate.noise(x, nodes[n], min(self.stages, n + 1))
            newest = e if not v or self.beta == 1.0 else evaluate.keep((1.0 - self.beta) * v[0] + self.beta * e)
            v = [newest, *v][: self.stages + 1]
            if self.coefficients == "uniform":
                u = self._uniform(v[: self.stages])
            else:
                u = self._variable(levels[n::-1], levels[n + 1], v)
            x = step(x, nodes[n], nodes[n + 1], u)
        return x

    def _uniform(self, v: list[Any]) -> Any:
        if self.beta == 1.0:
            return uniform_direction(v)
        shifted = (0.0, *GAMMA)
        rule = [(self.beta * GAMMA[j] + (1.0 - self.beta) * shifted[j]) / self.beta for j in range(len(v))]
        return weighted(weights_of_differences(rule), v)

    def _variable(self, levels: list[float], target: float, v: list[Any]) -> Any:
        """Node `m` carries `v_{m+1}`, and `w_m = v_{m+1} - v_m` stands for the momentum that is still on its way."""
        q = min(self.stages, len(v))
        u = newton_direction(levels[:q], target, v[:q])
        # The first velocity is v_1 = v_0, so that w vanishes there and the differences end one node earlier.
        w = [newer - older for newer, older in itertools.pairwise(v)][: q - 1]
        if self.beta == 1.0 or not w:
            return u
        return u + (1.0 - self.beta) / self.beta * newton_direction(levels[: len(w)], target, w)
