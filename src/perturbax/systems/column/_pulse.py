"""How a sample enters a column: the relative concentration `p(t)` at its inlet.

Every pulse is made of steps, `p(t) = sum_k w_k H(t - t_k)`, finitely many or as a quadrature of `dp`; a column whose
answer to one step is known answers the pulse by the same sum.
"""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import ndtr

from ...core import check_number

# Standard deviations of a Gaussian pulse that are kept on either side: 2e-8 of its height is left at the ends.
_REACH = 6.0


class AbstractPulse(eqx.Module):
    """A pulse of height 1 that begins at time 0."""

    @abc.abstractmethod
    def __call__(self, t: Any) -> Float[Array, "..."]:
        """The relative concentration at times in seconds."""

    @property
    @abc.abstractmethod
    def edges(self) -> tuple[float, ...]:
        """Times that a stepper must not step over, increasing; the pulse is in sight between the first and the last."""

    @property
    @abc.abstractmethod
    def moments(self) -> tuple[float, float, float]:
        """Area in seconds, mean and variance."""

    @abc.abstractmethod
    def steps(self, nodes: int) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """Times `t_k` and heights `w_k` of steps that add up to the pulse."""

    @abc.abstractmethod
    def transform(self, s: Any) -> Any:
        """`int exp(-s t) p(t) dt`."""

    @property
    def entire(self) -> bool:
        """Whether the transform has no pole, so that a contour may lie anywhere."""
        return True


class Rectangle(AbstractPulse):
    """All of the sample in a plug: 1 on `[0, width)`.

    **Arguments:** `width`: in seconds.

    **Raises:** `TypeError`, `ValueError` for a width that is not positive.

    >>> Rectangle(2.0)(np.array([1.0, 2.5])).tolist()
    [1.0, 0.0]
    """

    width: float

    def __check_init__(self):
        check_number("width", self.width, minimum=0.0, exclusive=True)

    def __call__(self, t: Any) -> Float[Array, "..."]:
        return jnp.where((t >= 0.0) & (t < self.width), 1.0, 0.0)

    @property
    def edges(self) -> tuple[float, ...]:
        return 0.0, self.width

    @property
    def moments(self) -> tuple[float, float, float]:
        return self.width, 0.5 * self.width, self.width**2 / 12.0

    def steps(self, nodes: int) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        return np.array([0.0, self.width]), np.array([1.0, -1.0])

    def transform(self, s: Any) -> Any:
        return -jnp.expm1(-self.width * s) / s


class Gaussian(AbstractPulse):
    """A smooth pulse, `exp(-(t - centre)^2 / (2 deviation^2))` with the centre at six standard deviations.

    **Arguments:** `deviation`: standard deviation in seconds.

    **Raises:** `TypeError`, `ValueError` for a deviation that is not positive.

    >>> Gaussian(0.5)(np.array([3.0])).tolist()
    [1.0]
    """

    deviation: float

    def __check_init__(self):
        check_number("deviation", self.deviation, minimum=0.0, exclusive=True)

    @property
    def centre(self) -> Any:
        """When it is highest, in seconds."""
        return _REACH * self.deviation

    def __call__(self, t: Any) -> Float[Array, "..."]:
        value = jnp.exp(-0.5 * ((t - self.centre) / self.deviation) ** 2)
        return jnp.where((t >= 0.0) & (t <= 2.0 * self.centre), value, 0.0)

    @property
    def edges(self) -> tuple[float, ...]:
        return 0.0, 2.0 * self.centre

    @property
    def moments(self) -> tuple[float, float, float]:
        share = 1.0 - 2.0 * float(ndtr(-_REACH))
        return float(np.sqrt(2.0 * np.pi)) * self.deviation * share, self.centre, self.deviation**2

    def steps(self, nodes: int) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        x, w = np.polynomial.legendre.leggauss(nodes)
        z = _REACH * x
        return self.centre + self.deviation * z, -_REACH * w * z * np.exp(-0.5 * z**2)

    def transform(self, s: Any) -> Any:
        scaled = self.deviation * s
        return jnp.sqrt(2.0 * jnp.pi) * self.deviation * jnp.exp(-self.centre * s + 0.5 * scaled**2)


class ExponentialTail(AbstractPulse):
    """A plug from a chamber that empties slowly: 1 on `[0, width)`, then `exp(-(t - width) / decay)`.

    **Arguments:** `width`, `decay`: in seconds.

    **Raises:** `TypeError`, `ValueError` for times that are not positive.

    >>> ExponentialTail(1.0, 0.5).moments[0]
    1.5
    """

    width: float
    decay: float

    def __check_init__(self):
        check_number("width", self.width, minimum=0.0, exclusive=True)
        check_number("decay", self.decay, minimum=0.0, exclusive=True)

    def __call__(self, t: Any) -> Float[Array, "..."]:
        tail = jnp.exp(-jnp.maximum(t - self.width, 0.0) / self.decay)
        return jnp.where(t >= 0.0, tail, 0.0)

    @property
    def edges(self) -> tuple[float, ...]:
        return 0.0, self.width, self.width + 3.0 * self.decay

    @property
    def moments(self) -> tuple[float, float, float]:
        w, d = self.width, self.decay
        area = w + d
        mean = (0.5 * w**2 + w * d + d**2) / area
        square = (w**3 / 3.0 + w**2 * d + 2.0 * w * d**2 + 2.0 * d**3) / area
        return area, mean, square - mean**2

    def steps(self, nodes: int) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        x, w = np.polynomial.laguerre.laggauss(nodes)
        return np.concatenate([[0.0], self.width + self.decay * x]), np.concatenate([[1.0], -w])

    def transform(self, s: Any) -> Any:
        return -jnp.expm1(-self.width * s) / s + jnp.exp(-self.width * s) / (s + 1.0 / self.decay)

    @property
    def entire(self) -> bool:
        return False
