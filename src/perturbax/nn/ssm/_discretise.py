"""From continuous to discrete time: `x' = lambda x + b u` becomes `x_l = a x_{l-1} + g b u_l`."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Complex


class AbstractDiscretisation(eqx.Module):
    """A rule for steps of length `dt`."""

    @abc.abstractmethod
    def __call__(self, values: Any, dt: Any) -> tuple[Complex[Array, "..."], Complex[Array, "..."]]:
        """`log a`, with which powers of `a` need no products, and `g`."""


class ZOH(AbstractDiscretisation):
    """Zero-order hold, exact for an input that is constant in each step.

    `a = exp(dt lambda)`, `g = (a - 1) / lambda`.

    >>> log_a, g = ZOH()(jnp.array([-1.0 + 0.0j]), 0.5)
    >>> round(float(g[0].real), 4)
    0.3935
    """

    def __call__(self, values: Any, dt: Any) -> tuple[Complex[Array, "..."], Complex[Array, "..."]]:
        return dt * values, jnp.expm1(dt * values) / values


class Bilinear(AbstractDiscretisation):
    """The bilinear rule, also known as Tustin's: of second order, and the one that S4's kernel is derived for.

    `a = (1 + dt lambda / 2) / (1 - dt lambda / 2)`, `g = dt / (1 - dt lambda / 2)`.

    >>> log_a, g = Bilinear()(jnp.array([-1.0 + 0.0j]), 0.5)
    >>> round(float(g[0].real), 4)
    0.4
    """

    def __call__(self, values: Any, dt: Any) -> tuple[Complex[Array, "..."], Complex[Array, "..."]]:
        half = 0.5 * dt * values
        return jnp.log((1.0 + half) / (1.0 - half)), dt / (1.0 - half)
