r"""Paths of stochastic interpolants: `x_t = alpha(t) x_0 + beta(t) x_1 + gamma(t) z` with a standard normal `z`.

Two-sided paths go from `x_0` at 0 to `x_1` at 1, and `gamma` vanishes at both. On one-sided ones the noise is the
start, `(alpha, beta, gamma)(0) = (0, 0, 1)`, and mirrors go from `x_1` to itself, `(0, 1, 0)`. All of them are known by
`alpha`, `beta` and `gamma^2`, so that one set of formulas serves; derivatives are exact, by forward differentiation.
"""

import abc
import math
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_instance
from ._latent import AbstractLatentNoise, BridgeNoise, NoNoise, SineNoise


class Coefficients(NamedTuple):
    """`alpha`, `beta` and `gamma^2` at a time, or their rates of change, each of the shape of the time."""

    alpha: Float[Array, "..."]
    beta: Float[Array, "..."]
    variance: Float[Array, "..."]


class AbstractPath(eqx.Module):
    """A path, by its coefficients.

    - `two_sided`: `x_0` is part of it; else a coupling for it has `x0=None`.
    - `one_sided`: the noise is its start, so that the denoiser follows from the velocity and the other way round.
    - `rough`: `gamma'` is infinite at an end.
    """

    two_sided: ClassVar[bool] = True
    one_sided: ClassVar[bool] = False

    @property
    def rough(self) -> bool:
        return False

    @abc.abstractmethod
    def coefficients(self, t: Array) -> Coefficients:
        """`alpha`, `beta` and `gamma^2` at times of any shape."""

    @property
    def noisy(self) -> bool:
        """Whether there is noise between the ends."""
        return self.variance_at(0.5) > 0.0

    def variance_at(self, t: float) -> float:
        """`gamma(t)^2` as a number, also inside of `jit`."""
        with jax.ensure_compile_time_eval():
            return float(self.coefficients(jnp.asarray(t)).variance)

    def rates(self, t: Array) -> Coefficients:
        """`alpha'`, `beta'` and `(gamma^2)' = 2 gamma gamma'`."""
        return jax.jvp(self.coefficients, (t,), (jnp.ones_like(t),))[1]

    def gamma(self, t: Array) -> Float[Array, "..."]:
        """The standard deviation of the noise."""
        return jnp.sqrt(self.coefficients(t).variance)

    def state(self, t: Array, x0: Array, x1: Array, z: Array) -> Float[Array, "*batch d"]:
        """`x_t`, for a scalar time or one per point."""
        at = self.coefficients(t)
        return _scaled(at.alpha, x0) + _scaled(at.beta, x1) + _scaled(jnp.sqrt(at.variance), z)

    def data_velocity(self, t: Array, x0: Array, x1: Array) -> Float[Array, "*batch d"]:
        """`alpha' x_0 + beta' x_1`."""
        rate = self.rates(t)
        return _scaled(rate.alpha, x0) + _scaled(rate.beta, x1)

    def gamma_rate(self, t: Array) -> Float[Array, "..."]:
        """`gamma'`, infinite where the path is rough; 0 without noise."""
        gamma = self.gamma(t)
        return jnp.where(gamma > 0.0, 0.5 * self.rates(t).variance / jnp.where(gamma > 0.0, gamma, 1.0), 0.0)


class LinearPath(AbstractPath):
    """`x_t = (1 - t) x_0 + t x_1 + gamma(t) z`.

    **Arguments:** `noise`: `BridgeNoise(scale)`, `ParabolicNoise()`, `SineNoise()`, `SigmoidNoise(sharpness)` or
    `NoNoise()`.

    **Raises:** `TypeError` for anything else.

    >>> [float(c) for c in LinearPath().coefficients(jnp.asarray(0.5))]
    [0.5, 0.5, 0.25]
    """

    noise: AbstractLatentNoise = BridgeNoise()

    def __check_init__(self):
        _check_noise(self.noise)

    @property
    def rough(self) -> bool:
        return self.noise.rough

    def coefficients(self, t: Array) -> Coefficients:
        return Coefficients(1.0 - t, t, self.noise.variance(t))


class TrigonometricPath(AbstractPath):
    """`x_t = sqrt(1 - gamma^2) (cos(pi t / 2) x_0 + sin(pi t / 2) x_1) + gamma z`: between ends of unit variance the
    variance stays 1.

    **Arguments:** `noise`: with `gamma < 1`, or `SineNoise()`.

    **Raises:** `TypeError` for no noise, `ValueError` when its `gamma` reaches 1.

    >>> [round(float(c), 3) for c in TrigonometricPath(NoNoise()).coefficients(jnp.asarray(0.5))]
    [0.707, 0.707, 0.0]
    """

    noise: AbstractLatentNoise = BridgeNoise()

    def __check_init__(self):
        _check_noise(self.noise)
        if self.noise.largest_variance >= 1.0 and not isinstance(self.noise, SineNoise):
            raise ValueError(
                "noise must have gamma < 1 on a TrigonometricPath, got "
                f"{self.noise.largest_variance**0.5:.3g} at t = 1/2"
            )

    @property
    def rough(self) -> bool:
        return self.noise.rough

    def coefficients(self, t: Array) -> Coefficients:
        left = self.noise.complement(t)
        # cos(pi / 2) is no zero of float32.
        return Coefficients(
            left * jnp.sin(0.5 * math.pi * (1.0 - t)), left * jnp.sin(0.5 * math.pi * t), self.noise.variance(t)
        )


