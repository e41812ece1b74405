"""Preference pairs, and the problem of aligning a diffusion model with them."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import check_array, check_instance
from ._door import check_callable
from ._levels import AbstractNoiseLevels, UniformTimes
from ._prediction import AbstractPrediction, Epsilon
from ._process import AbstractProcess


class PreferencePairs(eqx.Module):
    """Pairs of samples of which the first is preferred, with what they were asked for and what they show.

    **Arguments:**

    - `winner`, `loser`: shape `(n, *shape)`.
    - `prompt`: what both were drawn for: a list of `n` texts, or conditions of the network, a pytree of arrays with a
      leading axis of `n`; `None` for an unconditional network.
    - `winner_caption`, `loser_caption`: what each image shows, in the same form; methods with captions can also make
      them.

    **Raises:** `ValueError` or `TypeError` that names the argument.

    >>> PreferencePairs(np.ones((2, 3)), np.zeros((2, 3)), ["a fox", "a hen"]).count
    2
    """

    winner: Any
    loser: Any
    prompt: Any = None
    winner_caption: Any = None
    loser_caption: Any = None

    def __check_init__(self):
        winner = check_array("winner", self.winner)
        if winner.ndim < 2:
            raise ValueError(f"winner must have shape (n, ...), got {tuple(winner.shape)}")
        check_array("loser", self.loser, shape=tuple(winner.shape))
        for name in ("prompt", "winner_caption", "loser_caption"):
            check_captions(name, getattr(self, name), len(winner))

    @property
    def count(self) -> int:
        """The number of pairs."""
        return len(self.winner)

    def distinct(self) -> "PreferencePairs":
        """The pairs whose images differ: two equal images say nothing about what is preferred."""
        winner, loser = (np.asarray(images) for images in (self.winner, self.loser))
        kept = np.flatnonzero((winner != loser).reshape(len(winner), -1).any(axis=1))
        if kept.size == len(winner):
            return self
        if not kept.size:
            raise ValueError(f"winner and loser must differ in some pairs, got {len(winner)} pairs of equal images")
        captions = (self.prompt, self.winner_caption, self.loser_caption)
        return PreferencePairs(winner[kept], loser[kept], *(take_captions(caption, kept) for caption in captions))


class AlignmentProblem(eqx.Module):
    """The problem of aligning a trained diffusion model with preferences.

    **Arguments:**

    - `model`: a JAX network, such as an Equinox module, called as for `Sampling`: `(x, time)`, or `(x, time,
      condition)` when there are prompts. Its floating arrays are trained.
    - `process`: the forward process that it was trained on.
    - `pairs`: `PreferencePairs`.
    - `prediction`: what it predicts.
    - `encode`: `encode(texts) -> conditions`, a pytree of arrays with a leading axis of the texts; needed when prompts
      or captions are texts. It is called once, before training; cutting what is too long for the network is its task.
    - `levels`: where the noise levels of training lie, and what errors count there: `UniformTimes()`, or
      `LogNormalLevels()` for networks in the manner of EDM.

    **Raises:** `TypeError` or `ValueError` when an argument is not what it should be, or the prediction has no meaning
    for the process.

    >>> from perturbax import diffusion
    >>> pairs = diffusion.PreferencePairs(np.ones((2, 3)), np.zeros((2, 3)))
    >>> diffusion.AlignmentProblem(lambda x, t: x, diffusion.VPLinear(), pairs).pairs.count
    2
    """

    model: Callable
    process: AbstractProcess
    pairs: PreferencePairs
    prediction: AbstractPrediction = Epsilon()
    encode: Callable | None = None
    levels: AbstractNoiseLevels = UniformTimes()

    def __check_init__(self):
        check_callable("model", self.model, "model(x, time, condition)")
        check_instance("process", self.process, AbstractProcess, "a process such as VPLinear()")
        check_instance("pairs", self.pairs, PreferencePairs, "PreferencePairs(winner, loser, prompt)")
        check_instance("prediction", self.prediction, AbstractPrediction, "a prediction type such as Epsilon()")
        check_instance("levels", self.levels, AbstractNoiseLevels, "noise levels such as UniformTimes()")
        self.prediction.check(self.process)
        if self.encode is not None:
            check_callable("encode", self.encode, "encode(texts)")

    def conditions(self, name: str, captions: Any, count: int) -> Any:
        """Captions as the network takes them: encoded when they are texts."""
        check_captions(name, captions, count)
        if are_texts(captions):
            if self.encode is None:
                raise ValueError(f"encode is needed, because {name} holds texts: a function of a list of texts")
            captions = self.encode(list(captions))
            check_captions(f"what encode returns for {name}", captions, count)
        return jax.tree.map(_as_jax, captions)


def are_texts(captions: Any) -> bool:
    """Whether captions are a list of texts, and not arrays."""
    return isinstance(captions, Sequence) and len(captions) > 0 and all(isinstance(text, str) for text in captions)


def take_captions(captions: Any, index: np.ndarray) -> Any:
    """The captions at some places."""
    if are_texts(captions):
        return [captions[i] for i in index]
    return jax.tree.map(lambda leaf: leaf[index], captions)


def check_captions(name: str, captions: Any, count: int) -> None:
    """Refuse captions that are neither texts nor arrays with a leading axis of `count`."""
    if are_texts(captions):
        if len(captions) != count:
            raise ValueError(f"{name} must hold a text for each of the {count} pairs, got {len(captions)}")
        return
    for leaf in jax.tree.leaves(captions):
        if not hasattr(leaf, "shape"):
            raise TypeError(f"{name} must be a list of texts or hold arrays, got {leaf!r} in it")
        leaf = check_array(name, leaf, kind="any")
        if leaf.dtype != bool:
            check_array(name, leaf, kind="number")
        if leaf.ndim == 0 or leaf.shape[0] != count:
            raise ValueError(f"{name} must have a leading axis of the {count} pairs, got shape {tuple(leaf.shape)}")


def _as_jax(leaf: Any) -> jax.Array:
    return jnp.asarray(leaf, jax.dtypes.canonicalize_dtype(leaf.dtype))
