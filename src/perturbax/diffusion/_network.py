"""Denoisers as the networks of processes."""

from collections.abc import Callable
from typing import Any

import equinox as eqx

from ..core import check_instance
from ..data import ideal_denoiser as ideal_denoiser_of_points
from ._noise_level import VE, FlowMatching
from ._process import AbstractProcess
from ._variance_preserving import Discrete


class FromDenoiser(eqx.Module):
    """A denoiser `(x, sigma, label)` of `x_0 + sigma z` as the network of any process: `x / alpha` has that form.

    It predicts the data: use it with `prediction=Data()`. Samples of any shape reach the denoiser as rows.

    **Arguments:** `denoiser`: on `x` of shape `(batch, d)`, such as what `diffusion.fit` trains; `process`.

    **Raises:** `TypeError` when the process is none.

    >>> from perturbax import diffusion
    >>> process = diffusion.VPLinear()
    >>> network = FromDenoiser(lambda x, sigma, label=None: x / (1 + sigma**2), process)  # data N(0, 1)
    >>> diffusion.Sampling(network, process, shape=(2, 2), prediction=diffusion.Data()).shape
    (2, 2)
    """

    denoiser: Callable
    process: AbstractProcess

    def __check_init__(self):
        check_instance("process", self.process, AbstractProcess, "a process such as VPLinear()")

    def __call__(self, x: Any, model_time: Any, label: Any = None) -> Any:
        alpha, sigma = self._levels(model_time)
        flat = (x / alpha).reshape(x.shape[0], -1)
        return self.denoiser(flat, sigma / alpha, label).reshape(x.shape)

    def _levels(self, model_time: Any) -> tuple[Any, Any]:
        """`alpha` and `sigma` where the network is given `model_time`."""
        process = self.process
        if isinstance(process, VE):
            return 0.0 * model_time + 1.0, model_time
        if isinstance(process, FlowMatching):
            return 1.0 - model_time, model_time
        time = (model_time + 1.0) / process.alphas_cumprod.size if isinstance(process, Discrete) else model_time
        return process.alpha(time), process.sigma(time)


def ideal_denoiser(points: Any, process: AbstractProcess, labels: Any = None) -> FromDenoiser:
    """The exact network of data that takes the given values with equal probability, for any process of this package.

    For `PoissonFlow(D)` the weight of a point is a Student-t kernel. A network that memorised its training set would be
    this function.

    **Arguments:** `points`: shape `(n, d)`; `process`; `labels`: integers `(n,)` that allow conditional calls.

    **Returns:** a network `(x, time, label=None)` that predicts the data.

    **Raises:** as `data.ideal_denoiser`; `TypeError` when the process is none.

    Source: Karras et al. 2022, equation 57; Xu et al. 2023, equation 3.

    >>> import numpy as np
    >>> from perturbax import diffusion
    >>> process = diffusion.PoissonFlow(8.0)
    >>> problem = diffusion.Sampling(diffusion.ideal_denoiser(np.eye(2), process), process, (2,), diffusion.Data())
    >>> diffusion.sample(problem, diffusion.Heun(), x_T=np.array([[60.0, 2.0]], "float32")).x.round(2).tolist()
    [[1.0, 0.0]]
    """
    check_instance("process", process, AbstractProcess, "a process such as EDM()")
    return FromDenoiser(ideal_denoiser_of_points(points, labels, degrees=process.degrees), process)
