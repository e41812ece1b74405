r"""A net with hidden weights that stay as they were drawn, with derivatives in closed form.

On $z = (x + 1) / 2$ in $[0, 1]^d$, the box of the laws of `approximate`,

    u(x) = n^(-1/2) sum_i c_i s(a_i.z - b_i),   d^alpha u = n^(-1/2) sum_i c_i (a_i / 2)^alpha s^(|alpha|)(a_i.z - b_i).
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._jet import AbstractClosedForm, Index


class RandomNetwork(AbstractClosedForm):
    """The net on `[-1, 1]^d`.

    **Arguments:** `a`, shape `(n, d)`; `b`, shape `(n,)`; `c`, shape `(n, m)`; `activation`: of arrays, element by
    element.
    """

    a: Float[Array, "n d"]
    b: Float[Array, " n"]
    c: Float[Array, "n m"]
    activation: Callable = eqx.field(static=True)

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, " m"]:
        return self.derivatives(x, ((),))[()]

    def derivatives(self, x: Float[Array, " d"], indices: tuple[Index, ...]) -> dict[Index, Any]:
        z = self.a @ (0.5 * (x + 1.0)) - self.b
        s = [self.activation]
        for _ in range(max(map(len, indices), default=0)):
            s.append(_derivative(s[-1]))
        values = [one(z) / self.b.shape[0] ** 0.5 for one in s]
        slopes = 0.5 * jnp.asarray(self.a)
        return {
            index: (jnp.prod(slopes[:, np.array(index, int)], 1) * values[len(index)]) @ self.c for index in indices
        }


def _derivative(function: Callable) -> Callable:
    """The derivative of a function that acts element by element."""
    return lambda z: jax.jvp(function, (z,), (jnp.ones_like(z),))[1]
