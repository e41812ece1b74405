"""PLMS: Adams-Bashforth in the noise level.

Liu, Ren, Lin & Zhao 2022, *Pseudo numerical methods for diffusion models on manifolds*: with `y = x / alpha`,
`s = sigma / alpha` and the noise predictions `e_n, e_{n-1}, ...`,

    y_{n+1} = y_n + (s_{n+1} - s_n) sum_j c_j e_{n-j},    c = (1), (3, -1)/2, (23, -16, 5)/12, (55, -59, 37, -9)/24.
"""

from typing import Any, ClassVar, Literal

from ..core import Paper, check_choice, check_integer
from . import _papers
from ._adams_bashforth import newton_direction, noise_level, step, uniform_direction
from ._grid import AbstractGrid, TimeUniform
from ._method import AbstractPlanned, Path
from ._trace import Tracer


class PLMS(AbstractPlanned):
    """Linear multistep sampler of order 1 to 4, one evaluation a step; starts with lower orders.

    Also known as PNDM without Runge-Kutta warm-up, AB, and with `coefficients="variable"` as LMS.

    **Arguments:**

    - `steps`: network evaluations.
    - `order`: 1 to 4.
    - `coefficients`: `"uniform"` takes the weights of equal steps whatever the grid (the paper's choice, which caps the
      order at 2 on other grids); `"variable"` those of the actual steps in the noise level.
    - `grid`: where the steps are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` for an order outside 1 to 4 or too few steps.

    Source: Liu et al. 2022, equation 12.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.PLMS(steps=10), key=jax.random.key(0)).stats["evaluations"]
    10
    """

    steps: int = 50
    order: int = 4
    coefficients: Literal["uniform", "variable"] = "uniform"
    grid: AbstractGrid = TimeUniform()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.PNDM,)

    def __check_init__(self):
        check_integer("order", self.order, minimum=1, maximum=4)
        check_choice("coefficients", self.coefficients, ("uniform", "variable"))

    def integrate(self, x: Any, evaluate: Tracer, path: Path) -> Any:
        nodes = path.nodes(path.evaluations)
        levels = [noise_level(node) for node in nodes]
        e: list[Any] = []
        for n in range(len(nodes) - 1):
            e = [evaluate.noise(x, nodes[n], min(self.order, n + 1)), *e][: self.order]
            if self.coefficients == "uniform":
                u = uniform_direction(e)
            else:
                u = newton_direction(levels[n::-1][: len(e)], levels[n + 1], e)
            x = step(x, nodes[n], nodes[n + 1], u)
        return x
