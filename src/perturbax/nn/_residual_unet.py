"""A small residual U-net on grids of two or three dimensions, fully convolutional: it runs on grids of any size.

A stage with another stage below it is

    a = relu(C x);  a <- a + P a;  b = relu(C a);  y = b + up(stage(pool(b)));  y <- y + P y, twice

and the lowest one is `a = relu(C x)` with `a <- a + P a` three times, where `C` is a convolution with kernels of three
cells, `P a = relu(C relu(C a))`, `pool` the average over 2 cells along each axis, and `up` repeats every cell.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import check_integer, check_key

# Residual pairs above and at the lowest stage: Kaneda et al.'s network for grids of 64 cells.
_PAIRS, _LOWEST_PAIRS = 2, 3


class _Convolution(eqx.Module):
    """Channels last, zeros beyond the edge."""

    weight: Float[Array, "..."]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, size: int, dimensions: int, *, key: PRNGKeyArray):
        fan = inputs * size**dimensions
        # Weights of variance 2 / fan keep the scale through ReLU (He et al. 2015).
        self.weight = (2.0 / fan) ** 0.5 * jax.random.normal(key, (*(size,) * dimensions, inputs, outputs))
        self.bias = jnp.zeros(outputs)

    def __call__(self, x: Float[Array, "batch *grid inputs"]) -> Float[Array, "batch *grid outputs"]:
        axes = "DHW"[-(x.ndim - 2) :]
        layout = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
        y = jax.lax.conv_general_dilated(x, self.weight, (1,) * len(axes), "SAME", dimension_numbers=layout)
        return y + self.bias


class _Pair(eqx.Module):
    first: _Convolution
    second: _Convolution

    def __init__(self, width: int, dimensions: int, *, key: PRNGKeyArray):
        self.first, self.second = (_Convolution(width, width, 3, dimensions, key=k) for k in jax.random.split(key))

    def __call__(self, a: Array) -> Array:
        return a + jax.nn.relu(self.second(jax.nn.relu(self.first(a))))


class _Stage(eqx.Module):
    enter: _Convolution
    before: tuple[_Pair, ...]
    leave: _Convolution | None
    below: "_Stage | None"
    after: tuple[_Pair, ...]

    def __init__(self, width: int, levels: int, dimensions: int, *, key: PRNGKeyArray):
        first, second, third, *rest = jax.random.split(key, 3 + 1 + _PAIRS if levels else 3 + _LOWEST_PAIRS)
        pairs = [_Pair(width, dimensions, key=k) for k in rest]
        self.enter = _Convolution(width, width, 3, dimensions, key=first)
        self.leave = _Convolution(width, width, 3, dimensions, key=second) if levels else None
        self.below = _Stage(width, levels - 1, dimensions, key=third) if levels else None
        self.before, self.after = (tuple(pairs[:1]), tuple(pairs[1:])) if levels else (tuple(pairs), ())

    def __call__(self, x: Array) -> Array:
        a = jax.nn.relu(self.enter(x))
        for pair in self.before:
            a = pair(a)
        if self.leave is None or self.below is None:
            return a
        b = jax.nn.relu(self.leave(a))
        y = b + _repeated(self.below(_pooled(b)))
        for pair in self.after:
            y = pair(y)
        return y


class ResidualUNet(eqx.Module):
    """A network from a field on a grid to a field on the same grid.

    The first and the last layer are linear. There is no normalisation, so that the same weights serve every size.

    **Arguments:** `dimensions`: of the grid, 2 or 3; `width`: channels of every layer; `levels`: how often the grid is
    halved; `key`: draws the weights.

    **Raises:** `ValueError` when a number is out of range.

    Source: the network of Kaneda et al. 2023, arXiv 2205.10763, with one level.

    >>> network = ResidualUNet(2, width=4, levels=1, key=jax.random.key(0))
    >>> network(jnp.ones((8, 6))).shape, network(jnp.ones((5, 16, 16))).shape
    ((8, 6), (5, 16, 16))
    """

    lift: _Convolution
    stage: _Stage
    output: _Convolution
    dimensions: int
    width: int
    levels: int

    def __init__(self, dimensions: int = 2, *, width: int = 16, levels: int = 1, key: PRNGKeyArray):
        check_key("key", key)
        self.dimensions = check_integer("dimensions", dimensions, minimum=2, maximum=3)
        self.width = check_integer("width", width, minimum=1)
        self.levels = check_integer("levels", levels, minimum=0)
        first, second, third = jax.random.split(key, 3)
        self.lift = _Convolution(1, width, 3, dimensions, key=first)
        self.stage = _Stage(width, levels, dimensions, key=second)
        self.output = _Convolution(width, 1, 1, dimensions, key=third)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """**Arguments:** `x`: shape `(..., *grid)`. An axis that cannot be halved `levels` times is padded with zeros,
        which are cut off again.

        **Raises:** `ValueError` when `x` has too few axes.
        """
        if x.ndim < self.dimensions:
            raise ValueError(f"x must have at least {self.dimensions} axes, got shape {x.shape}")
        grid = x.shape[-self.dimensions :]
        block = 2**self.levels
        padding = [(0, -size % block) for size in grid]
        y = jnp.pad(x.reshape(-1, *grid), [(0, 0), *padding])[..., None]
        y = self.output(self.stage(self.lift(y)))[..., 0]
        return y[(slice(None), *(slice(size) for size in grid))].reshape(x.shape)

    def flops(self, grid: tuple[int, ...]) -> int:
        """Multiplications and additions of one evaluation on a grid."""
        cells, kernel = int(np.prod(grid)), 3**self.dimensions
        above, lowest = 2 + 2 * (1 + _PAIRS), 1 + 2 * _LOWEST_PAIRS
        layers = [above * 2.0 ** (-self.dimensions * level) for level in range(self.levels)]
        layers.append(lowest * 2.0 ** (-self.dimensions * self.levels))
        return round(2 * cells * (self.width * kernel + self.width**2 * kernel * sum(layers) + self.width))


def _pooled(x: Array) -> Array:
    for axis in range(1, x.ndim - 1):
        shape = (*x.shape[:axis], x.shape[axis] // 2, 2, *x.shape[axis + 1 :])
        x = x.reshape(shape).mean(axis + 1)
    return x


def _repeated(x: Array) -> Array:
    for axis in range(1, x.ndim - 1):
        x = jnp.repeat(x, 2, axis)
    return x
