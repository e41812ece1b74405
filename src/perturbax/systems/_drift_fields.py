r"""Drifts of populations: what moves a state, without its noise.

A field is called as `field(x, t)` on points of shape `(..., d)`, and its floating arrays are its parameters: with other
values it is another member of the same family.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_number

# Far below any concentration or distance, far above what float32 rounds to 0.
_LEAST = 1e-8


def _number(name: str) -> Callable[[Any], Float[Array, ""]]:
    """Makes a number an array, so that it can be fitted."""

    def settle(value: Any) -> Float[Array, ""]:
        value = check_number(name, value)
        # In the precision in force. Cast on the host first: JAX keeps no float64 without leave.
        dtype = jax.dtypes.canonicalize_dtype(np.float64)
        return value if hasattr(value, "dtype") else jnp.asarray(np.asarray(value, dtype))

    return settle


class LotkaVolterra(eqx.Module):
    """Prey `x` and predators `y`: `dx/dt = alpha x - beta x y`, `dy/dt = delta x y - gamma y`.

    Expect closed orbits around `(gamma / delta, alpha / beta)`, whose period near it is `2 pi / sqrt(alpha gamma)`.

    **Arguments:** `alpha`: growth of the prey; `beta`: losses to a predator; `gamma`: deaths of predators; `delta`:
    their growth from one of the prey; all per unit of time.

    **Raises:** `ValueError` or `TypeError` when one of them is no finite number.

    >>> LotkaVolterra()(jnp.array([4.0, 2.5]), 0.0).tolist()
    [0.0, 0.0]
    """

    alpha: Float[Array, ""] = eqx.field(default=1.0, converter=_number("alpha"))
    beta: Float[Array, ""] = eqx.field(default=0.4, converter=_number("beta"))
    gamma: Float[Array, ""] = eqx.field(default=0.4, converter=_number("gamma"))
    delta: Float[Array, ""] = eqx.field(default=0.1, converter=_number("delta"))

    def __call__(self, x: Array, t: Any) -> Float[Array, "*batch 2"]:
        prey, predators = x[..., 0], x[..., 1]
        met = prey * predators
        return jnp.stack([self.alpha * prey - self.beta * met, self.delta * met - self.gamma * predators], axis=-1)


class Repressilator(eqx.Module):
    """Three genes that repress each other in a circle: `dx_j/dt = beta / (1 + (x_{j-1} / k)^n) - gamma x_j`.

    Expect oscillations, the genes one after the other, for steep repression (`n` above 2) and strong production. A
    concentration below 0, which noise may bring, counts as 0.

    **Arguments:** `beta`: production without repression; `n`: steepness; `k`: concentration of half repression;
    `gamma`: decay.

    **Raises:** `ValueError` or `TypeError` when one of them is no finite number.

    Source: Elowitz & Leibler 2000.

    >>> Repressilator(beta=2.0, n=3.0, k=1.0, gamma=1.0)(jnp.ones(3), 0.0).tolist()
    [0.0, 0.0, 0.0]
    """

    beta: Float[Array, ""] = eqx.field(default=10.0, converter=_number("beta"))
    n: Float[Array, ""] = eqx.field(default=3.0, converter=_number("n"))
    k: Float[Array, ""] = eqx.field(default=1.0, converter=_number("k"))
    gamma: Float[Array, ""] = eqx.field(default=1.0, converter=_number("gamma"))

    def __call__(self, x: Array, t: Any) -> Float[Array, "*batch 3"]:
        # The floor keeps derivatives of the power finite at 0, also that by its exponent.
        concentration = jnp.maximum(x, _LEAST)
        # A scale that is fitted may step across 0.
        repressor = jnp.roll(concentration, 1, axis=-1) / jnp.abs(self.k)
        return self.beta / (1.0 + repressor**self.n) - self.gamma * concentration


class EllipticVortex(eqx.Module):
    """Rotation on ellipses: `dx/dt = w (y - y0) / s`, `dy/dt = -w (x - x0)`.

    Expect clockwise orbits with axes in the ratio `1 : sqrt(s)` and the period `2 pi sqrt(s) / w`: drifters in a large
    eddy of the ocean.

    **Arguments:** `x0`, `y0`: the centre; `stretch`: `s`, positive; `rate`: `w`.

    **Raises:** `ValueError` or `TypeError` when one of them is no finite number.

    Source: the family for ocean drifters of Shen, Berlinghieri & Broderick 2025, arXiv 2408.06277, in their code.

    >>> EllipticVortex(rate=2.0)(jnp.array([1.0, 0.0]), 0.0).tolist()
    [0.0, -2.0]
    """

    x0: Float[Array, ""] = eqx.field(default=0.0, converter=_number("x0"))
    y0: Float[Array, ""] = eqx.field(default=0.0, converter=_number("y0"))
    stretch: Float[Array, ""] = eqx.field(default=1.0, converter=_number("stretch"))
    rate: Float[Array, ""] = eqx.field(default=1.0, converter=_number("rate"))

    def __call__(self, x: Array, t: Any) -> Float[Array, "*batch 2"]:
        across, along = x[..., 0] - self.x0, x[..., 1] - self.y0
        return self.rate * jnp.stack([along / self.stretch, -across], axis=-1)


class LambOseen(eqx.Module):
    """A vortex with a core: the speed at the distance `r` from its centre is `c (1 - exp(-r^2 / s^2)) s / r`.

    Expect rotation as of a rigid body inside of the core, and as `1 / r` outside of it, anticlockwise for positive `c`.

    **Arguments:** `x0`, `y0`: the centre; `scale`: `s`, of the core, positive; `circulation`: `c`, a speed.

    **Raises:** `ValueError` or `TypeError` when one of them is no finite number.

    Source: the Lamb-Oseen vortex, at one moment.

    >>> LambOseen()(jnp.array([[1.0, 0.0], [0.0, 0.0]]), 0.0)[:, 1].round(3)
    Array([0.632, 0.   ], dtype=float32)
    """

    x0: Float[Array, ""] = eqx.field(default=0.0, converter=_number("x0"))
    y0: Float[Array, ""] = eqx.field(default=0.0, converter=_number("y0"))
    scale: Float[Array, ""] = eqx.field(default=1.0, converter=_number("scale"))
    circulation: Float[Array, ""] = eqx.field(default=1.0, converter=_number("circulation"))

    def __call__(self, x: Array, t: Any) -> Float[Array, "*batch 2"]:
        across, along = (x[..., 0] - self.x0) / self.scale, (x[..., 1] - self.y0) / self.scale
        square = jnp.maximum(across**2 + along**2, _LEAST)
        return (-self.circulation * jnp.expm1(-square) / square)[..., None] * jnp.stack([-along, across], axis=-1)
