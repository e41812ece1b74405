"""Finite and sparse sets: a few features that may be anything, words that may be replaced by synonyms."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..core import check_array, check_integer
from ._sets import AbstractInputSet, Interval


class L0(AbstractInputSet):
    """At most `count` elements of `centre` are changed, each to anything in `[lower, upper]`.

    **Arguments:** `centre`: floating array; `count`: an integer from 1 on; `lower`, `upper`: of its shape, or numbers.

    **Raises:** `TypeError`, `ValueError` when they do not fit or the centre lies outside.

    >>> float(L0(np.zeros(3), 2, -1.0, 1.0).minimum(jnp.array([1.0, -2.0, 3.0])))
    -5.0
    """

    centre: Any
    count: int = eqx.field(static=True)
    lower: Any
    upper: Any

    def __init__(self, centre: Any, count: int, lower: Any = 0.0, upper: Any = 1.0):
        self.centre = check_array("centre", centre)
        self.count = check_integer("count", count, minimum=1, maximum=int(np.prod(self.centre.shape)))
        shape = tuple(self.centre.shape)
        self.lower, self.upper = (
            check_array(name, np.full(shape, end, self.centre.dtype) if np.ndim(end) == 0 else end, shape=shape)
            for name, end in (("lower", lower), ("upper", upper))
        )
        known = not any(isinstance(x, Tracer) for x in (self.centre, self.lower, self.upper))
        if known and not np.all((np.asarray(self.lower) <= self.centre) & (np.asarray(self.centre) <= self.upper)):
            raise ValueError("centre must lie in [lower, upper], some of its elements do not")

    def interval(self) -> Interval:
        return Interval(jnp.asarray(self.lower), jnp.asarray(self.upper))

    def minimum(self, coefficients: Float[Array, "..."]) -> Float[Array, ""]:
        gains = jnp.minimum(
            coefficients * (self.lower - self.centre), coefficients * (self.upper - self.centre)
        ).reshape(-1)
        return jnp.sum(coefficients * self.centre) - jnp.sum(jax.lax.top_k(-gains, self.count)[0])

    def sample(self, key: Any) -> Float[Array, "..."]:
        place, value, end = jax.random.split(key, 3)
        shape = jnp.shape(self.centre)
        t = jax.random.uniform(value, shape)
        t = jnp.where(jax.random.bernoulli(end, 0.5, shape), jnp.round(t), t)
        return self._changed(jax.random.uniform(place, shape), self.lower + t * (self.upper - self.lower))

    def project(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return self._changed(jnp.abs(x - self.centre), jnp.clip(x, self.lower, self.upper))

    def _changed(self, priority: Array, value: Array) -> Array:
        """`value` at the `count` elements of the highest priority, the centre elsewhere."""
        rank = jnp.argsort(jnp.argsort(-priority.reshape(-1))).reshape(priority.shape)
        return jnp.where(rank < self.count, value, self.centre)


class Synonyms(AbstractInputSet):
    """The embeddings of a sentence in which at most `budget` words are replaced, each by one of its choices.

    The least value of a linear function is exact: positions are independent, so that it is the sum of the `budget`
    largest gains.

    **Arguments:**

    - `embeddings`: of the vocabulary, shape `(words, width)`.
    - `tokens`: the sentence, integers of shape `(n,)`.
    - `choices`: for each position the words that may stand there, integers of shape `(n, m)`; repeat the token to fill
      a row.
    - `budget`: how many positions may change.

    **Returns:** a set of arrays of shape `(n, width)`.

    **Raises:** `TypeError`, `ValueError` when they do not fit, or a word is not in the vocabulary.

    >>> words = np.array([[0.0], [1.0], [5.0]])
    >>> float(Synonyms(words, [0, 1], [[0], [2]], budget=1).minimum(-jnp.ones((2, 1))))
    -5.0
    """

    embeddings: Any
    tokens: Any
    choices: Any
    budget: int = eqx.field(static=True)

    def __init__(self, embeddings: Any, tokens: Any, choices: Any, budget: int):
        self.embeddings = check_array("embeddings", embeddings, ndim=2)
        self.tokens = check_array("tokens", tokens, ndim=1, kind="integer")
        length = self.tokens.shape[0]
        self.choices = check_array("choices", choices, shape=(length, None), kind="integer")
        self.budget = check_integer("budget", budget, minimum=1, maximum=length)
        for name, words in (("tokens", self.tokens), ("choices", self.choices)):
            size = self.embeddings.shape[0]
            if not isinstance(words, Tracer) and not np.all((np.asarray(words) >= 0) & (np.asarray(words) < size)):
                raise ValueError(f"{name} must be words in [0, {size}), got {np.min(words)} to {np.max(words)}")

    def interval(self) -> Interval:
        candidates = self._candidates()
        return Interval(candidates.min(1), candidates.max(1))

    def minimum(self, coefficients: Float[Array, "n width"]) -> Float[Array, ""]:
        candidates = self._candidates()
        values = jnp.einsum("nmw,nw->nm", candidates, coefficients)
        gains = values[:, 0] - values.min(1)
        return values[:, 0].sum() - jnp.sum(jax.lax.top_k(gains, self.budget)[0])

    def sample(self, key: Any) -> Float[Array, "n width"]:
        place, word = jax.random.split(key)
        candidates = self._candidates()
        length, count = candidates.shape[:2]
        changed = jax.random.permutation(place, length) < self.budget
        word = jnp.where(changed, jax.random.randint(word, (length,), 0, count), 0)
        return candidates[jnp.arange(length), word]

    def project(self, x: Float[Array, "n width"]) -> Float[Array, "n width"]:
        candidates = self._candidates()
        distances = jnp.sum((candidates - x[:, None]) ** 2, -1)
        gains = distances[:, 0] - distances.min(1)
        changed = jnp.argsort(jnp.argsort(-gains)) < self.budget
        word = jnp.where(changed, distances.argmin(1), 0)
        return candidates[jnp.arange(len(candidates)), word]

    def _candidates(self) -> Array:
        """The embeddings that may stand at each position, the word itself first."""
        words = jnp.concatenate([jnp.asarray(self.tokens)[:, None], jnp.asarray(self.choices)], 1)
        return jnp.asarray(self.embeddings)[words]
