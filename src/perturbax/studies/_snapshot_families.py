"""Families of solutions of parametrised equations, for studies of reduced bases. Everything in float64."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perturbax import core


def reaction_diffusion(params: Any, nodes: int = 300) -> Float[np.ndarray, "M n"]:
    """`-u'' + 100 u + 5 u^3 = P exp(-((x - s) / 0.03)^2)` on (0, 1) with `u = 0` at both ends, by central differences
    and Newton's method. `params` holds `(log P, s)` in rows."""
    with core.float64():
        return np.asarray(_reaction_diffusion(jnp.asarray(params), jnp.linspace(0.0, 1.0, nodes + 2)))


@jax.jit
def _reaction_diffusion(params: Float[Array, "M 2"], x: Float[Array, " nodes"]) -> Float[Array, "M n"]:
    h, inside = x[1] - x[0], x[1:-1]
    source = jnp.exp(params[:, :1]) * jnp.exp(-(((inside - params[:, 1:]) / 0.03) ** 2))
    side = jnp.full_like(source, -1.0 / h**2)
    lower, upper = side.at[:, 0].set(0.0), side.at[:, -1].set(0.0)

    def newton(u: Float[Array, "M n"]) -> Float[Array, "M n"]:
        around = jnp.pad(u, ((0, 0), (1, 1)))
        residual = (2.0 * u - around[:, :-2] - around[:, 2:]) / h**2 + 100.0 * u + 5.0 * u**3 - source
        diagonal = 2.0 / h**2 + 100.0 + 15.0 * u**2
        return u - jax.lax.linalg.tridiagonal_solve(lower, diagonal, upper, residual[..., None])[..., 0]

    done = core.settled(rtol=1e-10, atol=1e-10)
    return core.iterate(newton, jnp.zeros_like(source), done=done, max_steps=60).state


def advection(params: Any, nodes: int = 300) -> Float[np.ndarray, "M n"]:
    """`u_t + u_x = 0` on a circle of length 1, at time `t` from a pulse of amplitude `a` and width 0.03 at 0.1, along
    the characteristics. `params` holds `(log a, t)` in rows."""
    amplitude, time = np.exp(params[:, :1]), params[:, 1:2]
    offset = (np.arange(nodes) / nodes - 0.1 - time + 0.5) % 1.0 - 0.5
    return amplitude * np.exp(-((offset / 0.03) ** 2))


def burgers(params: Any, nodes: int = 300, times: int = 10) -> Float[np.ndarray, "M times n"]:
    """`u_t + (u^2 / 2)_x = nu u_xx` on (0, 1) from a smoothed step of height `a` at 0.2, at `times` moments up to 0.8
    by the local Lax-Friedrichs scheme. `params` holds `(log a, log nu)` in rows, with `a <= 1` and `nu <= 0.02`."""
    with core.float64():
        return np.asarray(_burgers(jnp.asarray(params), jnp.linspace(0.0, 1.0, nodes), times))


@jax.jit(static_argnums=2)
def _burgers(params: Float[Array, "M 2"], x: Float[Array, " n"], times: int) -> Float[Array, "M times n"]:
    h = x[1] - x[0]
    # The stability limit of diffusion with the largest viscosity, h^2 / (2 nu), with a margin.
    inner = int(np.ceil(0.8 / times / (0.4 * (1.0 / (x.size - 1)) ** 2 / 0.02)))
    dt = 0.8 / (times * inner)
    a, nu = jnp.exp(params[:, :1]), jnp.exp(params[:, 1:])
    start = a / (1.0 + jnp.exp((x - 0.2) / 0.01))

    def step(u: Float[Array, "M n"], _: Any) -> Any:
        wide = jnp.pad(u, ((0, 0), (1, 1)), mode="edge")
        left, right = wide[:, :-1], wide[:, 1:]
        speed = jnp.maximum(jnp.abs(left), jnp.abs(right))
        flux = (left**2 + right**2) / 4.0 - speed * (right - left) / 2.0 - nu * (right - left) / h
        return u - dt / h * (flux[:, 1:] - flux[:, :-1]), None

    def record(u: Float[Array, "M n"], _: Any) -> Any:
        u = jax.lax.scan(step, u, None, length=inner)[0]
        return u, u

    return jnp.swapaxes(jax.lax.scan(record, start, None, length=times)[1], 0, 1)


def moving_laser(params: Any, side: int = 60, times: int = 40) -> Float[np.ndarray, "M times n"]:
    """`T_t = div(k grad T) + q` with `k = 0.01 (1 + 0.5 T)` on the unit square with insulated sides, up to time 1,
    under a spot of width 0.05 that moves from left to right. `params` holds `(log power, height of the path, speed)` in
    rows, with powers up to 20, so that temperatures stay below 10."""
    with core.float64():
        return np.asarray(_moving_laser(jnp.asarray(params), side, times))


@jax.jit(static_argnums=(1, 2))
def _moving_laser(params: Float[Array, "M 3"], side: int, times: int) -> Float[Array, "M times n"]:
    h = 1.0 / side
    # Stable up to the conductivity 0.06 of a temperature of 10.
    inner = int(np.ceil(1.0 / times / (0.9 * h**2 / (4.0 * 0.06))))
    dt = 1.0 / (times * inner)
    x = (jnp.arange(side) + 0.5) * h

    def one(param: Float[Array, " 3"]) -> Float[Array, "times n"]:
        power, height, speed = jnp.exp(param[0]), param[1], param[2]

        def step(T: Float[Array, "s s"], i: Any) -> Any:
            at = 0.1 + speed * i * dt
            spot = jnp.exp(-(((x[:, None] - at) ** 2 + (x[None, :] - height) ** 2) / 0.05**2))
            wide = jnp.pad(T, 1, mode="edge")
            k = 0.01 * (1.0 + 0.5 * wide)
            across = (k[1:, 1:-1] + k[:-1, 1:-1]) / 2.0 * (wide[1:, 1:-1] - wide[:-1, 1:-1])
            along = (k[1:-1, 1:] + k[1:-1, :-1]) / 2.0 * (wide[1:-1, 1:] - wide[1:-1, :-1])
            heat = (across[1:] - across[:-1] + along[:, 1:] - along[:, :-1]) / h**2
            return T + dt * (heat + power * spot), None

        def record(T: Float[Array, "s s"], j: Any) -> Any:
            T = jax.lax.scan(step, T, j * inner + jnp.arange(inner))[0]
            return T, T.ravel()

        return jax.lax.scan(record, jnp.zeros((side, side)), jnp.arange(times))[1]

    return jax.lax.map(one, params)


class Family(NamedTuple):
    """Solutions, and the box in which their parameters are uniform."""

    solve: Callable[[Any], Any]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def draw(self, key: Any, count: int) -> tuple[Float[np.ndarray, "M p"], Any]:
        """Parameters and their solutions."""
        share = np.asarray(jax.random.uniform(key, (count, len(self.low))), np.float64)
        params = np.array(self.low) + share * np.subtract(self.high, self.low)
        return params, self.solve(params)


FAMILIES = {
    "reaction-diffusion": Family(reaction_diffusion, (np.log(10.0), 0.1), (np.log(1e4), 0.9)),
    "advection": Family(advection, (np.log(0.1), 0.0), (np.log(10.0), 0.8)),
    "burgers": Family(burgers, (np.log(0.1), np.log(0.002)), (0.0, np.log(0.02))),
    "laser": Family(moving_laser, (np.log(1.0), 0.2, 0.2), (np.log(20.0), 0.8, 0.8)),
}
