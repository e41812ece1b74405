"""How concentrations at the faces between cells are taken from the cells' means, and the systems that this leads to.

    c_{i-1/2} = w_2 c_{i-2} + w_1 c_{i-1} + w_0 c_i

Beyond the ends of the column the means go on in a straight line: through the concentration of the inlet, and without
dispersion at the outlet.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class AbstractScheme(eqx.Module):
    """Weights of the concentration at a face."""

    @property
    @abc.abstractmethod
    def weights(self) -> tuple[float, float, float]:
        """`w_2, w_1, w_0`: of the second and the first cell upstream of the face, and of that downstream."""

    @property
    def outlet_weights(self) -> tuple[float, float]:
        """Of the last cell but one and of the last one, for the concentration at the outlet."""
        return -0.5, 1.5

    def outlet(self, c: Any) -> Any:
        """The concentration at the outlet, from cells on the first axis."""
        before, last = self.outlet_weights
        return before * c[-2] + last * c[-1]


class Upwind(AbstractScheme):
    """The cell upstream. First order: the error is a dispersion of `u dx / 2`."""

    @property
    def weights(self) -> tuple[float, float, float]:
        return 0.0, 1.0, 0.0

    @property
    def outlet_weights(self) -> tuple[float, float]:
        return 0.0, 1.0


class Central(AbstractScheme):
    """The mean of both cells. Second order."""

    @property
    def weights(self) -> tuple[float, float, float]:
        return 0.0, 0.5, 0.5


class UpwindBiased(AbstractScheme):
    """A parabola through two cells upstream and one downstream. Third order for smooth concentrations."""

    @property
    def weights(self) -> tuple[float, float, float]:
        return -1.0 / 6.0, 5.0 / 6.0, 1.0 / 3.0


class Bands(eqx.Module):
    """A matrix with two bands below the diagonal and one above, cells on the first axis, and what the inlet adds.

    `second[i] x[i-2] + first[i] x[i-1] + diagonal[i] x[i] + above[i] x[i+1]`, and `inlet` times its concentration in
    the first two cells.
    """

    second: Float[Array, "cells m"]
    first: Float[Array, "cells m"]
    diagonal: Float[Array, "cells m"]
    above: Float[Array, "cells m"]
    inlet: Float[Array, "cells m"]


def transport(
    scheme: AbstractScheme, speed: Float[Array, " faces"], dispersion: Float[Array, " m"], dx: Any, dispersive: Any
) -> Bands:
    """`d(u c)/dx - D d2c/dx2` of cells of the width `dx`, with the speed at their faces.

    `dispersive` is 1 where the concentration at the inlet is given and 0 where the flux is.
    """
    w_2, w_1, w_0 = scheme.weights
    before, last = scheme.outlet_weights
    u = jnp.broadcast_to(speed[:, None] / dx, (speed.shape[0], dispersion.shape[0]))
    spread = dispersion / dx**2
    # The flux through face i by the cells i - 2, i - 1 and i, and by the inlet. The mean before the first cell is
    # 2 c(0) - c_0.
    second = (w_2 * u).at[:2].set(0.0).at[-1].set(before * u[-1])
    first = (w_1 * u + spread).at[0].set(0.0).at[1].add(-w_2 * u[1]).at[-1].set(last * u[-1])
    own = (w_0 * u - spread).at[0].set(-2.0 * dispersive * spread).at[-1].set(0.0)
    inlet = jnp.zeros_like(u).at[0].set(u[0] + 2.0 * dispersive * spread).at[1].set(2.0 * w_2 * u[1])
    # What leaves cell i through face i + 1 less what enters it through face i.
    return Bands(-second[:-1], second[1:] - first[:-1], first[1:] - own[:-1], own[1:], jnp.diff(inlet, axis=0))


def solve_bands(bands: Bands, b: Float[Array, "cells m"]) -> Float[Array, "cells m"]:
    """The solution of the banded system, of every column by itself, by elimination without pivoting.

    That is stable for a step of transport: its diagonal is positive, and what is beside it has the signs that make
    pivots larger.
    """

    def eliminate(carry: Any, row: Any) -> Any:
        (e_2, f_2), (e_1, f_1) = carry
        second, first, diagonal, above, right = row
        first = first - second * f_2
        pivot = 1.0 / (diagonal - first * f_1)
        new = (right - second * e_2 - first * e_1) * pivot, above * pivot
        return ((e_1, f_1), new), new

    def substitute(x: Any, row: Any) -> Any:
        e, f = row
        x = e - f * x
        return x, x

    zero = jnp.zeros_like(b[0])
    # A row is so little work that the loop itself would take most of the time.
    unroll = 4
    rows = (bands.second, bands.first, bands.diagonal, bands.above, b)
    _, reduced = jax.lax.scan(eliminate, ((zero, zero), (zero, zero)), rows, unroll=unroll)
    return jax.lax.scan(substitute, zero, reduced, reverse=True, unroll=unroll)[1]
