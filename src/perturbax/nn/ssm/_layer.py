"""What state-space layers share: parameters that stay stable, convolution by FFT, and the associative scan.

Complex parameters are kept as pairs of real numbers in a last axis: optimisers of real numbers apply as they are.
"""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from ...core import check_number


class Spectrum(eqx.Module):
    """Eigenvalues `-exp(log_decay) + i frequency`: no step of an optimiser can make a mode grow."""

    log_decay: Float[Array, "*shape"]
    frequency: Float[Array, "*shape"]

    def __init__(self, values: Any):
        self.log_decay = jnp.log(-as_jax(np.real(values)))
        self.frequency = as_jax(np.imag(values))

    @property
    def values(self) -> Complex[Array, "*shape"]:
        """The eigenvalues."""
        return jax.lax.complex(-jnp.exp(self.log_decay), self.frequency)


class AbstractSSM(eqx.Module):
    """A layer from sequences to sequences of the same shape `(..., length, width)`.

    It is called on a whole sequence, or fed step by step: `y, state = layer.step(state, u)` from `layer.start()`.
    """

    spectrum: eqx.AbstractVar[Spectrum]
    B: eqx.AbstractVar[Any]
    C: eqx.AbstractVar[Any]
    D: eqx.AbstractVar[Any]
    log_dt: eqx.AbstractVar[Any]

    @abc.abstractmethod
    def __call__(self, u: Float[Array, "*batch length width"]) -> Float[Array, "*batch length width"]:
        """The output at all steps."""

    @abc.abstractmethod
    def start(self) -> Complex[Array, "..."]:
        """The state before the first step: zeros."""

    @abc.abstractmethod
    def step(self, state: Any, u: Float[Array, " width"]) -> tuple[Float[Array, " width"], Complex[Array, "..."]]:
        """The output and the state after one more step of the input."""

    @abc.abstractmethod
    def transfer(self, s: Complex[Array, " frequencies"]) -> Complex[Array, "..."]:
        """`G(s)` of the continuous system without `D`."""


def as_jax(x: Any) -> Array:
    """A host array in the precision in force, cast on the host."""
    x = np.asarray(x)
    return jnp.asarray(x.astype(jax.dtypes.canonicalize_dtype(x.dtype)))


def as_pair(z: Any) -> Float[Array, "*shape 2"]:
    """Real and imaginary parts in a last axis."""
    z = np.asarray(z)
    return as_jax(np.stack([z.real, z.imag], -1))


def as_complex(pair: Float[Array, "*shape 2"]) -> Complex[Array, "*shape"]:
    """The inverse of `as_pair`."""
    return jax.lax.complex(pair[..., 0], pair[..., 1])


def draw_log_dt(key: PRNGKeyArray, dt: Any, shape: tuple[int, ...]) -> Float[Array, "*shape"]:
    """Steps log-uniform between two ends, which may be equal."""
    low, high = dt
    low = check_number("dt[0]", low, minimum=0.0, exclusive=True)
    high = check_number("dt[1]", high, minimum=low)
    return jnp.log(low) + jax.random.uniform(key, shape) * jnp.log(high / low)


def impulse_response(
    log_a: Complex[Array, "width modes"], weights: Complex[Array, "width modes"], length: int
) -> Float[Array, "width length"]:
    """`2 Re sum_n weights_n a_n^l` for `l < length`.

    With `l = m q + r` and `m` about the root of the length, `a^l = a^(m q) a^r`: a matrix product of `2 m` powers each
    in the place of `length` of them.
    """
    m = math.isqrt(length - 1) + 1
    inner = jnp.exp(log_a[..., None] * jnp.arange(m))
    outer = weights[..., None] * jnp.exp(log_a[..., None] * (m * jnp.arange(-(-length // m))))
    real = jnp.concatenate([outer.real, -outer.imag], axis=1), jnp.concatenate([inner.real, inner.imag], axis=1)
    return 2.0 * jnp.einsum("hnq,hnr->hqr", *real).reshape(log_a.shape[0], -1)[:, :length]


def convolve(u: Float[Array, "*batch length width"], kernel: Float[Array, "width length"]) -> Array:
    """The causal convolution of every channel with its kernel, by FFT over twice the length."""
    length = u.shape[-2]
    u = jnp.swapaxes(u, -1, -2)
    product = jnp.fft.rfft(u, 2 * length) * jnp.fft.rfft(kernel, 2 * length)
    return jnp.swapaxes(jnp.fft.irfft(product, 2 * length)[..., :length], -1, -2)


def linear_scan(a: Complex[Array, "length *state"], b: Complex[Array, "length *state"]) -> Array:
    """`x_l = a_l x_{l-1} + b_l` from `x_{-1} = 0`, in logarithmic depth."""

    def join(first: Any, second: Any) -> Any:
        return first[0] * second[0], second[0] * first[1] + second[1]

    return jax.lax.associative_scan(join, (a, b))[1]
