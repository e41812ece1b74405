"""Laws of parameters before anything was measured: what an inverse problem starts from."""

import abc
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_integer, check_key


class AbstractPrior(eqx.Module):
    """A law of `d` parameters in a box; a concrete one has `low`, `high` and `names`, and draws.

    - `low`, `high`: corners of the box, shape `(d,)`, float32.
    - `names`: of the parameters.
    """

    low: eqx.AbstractVar[Float[Array | np.ndarray, " d"]]
    high: eqx.AbstractVar[Float[Array | np.ndarray, " d"]]
    names: eqx.AbstractVar[tuple[str, ...]]

    @abc.abstractmethod
    def draw(self, key: Any) -> Float[Array, " d"]:
        """One draw."""

    @abc.abstractmethod
    def log_density(self, parameters: Float[Array, " d"]) -> Float[Array, ""]:
        """Up to a constant; minus infinity where the law is zero."""

    @property
    def size(self) -> int:
        """The number of parameters."""
        return len(self.names)

    @property
    def width(self) -> Float[Array | np.ndarray, " d"]:
        """The sides of the box."""
        return self.high - self.low

    def inside(self, parameters: Float[Array, " d"]) -> Any:
        """Whether the parameters lie in the box."""
        return jnp.all((parameters >= self.low) & (parameters <= self.high))

    def sample(self, key: Any, count: int, first: int = 0) -> Float[Array, "n d"]:
        """Draws number `first` to `first + count - 1`. A draw depends on the key and on its number only.

        **Arguments:** `key`; `count`; `first`.

        **Raises:** `TypeError`, `ValueError` for other keys and numbers.
        """
        count = check_integer("count", count, minimum=1)
        return _sample(self, check_key("key", key), check_integer("first", first, minimum=0) + jnp.arange(count))


@eqx.filter_jit
def _sample(prior: AbstractPrior, key: Any, numbers: Any) -> Array:
    return jax.vmap(lambda number: prior.draw(jax.random.fold_in(key, number)))(numbers)


class UniformPrior(AbstractPrior):
    """All points of a box alike.

    **Arguments:** `low`, `high`: corners, shape `(d,)`; `names`: of the parameters, `p0, p1, ...` by default.

    **Raises:** `TypeError`, `ValueError` for corners of other shapes or in another order, and for another number of
    names.

    >>> prior = UniformPrior([0.0, 1.0], [2.0, 4.0], ["rate", "scale"])
    >>> prior.sample(jax.random.key(0), 3).shape, prior.size
    ((3, 2), 2)
    """

    low: Float[Array | np.ndarray, " d"]
    high: Float[Array | np.ndarray, " d"]
    names: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, low: Any, high: Any, names: Sequence[str] | None = None):
        self.low, self.high = settle_box(low, high)
        self.names = tuple(f"p{i}" for i in range(len(self.low))) if names is None else tuple(names)
        if len(self.names) != len(self.low):
            raise ValueError(f"names must be {len(self.low)} texts, got {self.names}")

    def draw(self, key: Any) -> Float[Array, " d"]:
        return jnp.asarray(self.low) + self.width * jax.random.uniform(key, self.low.shape)

    def log_density(self, parameters: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.where(self.inside(parameters), 0.0, -jnp.inf)


def settle_box(low: Any, high: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two corners of a box in float32."""
    low = np.asarray(check_array("low", low, ndim=1), np.float32)
    high = np.asarray(check_array("high", high, shape=low.shape), np.float32)
    if not np.all(low < high):
        raise ValueError(f"high must be above low in every parameter, got {low.tolist()} and {high.tolist()}")
    return low, high
