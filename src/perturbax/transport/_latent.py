r"""The latent noise of stochastic interpolants: `gamma(t)`, which vanishes at both ends and is positive between.

Everything that is solved needs `gamma^2` and its rate `(gamma^2)' = 2 gamma gamma'`, which stay finite at the ends
where `gamma'` alone may not. So a noise is given by its variance `gamma^2`, and the rate is its derivative.
"""

import abc
import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_number


class AbstractLatentNoise(eqx.Module):
    """`gamma(t)` of a stochastic interpolant, as a smooth function `variance` of time.

    - `rough`: `gamma'` is infinite at the ends, as for a Brownian bridge.
    """

    rough: ClassVar[bool] = False

    @abc.abstractmethod
    def variance(self, t: Array) -> Float[Array, "..."]:
        """`gamma(t)^2`, 0 at `t = 0` and `t = 1`."""

    def complement(self, t: Array) -> Float[Array, "..."]:
        """`sqrt(1 - gamma(t)^2)`, which a trigonometric path leaves to the data."""
        return jnp.sqrt(1.0 - self.variance(t))

    @property
    def largest_variance(self) -> float:
        """The largest value of `gamma^2`, which all the noises here take in the middle."""
        with jax.ensure_compile_time_eval():
            return float(self.variance(jnp.asarray(0.5)))


class BridgeNoise(AbstractLatentNoise):
    """`gamma = sqrt(a t (1 - t))`, that of a Brownian bridge; with `a = epsilon` the interpolant between the pairs of
    an entropic plan is a Schrödinger bridge.

    **Arguments:** `scale`: `a`, in the squared unit of the data.

    **Raises:** `ValueError` when it is not positive.

    >>> BridgeNoise(2.0).largest_variance
    0.5
    """

    scale: float = 1.0

    rough: ClassVar[bool] = True

    def __check_init__(self):
        check_number("scale", self.scale, minimum=0.0, exclusive=True)

    def variance(self, t: Array) -> Float[Array, "..."]:
        return self.scale * t * (1.0 - t)


class ParabolicNoise(AbstractLatentNoise):
    """`gamma = t (1 - t)`.

    >>> ParabolicNoise().largest_variance
    0.0625
    """

    def variance(self, t: Array) -> Float[Array, "..."]:
        return jnp.square(t * (1.0 - t))


class SineNoise(AbstractLatentNoise):
    """`gamma = sin^2(pi t)`, which is 1 in the middle: on a trigonometric path nothing of the data is left there.

    >>> SineNoise().largest_variance
    1.0
    """

    def variance(self, t: Array) -> Float[Array, "..."]:
        # sin(pi) is no zero of float32; from the nearer end it is.
        return jnp.sin(math.pi * jnp.minimum(t, 1.0 - t)) ** 4

    def complement(self, t: Array) -> Float[Array, "..."]:
        # 1 - sin^4 = cos^2 (1 + sin^2): its root has a kink at 1/2 and on either side a derivative.
        cosine = jnp.cos(math.pi * t)
        return jnp.where(t <= 0.5, cosine, -cosine) * jnp.sqrt(1.0 + jnp.square(jnp.sin(math.pi * t)))


class SigmoidNoise(AbstractLatentNoise):
    """A bump of two sigmoids: with `S(t) = sigmoid(f (t - 1/2) + 1) - sigmoid(f (t - 1/2) - 1)`,
    `gamma(t) = S(t) - S(0)`.

    **Arguments:** `sharpness`: `f`.

    **Raises:** `ValueError` when it is not positive.

    >>> 0.19 < SigmoidNoise().largest_variance < 0.2
    True
    """

    sharpness: float = 10.0

    def __check_init__(self):
        check_number("sharpness", self.sharpness, minimum=0.0, exclusive=True)

    def variance(self, t: Array) -> Float[Array, "..."]:
        def bump(t: Array) -> Array:
            # Symmetric about 1/2, so that rounding is the same at both ends.
            level = self.sharpness * (jnp.minimum(t, 1.0 - t) - 0.5)
            return jax.nn.sigmoid(level + 1.0) - jax.nn.sigmoid(level - 1.0)

        return jnp.square(bump(t) - bump(jnp.zeros_like(t)))


class NoNoise(AbstractLatentNoise):
    """`gamma = 0`: the interpolant without a latent variable. Its density may not be smooth, and it has no denoiser.

    >>> NoNoise().largest_variance
    0.0
    """

    def variance(self, t: Array) -> Float[Array, "..."]:
        return jnp.zeros_like(t)
