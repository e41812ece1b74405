r"""Stationary kernels whose spectrum is a mixture, with all the derivatives that an equation asks for.

In one coordinate, with `z = x - x'`, weights `w`, frequencies `mu` (cycles for a unit of `x`) and an envelope `g`,

    k(z) = sum_q w_q g_q(z) cos(2 pi mu_q z),
    k^(n)(z) = sum_q w_q sum_j C(n, j) g_q^(j)(z) m_q^(n-j) cos(m_q z + (n - j) pi / 2),    m_q = 2 pi mu_q.

A Gaussian spectrum has the envelope `exp(-s z^2)`, whose derivatives follow `g^(j+1) = -2 s (z g^(j) + j g^(j-1))`. A
Student-t spectrum has that of Matern 5/2, `(1 + a |z| + a^2 z^2 / 3) exp(-a |z|)` with `a = sqrt(5) s`. Its derivatives
are in closed form too: those of `|z|` at 0 are nothing to leave to differentiation.
"""

import abc
import functools
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_integer, check_number


class Mixture(eqx.Module):
    """The parameters of a kernel in one coordinate.

    - `log_weights`, `log_scales`: logarithms of `w` and `s`; `frequencies`: `mu`.
    """

    log_weights: Float[Array, " components"]
    log_scales: Float[Array, " components"]
    frequencies: Float[Array, " components"]


class AbstractSpectralKernel(eqx.Module):
    """A kernel of `GPHM`: an envelope, and how its mixture starts. `order` is of the highest derivative that it has,
    `None` when it has all."""

    order: eqx.AbstractVar[int | None]

    @abc.abstractmethod
    def start(self, key: Any) -> Mixture:
        """The first parameters in one coordinate."""

    @abc.abstractmethod
    def envelope(self, s: Float[Array, " q"], z: Float[Array, "*n 1"], order: int) -> list[Float[Array, "*n q"]]:
        """The derivatives of the envelopes up to an order, at distances."""


class AbstractMixtureKernel(AbstractSpectralKernel):
    """A kernel with many components; its fields are `components`, `frequency` and `perturbation`."""

    def __check_init__(self):
        kernel: Any = self
        check_integer("components", kernel.components, minimum=1)
        check_number("frequency", kernel.frequency, minimum=0.0, exclusive=True)
        check_number("perturbation", kernel.perturbation, minimum=0.0)

    def start(self, key: Any) -> Mixture:
        kernel: Any = self
        count = kernel.components
        moved = 1.0 + kernel.perturbation * jax.random.uniform(key, (count,), minval=-1.0)
        return Mixture(jnp.full(count, -math.log(count)), jnp.zeros(count), _even(count) * kernel.frequency * moved)


class AbstractSingleKernel(AbstractSpectralKernel):
    """A kernel with one component at frequency 0, where the derivative by the frequency is 0: it stays there."""

    def start(self, key: Any) -> Mixture:
        return Mixture(jnp.zeros(1), jnp.zeros(1), jnp.zeros(1))


class SpectralMixture(AbstractMixtureKernel):
    r"""$\sum_q w_q e^{-s_q z^2} \cos 2 \pi \mu_q z$: the spectrum is a mixture of Gaussians.

    **Arguments:**

    - `components`: how many.
    - `frequency`: the largest one at the start, in cycles for a unit of length; the others are spaced evenly from 0.
    - `perturbation`: by which part of themselves the first frequencies are moved at random.

    Source: Wilson & Adams 2013 (arXiv 1302.4245); Fang et al. 2024 (arXiv 2311.04465).

    >>> SpectralMixture(components=10).frequency
    20.0
    """

    components: int = 30
    frequency: float = 20.0
    perturbation: float = 0.0
    order: int | None = eqx.field(default=None, init=False)

    def envelope(self, s: Float[Array, " q"], z: Float[Array, "*n 1"], order: int) -> list[Float[Array, "*n q"]]:
        return _gaussian(s, z, order)


