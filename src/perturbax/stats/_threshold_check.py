"""A private check whether a difference exceeds a threshold, which costs only when it does.

With `q` of sensitivity `1 / n` in one record, noise scale `sigma` and a budget of `B` reports,

    gamma ~ Noise(drift sigma),  eta ~ Noise(check sigma);   fires when q > T + gamma + eta,                      (1)

and when it fires, `gamma` is drawn again and one report is paid. With Laplace noise, `drift = 2` and `check = 4` a
report is `1 / (n sigma)`-private, however many checks came before it.

Source: Dwork & Roth 2014, algorithm 1 and theorem 3.23, for `epsilon = 1 / (n sigma)`.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ._query_noise import AbstractNoise, Laplace


class Watch(eqx.Module):
    """The state: the noise of the threshold, and the reports that are left."""

    offset: Float[Array, ""]
    left: Int[Array, ""]

    @property
    def exhausted(self) -> Bool[Array, ""]:
        return self.left < 1


class ThresholdCheck(eqx.Module):
    """Equation (1)."""

    threshold: Any
    scale: Any
    budget: int
    noise: AbstractNoise = Laplace()
    drift: Any = 2.0
    check: Any = 4.0

    def init(self, key: Any) -> Watch:
        return Watch(self.noise.sample(key, self.drift * self.scale), jnp.asarray(self.budget))

    def __call__(self, watch: Watch, difference: Any, key: Any) -> tuple[Watch, Bool[Array, ""]]:
        """The state after a check, and whether it fired; it never does once the budget is spent."""
        eta_key, gamma_key = jax.random.split(key)
        eta = self.noise.sample(eta_key, self.check * self.scale)
        fired = (difference > self.threshold + watch.offset + eta) & ~watch.exhausted
        redrawn = self.noise.sample(gamma_key, self.drift * self.scale)
        return Watch(jnp.where(fired, redrawn, watch.offset), watch.left - fired), fired

    def epsilon(self, n: int) -> float:
        """Privacy of one report; infinite for noise for which nothing is proved here."""
        if not isinstance(self.noise, Laplace) or self.drift == 0.0 or self.check == 0.0 or self.scale == 0.0:
            return math.inf
        return (1.0 / self.drift + 2.0 / self.check) / (n * self.scale)

    def reach(self, queries: int, beta: float) -> float:
        """What no difference exceeds by which the check does not fire, except with probability `beta`."""
        eta = self.check * self.scale * self.noise.bound(beta / (2.0 * queries))
        gamma = self.drift * self.scale * self.noise.bound(beta / (2.0 * (min(self.budget, queries) + 1)))
        return self.threshold + gamma + eta
