"""Robust representation consistency model (rRCM): pre-training of a representation that does not mind noise.

Lei et al. 2025. Noise levels `t_0 > t_1 > ... > t_N-1`; an encoder `f(x, t)` with two heads `h_0`, `h_1`; slow averages
`f^-`, `h_0^-` of `f`, `h_0`; `sg` a constant. For images `x` with noise `eps`, a level `i` common to the batch, and two
augmentations `x_a`, `x_b`,

    L_con = NCE(h_1 f(x + t_i eps, t_i), sg h_1 f(x + t_i+1 eps, t_i+1))
    L_sem = NCE(h_0 f(x_a + t_N-1 eps, t_N-1), sg h_0^- f^-(x_b + t_N-1 eps, t_N-1)) + the same with a and b exchanged
    L     = L_sem + L_con

`L_con` makes neighbouring points of one noising trajectory one point of the representation, so that noise is undone;
`L_sem` keeps it a representation of what is in the image. The levels are those of Karras et al. 2022,

    t_i = (t_0^(1/rho) + i / (N - 1) (t_N-1^(1/rho) - t_0^(1/rho)))^rho,

and their number grows over `K` steps, `N(k) = min(s_0 2^ceil(k / K'), s_1) + 1` with
`K' = ceil(K / log2(ceil(s_1 / s_0) + 1))`. After it, a linear head and all of the encoder are fine-tuned with labels at
the noise that is certified with.
"""

import math
import warnings
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import core
from ..core import Paper, check_instance, check_integer, check_number
from ..nn import MLP
from ..perturb import AbstractPerturbation
from ._contrastive import Pretraining, contrast, with_target
from ._fit_smoothed import AbstractSmoothedTraining
from ._papers import RRCM as RRCM_PAPER

# Below it a batch has too few others to tell an image from.
_FEW = 16

# A representation has collapsed when, after a third of the steps, the contrast is that of equal rows.
_PATIENCE, _BLIND = 1.0 / 3.0, 1e-3


