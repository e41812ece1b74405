"""Batches that are drawn with replacement, as the theory of SGD has them."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core import check_array, check_integer


class DrawWithReplacement(eqx.Module):
    """The argument `data` of `core.fit` for batches of independent samples; arrays would be shuffled in each epoch.

    **Arguments:** `arrays`: a pytree of arrays with one leading axis; `batch_size`: of a batch.

    **Raises:** `TypeError`, `ValueError` for arrays of different lengths or a size smaller than 1.

    >>> draw = DrawWithReplacement((jnp.arange(5.0), jnp.ones((5, 2))), batch_size=3)
    >>> [part.shape for part in draw(jax.random.key(0))]
    [(3,), (3, 2)]
    """

    arrays: Any
    batch_size: int = eqx.field(static=True)

    def __init__(self, arrays: Any, batch_size: int = 1):
        leaves = [check_array("arrays", leaf, kind="any") for leaf in jax.tree.leaves(arrays)]
        if len({leaf.shape[:1] for leaf in leaves}) != 1 or not leaves[0].ndim:
            raise ValueError(f"arrays must have one leading axis, got shapes {[leaf.shape for leaf in leaves]}")
        self.arrays = jax.tree.map(jnp.asarray, arrays)
        self.batch_size = check_integer("batch_size", batch_size, minimum=1)

    def __call__(self, key: Any) -> Any:
        """A batch."""
        size = jax.tree.leaves(self.arrays)[0].shape[0]
        index = jax.random.randint(key, (self.batch_size,), 0, size)
        return jax.tree.map(lambda leaf: leaf[index], self.arrays)
