"""UniPC: a multistep predictor of order p with a corrector of order p + 1 that costs no evaluation.

Zhao, Bai, Rao, Zhou & Lu 2023, *UniPC: a unified predictor-corrector framework for fast sampling of diffusion models*,
arXiv 2302.04867. From `s` to `t` the predictor expands the prediction `F` in the half log-SNR to order `p` from the
last `p` evaluations; after the evaluation at the predicted state the step is done again from `s` to order `p + 1` with
that prediction among the points, and it is kept as it is. Where one point is active the derivative has the factor

    bh1   (z^2 / 2) / (e^z - 1 - z)        bh2   (z (e^z - 1) / 2) / (e^z - 1 - z),      z = h (noise) or -h (data),

everywhere else the linear system of the derivatives is solved exactly and both are the same.
"""

from typing import ClassVar, Literal

from ..core import Paper, check_choice, check_integer
from . import _papers
from ._grid import AbstractGrid, LogSNR
from ._process import AbstractProcess
from ._schedule import MAX_ORDER, SolverSchedule
from ._scheduled import AbstractScheduled


class UniPC(AbstractScheduled):
    """Multistep exponential integrator with a free corrector; the best of the hand-made solvers at few evaluations.

    **Arguments:**

    - `steps`: network evaluations, at least 1 (and one more when the grid ends at zero).
    - `order`: of the predictor, 1 to 4; the corrector has one more.
    - `variant`: `"bh1"`, `"bh2"` or `"none"`, the exact weight also where one point is active.
    - `prediction`: what is expanded, `"data"` (the stable one under guidance) or `"noise"`.
    - `lower_order_final`: lower the order at the last steps to 2, 1.
    - `grid`: where the steps are.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `ValueError` for an order outside 1 to 4, another word, or too few steps.

    Source: Zhao et al. 2023, arXiv 2302.04867.

    >>> import jax
    >>> from perturbax import diffusion
    >>> problem = diffusion.Sampling(lambda x, t: 0.5 * x, diffusion.VPLinear(), shape=(2,))
    >>> diffusion.sample(problem, diffusion.UniPC(steps=8), key=jax.random.key(0)).stats["evaluations"]
    8
    """

    steps: int = 20
    order: int = 2
    variant: Literal["bh1", "bh2", "none"] = "bh2"
    prediction: Literal["data", "noise"] = "data"
    lower_order_final: bool = True
    grid: AbstractGrid = LogSNR()

    papers: ClassVar[tuple[Paper, ...]] = (_papers.UNIPC, _papers.USF)

    @property
    def minimum_steps(self) -> int:
        return 1 + self.grid.denoises

    def __check_init__(self):
        check_integer("order", self.order, minimum=1, maximum=MAX_ORDER)
        check_choice("variant", self.variant, ("bh1", "bh2", "none"))
        check_choice("prediction", self.prediction, ("data", "noise"))

    def schedule_for(self, process: AbstractProcess, start: float | None = None) -> SolverSchedule:
        path = self.path(process, start)
        nodes = [float(node.half_log_snr) for node in path.nodes(path.evaluations)]
        orders = [min(self.order, i + 1) for i in range(path.evaluations)]
        if self.lower_order_final:
            left = path.evaluations + self.grid.denoises
            orders = [min(order, left - i) for i, order in enumerate(orders)]
        return SolverSchedule(
            nodes,
            orders,
            self.prediction,
            relaxations=[self.variant if order <= 2 else "none" for order in orders],
            correctors="pseudo",
            final=self.grid.final,
        )
