"""DPM-OT: an optimal-transport map in the place of the long first part of reverse diffusion.

Li et al. 2023, *DPM-OT: A New Diffusion Probabilistic Model Based on Optimal Transport* (arXiv 2307.11308). With the
optimal map `T` from `N(0, I)` onto finitely many latents `y_i = alpha_k x_i + sigma_k z_i` at a late time `t_k`, made
from training data `x_i`,

    x_{t_k} = T(z),  z ~ N(0, I);       x_0 = the reverse process from t_k with a few steps.

`T` jumps between latents instead of averaging them, so that few samples lie between the modes.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import numpy as np

from ..core import Paper, check_instance, check_number
from ..interop import like
from ._door import check_callable
from ._method import AbstractPlanned, AbstractPrepared


class DPMOT(AbstractPrepared):
    """A map from noise to latents at a late time, then a few steps of another sampler.

    Its samples lie near the training data that the latents were made of: what is new in them comes from the noise of
    the latents and of the last steps. Look at their distance to the nearest training sample.

    **Arguments:**

    - `map`: callable from noise of shape `(batch, d)`, `d` the size of a sample, to latents of that shape, such as the
      `BrenierMap` of `transport.semidiscrete`. With a foreign model it is called on NumPy arrays.
    - `start_time`: the time of the latents.
    - `inner`: the sampler of the last steps; its `steps` are all evaluations that are spent.

    **Returns:** a frozen method for `diffusion.sample`.

    **Raises:** `TypeError` when `map` is not callable or `inner` has no fixed steps; when used, `ValueError` for a
    `start_time` outside of the process or a problem with a `start` of its own.

    Source: Li et al. 2023.

    >>> import jax
    >>> from perturbax import diffusion
    >>> process = diffusion.VPLinear()
    >>> problem = diffusion.Sampling(lambda x, t: process.sigma(t) * x, process, shape=(2,))
    >>> method = diffusion.DPMOT(jax.numpy.sign, start_time=0.1, inner=diffusion.DDIM(steps=5))
    >>> diffusion.sample(problem, method, key=jax.random.key(0), num_samples=3).stats["evaluations"]
    5
    """

    map: Callable
    start_time: float
    inner: AbstractPlanned

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="DPM-OT: A New Diffusion Probabilistic Model Based on Optimal Transport",
            authors=("Zezeng Li", "Shenghao Li", "Zhanpeng Wang", "Na Lei", "Zhongxuan Luo", "Xianfeng Gu"),
            year=2023,
            arxiv="2307.11308",
            venue="International Conference on Computer Vision",
        ),
    )

    def __check_init__(self):
        check_callable("map", self.map, "map(noise)")
        check_number("start_time", self.start_time, minimum=0.0, exclusive=True)
        check_instance("inner", self.inner, AbstractPlanned, "a sampler with fixed steps such as DPMSolverPP(steps=5)")

    def prepare(self, noise: Any) -> Any:
        """The latents that the map sends noise to."""
        flat = noise.reshape(noise.shape[0], -1)
        if isinstance(noise, jax.Array | np.ndarray):
            latents = self.map(flat)
        else:
            latents = like(noise, np.asarray(self.map(np.asarray(flat))))
        if tuple(latents.shape) != tuple(flat.shape):
            raise ValueError(f"map must return shape {tuple(flat.shape)}, it returned {tuple(latents.shape)}")
        return latents.reshape(noise.shape)
