"""Networks that act along a boundary that is a closed curve, by convolutions whose padding is circular.

Traces hold the components of one node after another, in the order of the nodes along the curve. With `k` nodes on each
side of a node, a layer is one linear map of the `2 k + 1` neighbours side by side, the same at each node.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import check_integer
from ..nn import Linear, leaky_relu
from ._players import AbstractPlayers

# He et al. 2015, as in `nn.MLP`.
_SCALE = 6.0**0.5


class AlongCurve(eqx.Module):
    """A linear layer on nodes with their neighbours along a closed curve: `(..., nodes, inputs)` to
    `(..., nodes, outputs)`."""

    linear: Linear
    reach: int = eqx.field(static=True)

    def __init__(self, inputs: int, outputs: int, reach: int, *, key: Any):
        self.linear = Linear((2 * reach + 1) * inputs, outputs, key=key, scale=_SCALE)
        self.reach = reach

    def __call__(self, x: Float[Array, "*batch nodes inputs"]) -> Float[Array, "*batch nodes outputs"]:
        shifts = range(-self.reach, self.reach + 1)
        return self.linear(jnp.concatenate([jnp.roll(x, shift, axis=-2) for shift in shifts], axis=-1))


class CurveGenerator(eqx.Module):
    """A generator `G(z, p)`: a dense layer to fields on the nodes, and two layers along the curve."""

    dense: Linear
    layers: tuple[AlongCurve, AlongCurve]
    channels: int = eqx.field(static=True)

    def __init__(self, inputs: int, nodes: int, components: int, channels: int, reach: int, *, key: Any):
        first, second, third = jax.random.split(key, 3)
        self.dense = Linear(inputs, nodes * channels, key=first, scale=_SCALE)
        self.layers = (
            AlongCurve(channels, channels, reach, key=second),
            AlongCurve(channels, components, reach, key=third),
        )
        self.channels = channels

    def __call__(self, z: Float[Array, "*batch latent"], p: Float[Array, "*batch q"]) -> Float[Array, "*batch d"]:
        h = leaky_relu(self.dense(jnp.concatenate((z, p), axis=-1)))
        h = leaky_relu(self.layers[0](h.reshape(*h.shape[:-1], -1, self.channels)))
        u = self.layers[1](h)
        return u.reshape(*u.shape[:-2], -1)


class CurveCritic(eqx.Module):
    """A critic `D(u, p)`: two layers along the curve, with the parameters at each node, and a dense one."""

    layers: tuple[AlongCurve, AlongCurve]
    dense: Linear
    components: int = eqx.field(static=True)

    def __init__(self, conditions: int, nodes: int, components: int, channels: int, reach: int, *, key: Any):
        first, second, third = jax.random.split(key, 3)
        self.layers = (
            AlongCurve(components + conditions, channels, reach, key=first),
            AlongCurve(channels, channels, reach, key=second),
        )
        self.dense = Linear(nodes * channels, 1, key=third)
        self.components = components

    def __call__(self, u: Float[Array, "*batch d"], p: Float[Array, "*batch q"]) -> Float[Array, "*batch"]:
        nodal = u.reshape(*u.shape[:-1], -1, self.components)
        told = jnp.broadcast_to(p[..., None, :], (*nodal.shape[:-1], p.shape[-1]))
        h = leaky_relu(self.layers[0](jnp.concatenate((nodal, told), axis=-1)))
        h = leaky_relu(self.layers[1](h))
        return self.dense(h.reshape(*h.shape[:-2], -1))[..., 0]


class ClosedCurve(AbstractPlayers):
    """Convolutions along a boundary that is a closed curve: for many nodes, which a perceptron knows nothing of.

    All components of the traces have to vary, because one that is held would leave a gap.

    **Arguments:** `components`: of the displacement of a node; `channels`: fields between the layers; `reach`:
    neighbours on each side that a layer sees.

    **Raises:** `TypeError`, `ValueError` for a number smaller than 1; when used, for traces without whole nodes.

    >>> ClosedCurve(channels=4).generator(3, 1, 10, jax.random.key(0))(jnp.ones((5, 3)), jnp.ones((5, 1))).shape
    (5, 10)
    """

    components: int = 2
    channels: int = 32
    reach: int = 2

    def __check_init__(self):
        for name in ("components", "channels", "reach"):
            check_integer(name, getattr(self, name), minimum=1)

    def generator(self, latent: int, conditions: int, size: int, key: Any) -> CurveGenerator:
        return CurveGenerator(latent + conditions, self._nodes(size), *self._sizes, key=key)

    def critic(self, size: int, conditions: int, key: Any) -> CurveCritic:
        return CurveCritic(conditions, self._nodes(size), *self._sizes, key=key)

    @property
    def _sizes(self) -> tuple[int, int, int]:
        return self.components, self.channels, self.reach

    def _nodes(self, size: int) -> int:
        if size % self.components or size // self.components < 2 * self.reach + 1:
            raise ValueError(
                f"traces must have {2 * self.reach + 1} nodes or more of {self.components} components that vary, got "
                f"{size} components"
            )
        return size // self.components