class StudentMixture(AbstractMixtureKernel):
    r"""$\sum_q w_q M_{5/2}(s_q z) \cos 2 \pi \mu_q z$: the spectrum is a mixture of Student's t distributions.

    **Arguments:** those of `SpectralMixture`: `components`, `frequency`, `perturbation`.

    Source: Fang et al. 2024 (arXiv 2311.04465).

    >>> StudentMixture().order
    4
    """

    components: int = 30
    frequency: float = 20.0
    perturbation: float = 0.0
    order: int | None = eqx.field(default=4, init=False)

    def envelope(self, s: Float[Array, " q"], z: Float[Array, "*n 1"], order: int) -> list[Float[Array, "*n q"]]:
        return _matern(s, z, order)


class SquaredExponential(AbstractSingleKernel):
    r"""$w e^{-s z^2}$: the kernel of a common Gaussian process, which knows low frequencies.

    >>> SquaredExponential().start(jax.random.key(0)).frequencies.item()
    0.0
    """

    order: int | None = eqx.field(default=None, init=False)

    def envelope(self, s: Float[Array, " q"], z: Float[Array, "*n 1"], order: int) -> list[Float[Array, "*n q"]]:
        return _gaussian(s, z, order)


class Matern52(AbstractSingleKernel):
    r"""$w (1 + a|z| + a^2 z^2 / 3) e^{-a|z|}$ with $a = \sqrt5 s$.

    >>> Matern52().order
    4
    """

    order: int | None = eqx.field(default=4, init=False)

    def envelope(self, s: Float[Array, " q"], z: Float[Array, "*n 1"], order: int) -> list[Float[Array, "*n q"]]:
        return _matern(s, z, order)


def kernel_derivatives(
    kernel: AbstractSpectralKernel, mixture: Mixture, z: Float[Array, "*n"], order: int
) -> list[Float[Array, "*n"]]:
    """The derivatives of a kernel by its first argument at the distances `x - x'`, from the kernel itself up to an
    order."""
    z = z[..., None]
    weights, m = jnp.exp(mixture.log_weights), 2.0 * jnp.pi * mixture.frequencies
    g = kernel.envelope(jnp.exp(mixture.log_scales), z, order)
    cosine, sine = jnp.cos(m * z), jnp.sin(m * z)
    # The derivatives of the cosine, which repeat after four.
    waves = (cosine, -sine, -cosine, sine)
    return [_leibniz(n, g, waves, m) @ weights for n in range(order + 1)]


def _leibniz(n: int, g: list[Array], waves: tuple[Array, ...], m: Array) -> Array:
    """The derivative of order `n` of envelopes times cosines."""
    terms = [math.comb(n, j) * g[j] * waves[(n - j) % 4] * m ** (n - j) for j in range(n + 1)]
    return functools.reduce(jnp.add, terms)


def _even(count: int) -> Array:
    return jnp.linspace(0.0, 1.0, count) if count > 1 else jnp.ones(1)


def _gaussian(s: Array, z: Array, order: int) -> list[Array]:
    found = [jnp.exp(-s * jnp.square(z))]
    for j in range(order):
        before = found[j - 1] * j if j else 0.0
        found.append(-2.0 * s * (z * found[j] + before))
    return found


def _matern(s: Array, z: Array, order: int) -> list[Array]:
    a = math.sqrt(5.0) * s
    y = a * jnp.abs(z)
    decay = jnp.exp(-y)
    third = jnp.square(a) / 3.0
    every = (
        (1.0 + y + jnp.square(y) / 3.0) * decay,
        -third * z * (1.0 + y) * decay,
        -third * (1.0 + y - jnp.square(y)) * decay,
        third * jnp.square(a) * z * (3.0 - y) * decay,
        third * jnp.square(a) * (3.0 - 5.0 * y + jnp.square(y)) * decay,
    )
    return list(every[: order + 1])
