"""Perturbations of attribute vectors: several one-hot codes behind each other, such as class and style.

A vector `x` of groups of sizes `g_1, g_2, ...` has one entry 1 in each group, or none where an attribute is not told.
"""

import abc
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Num

from ..core import check_integer, check_key, check_number
from ._perturbation import AbstractPerturbation


class _AttributePerturbation(AbstractPerturbation):
    """Each attribute of each vector is chosen with probability `strength` and replaced."""

    strength: Any
    groups: tuple[int, ...]

    def __check_init__(self):
        check_number("strength", self.strength, minimum=0.0, maximum=1.0)
        if not self.groups:
            raise ValueError("groups must name the size of at least one attribute, got none")
        for i, size in enumerate(self.groups):
            check_integer(f"groups[{i}]", size, minimum=1)

    @abc.abstractmethod
    def _replacement(self, key: Any, part: Array) -> Array:
        """What a chosen attribute becomes; `part` has its codes in the last axis."""

    def __call__(self, x: Any, *, key: Any) -> Num[Array, "*batch width"]:
        x, width = jnp.asarray(x), sum(self.groups)
        check_key("key", key)
        if x.ndim == 0 or x.shape[-1] != width:
            raise ValueError(f"x must have {width} entries in its last axis, the sum of groups, got shape {x.shape}")
        ends = [sum(self.groups[:i]) for i in range(1, len(self.groups))]
        keys = jax.random.split(key, (len(self.groups), 2))
        parts = []
        for part, (choice_key, value_key) in zip(jnp.split(x, ends, axis=-1), keys, strict=True):
            chosen = jax.random.bernoulli(choice_key, self.strength, (*x.shape[:-1], 1))
            parts.append(jnp.where(chosen, self._replacement(value_key, part), part))
        return jnp.concatenate(parts, axis=-1)


class RedrawAttributes(_AttributePerturbation):
    """Each attribute is, with probability `strength`, drawn anew, all its values being equally likely.

    The same value may come again: of `g` values an attribute changes with probability `strength (1 - 1 / g)`.

    **Arguments:** `strength`: in [0, 1]; `groups`: sizes of the one-hot codes. The call takes `x` of shape
    `(..., sum(groups))`; `jit` and `vmap` go through it.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    >>> caption = jnp.array([1.0, 0.0, 0.0, 0.0, 1.0])
    >>> RedrawAttributes(1.0, groups=(3, 2))(caption, key=jax.random.key(0)).tolist()
    [0.0, 0.0, 1.0, 0.0, 1.0]
    """

    def _replacement(self, key: Any, part: Array) -> Array:
        value = jax.random.randint(key, part.shape[:-1], 0, part.shape[-1])
        return jax.nn.one_hot(value, part.shape[-1], dtype=part.dtype)


class DropAttributes(_AttributePerturbation):
    """Each attribute is, with probability `strength`, left out: its code becomes zeros.

    **Arguments:** `strength`: in [0, 1]; `groups`: sizes of the one-hot codes. The call takes `x` of shape
    `(..., sum(groups))`; `jit` and `vmap` go through it.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    >>> DropAttributes(1.0, groups=(3, 2))(jnp.array([1.0, 0.0, 0.0, 0.0, 1.0]), key=jax.random.key(0)).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0]
    """

    def _replacement(self, key: Any, part: Array) -> Array:
        return jnp.zeros_like(part)
