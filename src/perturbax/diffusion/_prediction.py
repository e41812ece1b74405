"""What a network predicts, and the linear maps from its output to the data and noise predictions.

With `x = alpha x_0 + sigma e` every prediction type is a linear combination of `x_0` and `e`, so both can be read off
`x` and the output `y`: `x_0 = a x + b y` and `e = c x + d y`. A prediction type is the two pairs `(a, b)` and `(c, d)`.
"""

import abc
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ..core import check_choice
from ._process import AbstractProcess

Scalar = float | np.floating | Float[np.ndarray, "..."] | Float[Array, "..."]
Pair = tuple[Scalar, Scalar]


class AbstractPrediction(eqx.Module):
    """The type of a network's output."""

    @abc.abstractmethod
    def data(self, alpha: Scalar, sigma: Scalar) -> Pair:
        """`(a, b)` of `x_0 = a x + b y`."""

    @abc.abstractmethod
    def noise(self, alpha: Scalar, sigma: Scalar) -> Pair:
        """`(c, d)` of `e = c x + d y`."""

    @abc.abstractmethod
    def target(self, x_0: Any, noise: Any, alpha: Scalar, sigma: Scalar) -> Any:
        """The output `y` that is right for `x = alpha x_0 + sigma e`: what a network is trained to say."""

    def check(self, process: AbstractProcess) -> None:
        """Raise `ValueError` when the type has no meaning for the process."""
        times = np.linspace(process.t_min, process.t_max, 7)
        self.check_scales(np.asarray(process.alpha(times)), np.asarray(process.sigma(times)), type(process).__name__)

    def check_scales(self, alpha: np.ndarray, sigma: np.ndarray, owner: str) -> None:
        """Raise `ValueError` when the type has no meaning at the given scales, which belong to `owner`."""


class Epsilon(AbstractPrediction):
    """The noise `e` itself. Also known as "epsilon" or noise prediction (Ho et al. 2020).

    >>> Epsilon().noise(0.6, 0.8)
    (0.0, 1.0)
    """

    def data(self, alpha: Scalar, sigma: Scalar) -> Pair:
        return 1.0 / alpha, -sigma / alpha

    def noise(self, alpha: Scalar, sigma: Scalar) -> Pair:
        return 0.0 * sigma, 0.0 * sigma + 1.0

    def target(self, x_0: Any, noise: Any, alpha: Scalar, sigma: Scalar) -> Any:
        return noise


class Data(AbstractPrediction):
    """The clean data `x_0`. Also known as "sample", `x_0` or denoiser prediction (Karras et al. 2022).

    >>> Data().data(0.6, 0.8)
    (0.0, 1.0)
    """

    def data(self, alpha: Scalar, sigma: Scalar) -> Pair:
        return 0.0 * sigma, 0.0 * sigma + 1.0

    def noise(self, alpha: Scalar, sigma: Scalar) -> Pair:
        return 1.0 / sigma, -alpha / sigma

    def target(self, x_0: Any, noise: Any, alpha: Scalar, sigma: Scalar) -> Any:
        return x_0


class Velocity(AbstractPrediction):
    """`v = alpha e - sigma x_0`, for variance-preserving processes only (Salimans & Ho 2022, section 4).

    >>> Velocity().data(0.6, 0.8)
    (0.6, -0.8)
    """

    def data(self, alpha: Scalar, sigma: Scalar) -> Pair:
        return alpha, -sigma

    def noise(self, alpha: Scalar, sigma: Scalar) -> Pair:
        return sigma, alpha

    def target(self, x_0: Any, noise: Any, alpha: Scalar, sigma: Scalar) -> Any:
        return alpha * noise - sigma * x_0

    def check_scales(self, alpha: np.ndarray, sigma: np.ndarray, owner: str) -> None:
        if not np.allclose(alpha**2 + sigma**2, 1.0, atol=1e-5):
            raise ValueError(
                f"prediction Velocity() needs alpha^2 + sigma^2 = 1, which {owner} does not satisfy; "
                "use Data(), Epsilon() or Score()"
            )


class Score(AbstractPrediction):
    """The score `grad log p_t(x) = -e / sigma` (Song et al. 2021).

    >>> Score().noise(0.6, 0.8)
    (0.0, -0.8)
    """

    def data(self, alpha: Scalar, sigma: Scalar) -> Pair:
        return 1.0 / alpha, sigma**2 / alpha

    def noise(self, alpha: Scalar, sigma: Scalar) -> Pair:
        return 0.0 * sigma, -sigma

    def target(self, x_0: Any, noise: Any, alpha: Scalar, sigma: Scalar) -> Any:
        return -noise / sigma


class Flow(AbstractPrediction):
    """The velocity `u = e - x_0` of straight paths, for `alpha + sigma = 1` only (Lipman et al. 2023).

    >>> Flow().data(0.25, 0.75)
    (1.0, -0.75)
    """

    def data(self, alpha: Scalar, sigma: Scalar) -> Pair:
        return 0.0 * sigma + 1.0, -sigma

    def noise(self, alpha: Scalar, sigma: Scalar) -> Pair:
        return 0.0 * sigma + 1.0, alpha

    def target(self, x_0: Any, noise: Any, alpha: Scalar, sigma: Scalar) -> Any:
        return noise - x_0

    def check_scales(self, alpha: np.ndarray, sigma: np.ndarray, owner: str) -> None:
        if not np.allclose(alpha + sigma, 1.0, atol=1e-5):
            raise ValueError(
                f"prediction Flow() needs alpha + sigma = 1, which {owner} does not satisfy; "
                "use FlowMatching() or another prediction"
            )


_DIFFUSERS_NAMES: dict[str, AbstractPrediction] = {
    "epsilon": Epsilon(),
    "sample": Data(),
    "v_prediction": Velocity(),
    "flow_prediction": Flow(),
}


def prediction_named(name: str) -> AbstractPrediction:
    """The prediction type that diffusers calls `name` in its `prediction_type`.

    **Raises:** `ValueError` for another name.

    >>> prediction_named("sample")
    Data()
    """
    return _DIFFUSERS_NAMES[check_choice("prediction_type", name, tuple(_DIFFUSERS_NAMES))]
