r"""Flow matching: the velocity of straight lines between the pairs of a coupling, and nothing else.

Lipman et al. 2023, Liu et al. 2023 (rectified flow), Tong et al. 2023 (conditional flow matching). On
`x_t = (1 - t) x_0 + t x_1` the velocity `b(x, t) = E[x_1 - x_0 | x_t = x]` is regressed; with `OptimalTransport()`
pairs of minibatches it is OT-CFM, and trained again on `Paired()` starts and ends of its own ODE it is rectified.
"""

from typing import Any, ClassVar

from ..core import Paper
from . import _papers
from ._coupling import Coupling
from ._fit_interpolant import AbstractInterpolantMethod, Trained
from ._latent import NoNoise
from ._path import LinearPath, OneSidedLinearPath
from ._regress import check_training, train
from ._targets import Velocity


class FlowMatching(AbstractInterpolantMethod):
    """Flow matching along straight lines, from samples, or from noise when the coupling has `x0=None`.

    Also known as rectified flow, and as the interpolant with `gamma = 0`. From noise its score follows from the
    velocity, and SDEs can be used too; between samples there is only the ODE.

    **Arguments:** `hidden`: widths of a perceptron; `steps`, `batch_size`, `learning_rate`: of Adam, whose rate falls
    to 0 as a cosine.

    **Returns:** a frozen method for `transport.fit_interpolant`.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Lipman et al. 2023, arXiv 2210.02747; Liu et al. 2023, arXiv 2209.03003; Tong et al. 2023, arXiv 2302.00482.

    >>> import jax, numpy as np
    >>> from perturbax import transport
    >>> x0 = np.random.default_rng(0).normal(size=(500, 2))
    >>> method = transport.FlowMatching(hidden=(16,), steps=300, batch_size=64)
    >>> solved = transport.fit_interpolant(transport.Coupling(x0, x0 + 3.0), method, key=jax.random.key(0))
    >>> solved.forward(x0).x.mean(0).round().tolist()
    [3.0, 3.0]
    """

    hidden: tuple[int, ...] = (96, 96, 96)
    steps: int = 2500
    batch_size: int = 512
    learning_rate: float = 2e-3

    papers: ClassVar[tuple[Paper, ...]] = (_papers.FLOW_MATCHING, _papers.RECTIFIED_FLOW, _papers.OT_CFM)

    def __check_init__(self):
        check_training(self)

    def train(self, problem: Coupling, key: Any, progress: bool | None) -> Trained:
        path = OneSidedLinearPath() if problem.x0 is None else LinearPath(NoNoise())
        return train(self, path, (Velocity(),), problem, key, progress)
