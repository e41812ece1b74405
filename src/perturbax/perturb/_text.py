"""Perturbations of texts. They work on the host, outside of `jit`, on one text or on a list of them.

Words are what white space separates. The operations on words are those of "easy data augmentation" (Wei & Zou 2019),
with a probability per word in the place of their number of words.
"""

import abc
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..core import check_instance, check_key, check_number
from ._perturbation import AbstractPerturbation


class AbstractTextPerturbation(AbstractPerturbation):
    """A random change of a text. `p(text, key=key)` is a text; `p(texts, key=key)` is a list, in which entry `i`
    depends on its text, on `key` and on `i` only.

    A subclass has the field `strength` and writes `rewrite`; a text that it does not want to change it returns as it
    came.
    """

    def __check_init__(self):
        check_number("strength", self.strength, minimum=0.0, maximum=1.0)

    @abc.abstractmethod
    def rewrite(self, text: str, random: np.random.Generator) -> str:
        """The perturbed text, with all randomness from `random`."""

    def __call__(self, x: Any, *, key: Any) -> Any:
        entropy = np.asarray(jax.random.key_data(check_key("key", key))).tolist()

        def rewritten(i: int, text: Any) -> str:
            check_instance("x" if isinstance(x, str) else f"x[{i}]", text, str, "a text")
            if self.strength == 0.0:
                return text
            return self.rewrite(text, np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(i,))))

        if isinstance(x, str):
            return rewritten(0, x)
        check_instance("x", x, Sequence, "a text or a list of texts")
        return [rewritten(i, text) for i, text in enumerate(x)]


class WordDrop(AbstractTextPerturbation):
    """Each word is left out with probability `strength`; one word, drawn at random, always stays.

    **Arguments:** `strength`: in [0, 1].

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Wei & Zou 2019, "random deletion".

    >>> WordDrop(0.5)("a red fox in the snow", key=jax.random.key(1))
    'a fox the'
    """

    strength: float

    def rewrite(self, text: str, random: np.random.Generator) -> str:
        words = text.split()
        stays = random.random(len(words)) >= self.strength
        if stays.all():
            return text
        if not stays.any():
            stays[random.integers(len(words))] = True
        return " ".join(word for word, kept in zip(words, stays, strict=True) if kept)


class WordSwap(AbstractTextPerturbation):
    """Each word, with probability `strength`, changes places with another one, drawn at random.

    **Arguments:** `strength`: in [0, 1].

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Wei & Zou 2019, "random swap".

    >>> WordSwap(0.5)("a red fox in the snow", key=jax.random.key(1))
    'in the snow a red fox'
    """

    strength: float

    def rewrite(self, text: str, random: np.random.Generator) -> str:
        words = text.split()
        chosen = np.flatnonzero(random.random(len(words)) < self.strength)
        if len(words) < 2 or not chosen.size:
            return text
        for i in chosen:
            j = (i + random.integers(1, len(words))) % len(words)
            words[i], words[j] = words[j], words[i]
        return " ".join(words)


class Synonyms(AbstractTextPerturbation):
    """Each word that the table knows becomes, with probability `strength`, one of the words that the table gives for
    it. A capital at its beginning and punctuation around it stay.

    A table of wrong words (`{"cat": ["dog", "car"]}`) makes captions that no longer fit, as hybrid DCPO wants them.

    **Arguments:** `strength`: in [0, 1]; `table`: from a word to others; capitals of its keys do not count.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    Source: Wei & Zou 2019, "synonym replacement".

    >>> Synonyms(1.0, {"fox": ["vixen"], "red": ["crimson"]})("Red fox, asleep.", key=jax.random.key(0))
    'Crimson vixen, asleep.'
    """

    strength: float
    table: dict[str, tuple[str, ...]] = eqx.field(converter=lambda table: _settle_table(table))

    def rewrite(self, text: str, random: np.random.Generator) -> str:
        words = text.split()
        changed = [self._replace(word, random) if random.random() < self.strength else word for word in words]
        return text if changed == words else " ".join(changed)

    def _replace(self, word: str, random: np.random.Generator) -> str:
        core = word.strip(string.punctuation)
        others = self.table.get(core.lower())
        if others is None:
            return word
        other = others[random.integers(len(others))]
        other = other[:1].upper() + other[1:] if core[:1].isupper() else other
        start = word.index(core)
        return word[:start] + other + word[start + len(core) :]


class Paraphrase(AbstractTextPerturbation):
    """A function of the user's, such as a call of a language model, as a perturbation.

    DCPO's perturbations are of this kind: the paraphraser DIPPER at lexical diversity 40, 60 and 80 of 100.

    **Arguments:** `strength`: in [0, 1]; at 0 the function is not called. `function`: `function(text, strength, seed)
    -> text`, where `seed` is an integer below 2^32 that should decide everything random in it.

    **Raises:** `ValueError` or `TypeError` that names the argument, or when the function returns no text.

    Source: Krishna et al. 2023 (DIPPER); Saeidi et al. 2025, section 4.

    >>> Paraphrase(0.8, lambda text, strength, seed: text.upper())("a fox", key=jax.random.key(0))
    'A FOX'
    """

    strength: float
    function: Callable[[str, float, int], str]

    def __check_init__(self):
        if not callable(self.function):
            raise TypeError(f"function must be callable as function(text, strength, seed), got {self.function!r}")

    def rewrite(self, text: str, random: np.random.Generator) -> str:
        seed = int(random.integers(2**32))
        return check_instance("what function returns", self.function(text, self.strength, seed), str, "a text")


def _settle_table(table: Any) -> dict[str, tuple[str, ...]]:
    settled = {}
    for word, others in check_instance("table", table, Mapping, "a dictionary of words to lists of words").items():
        others = (others,) if isinstance(others, str) else tuple(others)
        if not isinstance(word, str) or not others or not all(isinstance(other, str) for other in others):
            raise ValueError(f"table[{word!r}] must be a list of at least one word, got {others!r}")
        settled[word.lower()] = others
    return settled