class EncodingDecodingPath(AbstractPath):
    """`x_t = cos^2(pi t) x_0 + sin^2(pi t) z` up to `t = 1/2`, and then the same with `x_1`: all passes through noise.

    >>> [round(float(c), 3) for c in EncodingDecodingPath().coefficients(jnp.asarray(0.25))]
    [0.5, 0.0, 0.25]
    """

    def coefficients(self, t: Array) -> Coefficients:
        share = jnp.square(jnp.cos(math.pi * t))
        zero = jnp.zeros_like(share)
        return Coefficients(jnp.where(t <= 0.5, share, zero), jnp.where(t > 0.5, share, zero), SineNoise().variance(t))


class AbstractOneSidedPath(AbstractPath):
    """A path from noise: `x_t = beta(t) x_1 + gamma(t) z` with `gamma(0) = 1`."""

    two_sided: ClassVar[bool] = False
    one_sided: ClassVar[bool] = True


class OneSidedLinearPath(AbstractOneSidedPath):
    """`x_t = t x_1 + (1 - t) z`, the path of flow matching and rectified flow from noise.

    >>> [float(c) for c in OneSidedLinearPath().coefficients(jnp.asarray(0.5))]
    [0.0, 0.5, 0.25]
    """

    def coefficients(self, t: Array) -> Coefficients:
        return Coefficients(jnp.zeros_like(t), t, jnp.square(1.0 - t))


class OneSidedTrigonometricPath(AbstractOneSidedPath):
    """`x_t = sin(pi t / 2) x_1 + cos(pi t / 2) z`.

    >>> [round(float(c), 3) for c in OneSidedTrigonometricPath().coefficients(jnp.asarray(0.5))]
    [0.0, 0.707, 0.5]
    """

    def coefficients(self, t: Array) -> Coefficients:
        left = jnp.sin(0.5 * math.pi * (1.0 - t))
        return Coefficients(jnp.zeros_like(t), jnp.sin(0.5 * math.pi * t), jnp.square(left))


class VariancePreservingPath(AbstractOneSidedPath):
    """`x_t = t x_1 + sqrt(1 - t^2) z`: the variance-preserving diffusion in another time.

    >>> [float(c) for c in VariancePreservingPath().coefficients(jnp.asarray(0.5))]
    [0.0, 0.5, 0.75]
    """

    @property
    def rough(self) -> bool:
        return True

    def coefficients(self, t: Array) -> Coefficients:
        return Coefficients(jnp.zeros_like(t), t, (1.0 - t) * (1.0 + t))


class MirrorPath(AbstractPath):
    """`x_t = x_1 + gamma(t) z`: a distribution carried to itself, to draw new points near given ones.

    **Arguments:** `noise`: any but `NoNoise()`.

    **Raises:** `TypeError` or `ValueError` for anything else.

    >>> [float(c) for c in MirrorPath().coefficients(jnp.asarray(0.5))]
    [0.0, 1.0, 0.25]
    """

    noise: AbstractLatentNoise = BridgeNoise()

    two_sided: ClassVar[bool] = False

    def __check_init__(self):
        _check_noise(self.noise)
        if isinstance(self.noise, NoNoise):
            raise ValueError("noise of a MirrorPath must not be NoNoise(): nothing would move")

    @property
    def rough(self) -> bool:
        return self.noise.rough

    def coefficients(self, t: Array) -> Coefficients:
        return Coefficients(jnp.zeros_like(t), jnp.ones_like(t), self.noise.variance(t))


# Coefficients at 0, by what the path starts from; all end at x_1.
_STARTS = {"x0": (1.0, 0.0, 0.0), "noise": (0.0, 0.0, 1.0), "x1": (0.0, 1.0, 0.0)}


def check_path(path: Any) -> AbstractPath:
    """Refuse a path that does not join what it should.

    **Raises:** `TypeError` for anything else; `ValueError` when its coefficients at the ends are wrong, or its variance
    is negative or not finite.
    """
    check_instance("path", path, AbstractPath, "a path such as LinearPath()")
    values = np.stack([np.asarray(c) for c in path.coefficients(jnp.linspace(0.0, 1.0, 101))], axis=1)
    if not np.isfinite(values).all() or values[:, 2].min() < 0.0:
        raise ValueError("path must have finite coefficients and gamma^2 >= 0 for t in [0, 1]")
    start = _STARTS["x0" if path.two_sided else "noise" if path.one_sided else "x1"]
    for t, found, wanted in ((0, values[0], start), (1, values[-1], (0.0, 1.0, 0.0))):
        if np.abs(found - wanted).max() > 1e-5:
            shown = ", ".join(f"{value:.3g}" for value in found)
            raise ValueError(
                f"path must have (alpha, beta, gamma^2) = {tuple(map(float, wanted))} at t = {t}, got ({shown})"
            )
    return path


def _scaled(factor: Array, x: Array) -> Array:
    return factor[..., None] * x if factor.ndim else factor * x


def _check_noise(noise: Any) -> None:
    check_instance("noise", noise, AbstractLatentNoise, "a latent noise such as BridgeNoise()")