class RRCM(AbstractSmoothedTraining):
    """Contrastive pre-training along noising trajectories, without labels.

    `fit_smoothed` takes an encoder `(x, level)` such as `nn.NoiseEncoder` and gives it back trained. Then a
    `NoiseClassifier` is made of it, which `ConsistencyRegularization` or `GaussianAugmentation` fine-tunes.

    **Arguments:**

    - `augment`: the random change of images that keeps what they show, a perturbation such as `perturb.RandomShift(1)`;
      `None` for none.
    - `sigma_range`: least and largest noise level, in the unit of the images; `rho`: how they lie between.
    - `levels`: `s_0` and `s_1`, the number of levels less one at first and in the end.
    - `temperature`: of the contrast; `hidden`, `output`: widths of the heads.
    - `decay`: of the average, at first and in the end; `sharpness`: `A`, how fast it gets from one to the other.
    - `consistency`: weight of `L_con`.

    The source trains with batches of 2048 for 300,000 steps, on images in [-1, 1].

    **Returns:** a frozen method for `verify.fit_smoothed`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Lei et al. 2025, arXiv 2501.13094.

    >>> from perturbax import verify
    >>> [round(float(level), 2) for level in verify.RRCM(sigma_range=(0.1, 10.0)).grid(3)]
    [10.0, 1.45, 0.1]
    """

    augment: Any = None
    sigma_range: tuple[float, float] = (0.002, 80.0)
    rho: float = 7.0
    levels: tuple[int, int] = (20, 80)
    temperature: float = 0.2
    hidden: int = 2048
    output: int = 256
    decay: tuple[float, float] = (0.99, 0.9999)
    sharpness: float = 15.0
    consistency: float = 1.0

    labelled: ClassVar[bool] = False
    papers: ClassVar[tuple[Paper, ...]] = (RRCM_PAPER,)

    def __check_init__(self):
        if self.augment is not None:
            check_instance("augment", self.augment, AbstractPerturbation, "a perturbation such as RandomShift(1)")
        low, high = (check_number("sigma_range", level, minimum=0.0, exclusive=True) for level in self.sigma_range)
        first, last = (check_integer("levels", count, minimum=1) for count in self.levels)
        start, end = (check_number("decay", decay, minimum=0.0, maximum=1.0) for decay in self.decay)
        for name, lower, upper in (("sigma_range", low, high), ("levels", first, last), ("decay", start, end)):
            if lower > upper:
                raise ValueError(f"{name} must not fall, got {getattr(self, name)}")
        for name in ("rho", "temperature", "sharpness"):
            check_number(name, getattr(self, name), minimum=0.0, exclusive=True)
        check_number("consistency", self.consistency, minimum=0.0)
        check_integer("hidden", self.hidden, minimum=1)
        check_integer("output", self.output, minimum=1)

    def grid(self, count: Any) -> Float[Array, " count"]:
        """`count` noise levels, from the largest to the least."""
        return self._level(jnp.arange(count), count)

    def nearest_level(self, sigma: Any) -> float:
        """The level of the last grid that is nearest to a noise.

        Warns when the noise is outside of `sigma_range`.
        """
        sigma = check_number("sigma", sigma, minimum=0.0, exclusive=True)
        low, high = self.sigma_range
        if not low <= sigma <= high:
            warnings.warn(
                f"sigma = {sigma:g} is outside of the levels of the training, {low:g} to {high:g}", stacklevel=2
            )
        levels = np.asarray(self.grid(self.levels[1] + 1))
        return float(levels[np.abs(levels - sigma).argmin()])

    def begin(self, network: Any, x: Array, steps: int, batch_size: int, key: Any) -> Pretraining:
        if batch_size < _FEW:
            warnings.warn(f"batch_size = {batch_size} leaves few images to tell each one from", stacklevel=3)
        shape = jax.ShapeDtypeStruct((1, *x.shape[1:]), x.dtype)
        represented = eqx.filter_eval_shape(network, shape, jnp.ones(1))
        if getattr(represented, "ndim", 0) != 2:
            raise ValueError(
                "network must be an encoder (x, level) with representations of shape (batch, width), got "
                f"{getattr(represented, 'shape', type(represented).__name__)}"
            )
        heads = (MLP(represented.shape[1], (self.hidden,), self.output, key=k) for k in jax.random.split(key))
        online = (network, *heads)
        return Pretraining(online, online[:2], jnp.zeros(()), jnp.asarray(float(steps)))

    def optimizer(self, optimizer: Any) -> Any:
        return with_target(optimizer, *self.decay, self.sharpness)

    def finish(self, model: Pretraining) -> Any:
        return model.online[0]

    def scales(self, made: Array, planned: Array) -> Float[Array, ""]:
        """`N(k)`."""
        first, last = self.levels
        period = jnp.ceil(planned / math.log2(math.ceil(last / first) + 1))
        return jnp.minimum(first * 2.0 ** jnp.ceil(made / period), last) + 1.0

    def loss(self, model: Pretraining, batch: Any, key: Any) -> tuple[Float[Array, ""], dict[str, Array]]:
        (x,) = batch
        (f, h_0, h_1), (f_target, h_0_target) = model.online, model.target
        noise_key, level_key, *augment_keys = jax.random.split(key, 4)
        eps = jax.random.normal(noise_key, x.shape, x.dtype)
        count = self.scales(model.made, model.planned)
        i = jnp.floor(jax.random.uniform(level_key) * (count - 1.0))

        def represent(f: Any, x: Array, t: Array) -> Array:
            return f(x + t * eps, jnp.broadcast_to(t, x.shape[:1]))

        noisier, cleaner, cleanest = (self._level(j, count).astype(x.dtype) for j in (i, i + 1.0, count - 1.0))
        con = contrast(h_1(represent(f, x, noisier)), h_1(represent(f, x, cleaner)), self.temperature)
        views = [x if self.augment is None else self.augment(x, key=k) for k in augment_keys]
        a, b = (h_0(represent(f, view, cleanest)) for view in views)
        a_target, b_target = (h_0_target(represent(f_target, view, cleanest)) for view in views)
        sem = contrast(a, b_target, self.temperature) + contrast(b, a_target, self.temperature)
        terms = {"semantic": sem, "consistency": self.consistency * con}
        return sum(terms.values(), jnp.zeros(())), terms

    def failure(self, done: core.Fit, batch_size: int) -> str:
        same = 2.0 * math.log(batch_size)
        recent = float(np.asarray(done.aux["semantic"])[-10:].mean())
        if done.steps < _PATIENCE * float(done.model.planned) or abs(recent - same) >= _BLIND * same:
            return ""
        return f"the representations collapsed: their contrast is {recent:.4g}, and {same:.4g} when all are the same"

    def facts(self, x: np.ndarray) -> dict[str, Any]:
        """`"false_negatives"`: the probability that another image of a batch is the same image."""
        _, counts = np.unique(x.reshape(len(x), -1), axis=0, return_counts=True)
        return {"false_negatives": float(np.sum(counts * (counts - 1.0)) / max(len(x) * (len(x) - 1.0), 1.0))}

    def _level(self, i: Any, count: Any) -> Array:
        low, high = (level ** (1.0 / self.rho) for level in self.sigma_range)
        return (high + i / (count - 1.0) * (low - high)) ** self.rho
