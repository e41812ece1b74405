r"""The heat equation on the unit square, step by step as linear systems.

    u_t = k(t) Lap u + f(t, x),    u = 0 on the boundary

On the grid of `(n - 1)^2` inner points with the mesh width `h = 1 / n`, the five-point matrix `P` (`-h^2 Lap`) and
`s = k(t + dt / 2) dt / (2 h^2)`, the step of Crank and Nicolson is

    (I + s P) u' = (I - s P) u + dt f(t + dt / 2)

and is stated here divided by `s`, so that all systems are shifts of one matrix: `(P + I / s) u' = ...`.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_integer, check_number
from ..linalg import LinearSystem, Poisson, Shifted


def bump(x: Any, y: Any, center: tuple[Any, Any], radius: float | int) -> Float[Array, "..."]:
    """`exp(1 - 1 / (1 - r^2 / radius^2))` within a radius of a centre, 0 outside; smooth.

    >>> bump(jnp.array([0.5, 0.9]), 0.5, (0.5, 0.5), 0.25).tolist()
    [1.0, 0.0]
    """
    square = ((x - center[0]) ** 2 + (y - center[1]) ** 2) / radius**2
    inside = square < 1.0
    return jnp.where(inside, jnp.exp(1.0 - 1.0 / jnp.where(inside, 1.0 - square, 1.0)), 0.0)


def alternating_diffusivity(t: Any) -> Float[Array, "..."]:
    """`max(0.1 sin 2 pi t, -10 sin 2 pi t)`: weak in one half of a period, strong in the other."""
    sine = jnp.sin(2.0 * jnp.pi * t)
    return jnp.maximum(0.1 * sine, -10.0 * sine)


def circling_source(t: Any, x: Any, y: Any) -> Float[Array, "..."]:
    """A bump of height 32 that runs eight times around the centre in a unit of time."""
    angle = 16.0 * jnp.pi * t
    return 32.0 * bump(x, y, (0.5 + jnp.cos(angle) / 4.0, 0.5 + jnp.sin(angle) / 4.0), 0.125)


def central_bump(x: Any, y: Any) -> Float[Array, "..."]:
    """A bump in the middle of the square."""
    return bump(x, y, (0.5, 0.5), 0.25)


class Heat2D(eqx.Module):
    """A simulation whose systems differ by one number. By default that of Khodak et al., whose diffusivity alternates.

    **Arguments:** `cells`: number `n` of mesh widths along a side; `dt`: time step; `diffusivity`: `k(t) > 0`;
    `source`: `f(t, x, y)`; `initial`: `u(x, y)` at time 0. The functions are traceable and take arrays.

    **Raises:** `TypeError`, `ValueError` for numbers out of range or functions that are none.

    Source: Khodak et al. 2024, arXiv 2310.02246.

    >>> heat = Heat2D(cells=8)
    >>> heat.start().shape, heat.system(0, heat.start()).b.shape
    ((7, 7), (7, 7))
    """

    cells: int = 25
    dt: float = 1e-3
    diffusivity: Callable[[Any], Any] = alternating_diffusivity
    source: Callable[[Any, Any, Any], Any] = circling_source
    initial: Callable[[Any, Any], Any] = central_bump

    def __check_init__(self):
        check_integer("cells", self.cells, minimum=2)
        check_number("dt", self.dt, minimum=0.0, exclusive=True)
        for name in ("diffusivity", "source", "initial"):
            if not callable(getattr(self, name)):
                raise TypeError(f"{name} must be a function, got {type(getattr(self, name)).__name__}")

    def start(self) -> Float[Array, "n n"]:
        """The temperature at time 0 in the inner points."""
        return self.initial(*self._points())

    def context(self, t: Any) -> Float[Array, "..."]:
        """The diffusivity in the middle of step `t`, which counts from 0: what tells its system from others."""
        return self.diffusivity((jnp.asarray(t) + 0.5) * self.dt)

    def system(self, t: Any, u: Float[Array, "n n"]) -> LinearSystem:
        """The system of step `t` from the temperature `u`, with `u` as start of the solver."""
        size = self.cells - 1
        stencil = Poisson(np.ones((size, size), bool), open_sides=True)
        s = 0.5 * self.context(t) * self.dt * self.cells**2
        f = self.source((jnp.asarray(t) + 0.5) * self.dt, *self._points())
        return LinearSystem(Shifted(stencil, 1.0 / s), (u + self.dt * f) / s - stencil(u), x0=u)

    def _points(self) -> tuple[Array, Array]:
        inner = jnp.arange(1, self.cells) / self.cells
        return inner[:, None], inner[None, :]
