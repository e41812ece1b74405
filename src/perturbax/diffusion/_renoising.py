"""How a sampler mixes the noise that it predicted with fresh noise: a constant share, or DDIM's.

A step from `s` to `t` ends at `x_t = alpha_t x_0 + a e + b z` with the noise prediction `e`, fresh `z ~ N(0, I)`, and
`a^2 + b^2 = sigma_t^2`; a convention is the share of `b`.
"""

import abc
import math

import equinox as eqx

from ..core import check_number
from ._method import posterior_std
from ._trace import Node


class AbstractRenoising(eqx.Module):
    """A rule for the scales of old and fresh noise."""

    eta: eqx.AbstractVar[float]

    def __check_init__(self):
        check_number("eta", self.eta, minimum=0.0, maximum=1.0)

    @abc.abstractmethod
    def fresh(self, s: Node, t: Node) -> float:
        """The scale `b` of fresh noise at `t`."""

    def kept(self, s: Node, t: Node) -> float:
        """The scale `a` of the noise prediction at `t`."""
        return math.sqrt(max(t.sigma**2 - self.fresh(s, t) ** 2, 0.0))


class MixedNoise(AbstractRenoising):
    """`b = eta sigma_t`: the same share at every step, as in the published code.

    **Arguments:** `eta`: the share, in [0, 1].

    **Raises:** `ValueError` when it lies outside.

    Source: official code of Chung, Lee & Ye 2024 (`eta = 0.85`).

    >>> MixedNoise(0.5).eta
    0.5
    """

    eta: float = 0.85

    def fresh(self, s: Node, t: Node) -> float:
        return self.eta * float(t.sigma)


class AncestralNoise(AbstractRenoising):
    """`b = eta` times the standard deviation of `x_t` given `x_s` and `x_0`: DDIM's noise.

    **Arguments:** `eta`: the share of the ancestral noise, in [0, 1].

    **Raises:** `ValueError` when it lies outside.

    Source: Song, Meng & Ermon 2021, arXiv 2010.02502.

    >>> AncestralNoise().eta
    0.85
    """

    eta: float = 0.85

    def fresh(self, s: Node, t: Node) -> float:
        return self.eta * posterior_std(s, t)
