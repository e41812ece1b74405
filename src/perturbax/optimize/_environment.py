"""Environments of contextual bandits whose arms are subsets: binary actions of `q` bits."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core import check_array, check_integer

Numbers = Array | np.ndarray


class AbstractEnvironment(eqx.Module):
    """A game of one or several stages: a context is drawn, and at each stage an action is played and rewarded.

    The context of a later stage is the first one followed by the rewards so far.
    """

    #: From which the contexts are drawn, `(m, c)`.
    contexts: eqx.AbstractVar[Any]
    #: The actions of each stage, `(n, q)` of zeros and ones each.
    arms: eqx.AbstractVar[tuple[Any, ...]]
    #: Whether `play` can be compiled.
    traceable: ClassVar[bool] = False

    @property
    def table(self) -> Any:
        """The mean rewards of the arms of a game of one stage in each of `contexts`, `(m, n)`; `None` when unknown."""
        return None

    @abc.abstractmethod
    def play(
        self, stage: int, context: Float[Any, " c"], action: Float[Any, " q"], carry: Any, key: Any
    ) -> tuple[Any, Any]:
        """The reward of an action, and what the next stage begins with; the first one begins with `None`."""


class TableEnvironment(AbstractEnvironment):
    """Rewards that are known already, for all contexts and arms: simulations of bandits cost nothing.

    **Arguments:** `contexts`: `(m, c)`; `arms`: `(n, q)` of zeros and ones; `rewards`: `(m, n)`.

    **Raises:** `TypeError`, `ValueError` for shapes that do not fit, arms that are not binary, values that are not
    finite, or contexts that come twice.

    >>> TableEnvironment([[0.0], [1.0]], [[0, 1], [1, 0]], [[1.0, 2.0], [3.0, 0.0]]).table.shape
    (2, 2)
    """

    contexts: Float[Numbers, "m c"]
    arms: tuple[Float[Numbers, "n q"]]
    rewards: Float[Numbers, "m n"]

    traceable: ClassVar[bool] = True

    def __init__(self, contexts: Any, arms: Any, rewards: Any):
        self.contexts = settle_contexts(contexts)
        if len(np.unique(self.contexts, axis=0)) < len(self.contexts):
            raise ValueError("contexts must differ from each other, some come twice")
        self.arms = (settle_arms("arms", arms),)
        self.rewards = check_array("rewards", rewards, shape=(len(self.contexts), len(self.arms[0])))

    @property
    def table(self) -> Any:
        return self.rewards

    def play(
        self, stage: int, context: Float[Any, " c"], action: Float[Any, " q"], carry: Any, key: Any
    ) -> tuple[Any, Any]:
        arm = jnp.argmin(jnp.sum(jnp.abs(jnp.asarray(self.arms[0]) - action), -1))
        return jnp.asarray(self.rewards)[nearest(self.contexts, context), arm], None


class FunctionEnvironment(AbstractEnvironment):
    """Rewards by any function of Python, such as a training that takes minutes.

    **Arguments:** `reward`: `reward(context, action, key)`, a number; `contexts`: `(m, c)`, from which they are drawn;
    `arms`: `(n, q)` of zeros and ones.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    >>> FunctionEnvironment(lambda context, action, key: action.sum(), [[0.0]], all_subsets(2)).arms[0].shape
    (4, 2)
    """

    reward: Callable
    contexts: Float[Numbers, "m c"]
    arms: tuple[Float[Numbers, "n q"]]

    def __init__(self, reward: Callable, contexts: Any, arms: Any):
        if not callable(reward):
            raise TypeError(f"reward must be a function, got {type(reward).__name__}")
        self.reward = reward
        self.contexts = settle_contexts(contexts)
        self.arms = (settle_arms("arms", arms),)

    def play(
        self, stage: int, context: Float[Any, " c"], action: Float[Any, " q"], carry: Any, key: Any
    ) -> tuple[Any, Any]:
        return self.reward(np.asarray(context), np.asarray(action), key), None


def all_subsets(bits: int) -> np.ndarray:
    """All binary actions of some bits.

    **Arguments:** `bits`: how many, at most 16.

    **Returns:** `(2^bits, bits)` of zeros and ones; the last bit changes fastest.

    **Raises:** `TypeError`, `ValueError` for another number.

    >>> all_subsets(2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    bits = check_integer("bits", bits, minimum=1, maximum=16)
    return (np.arange(2**bits)[:, None] >> np.arange(bits)[::-1] & 1).astype(np.float64)


def settle_contexts(contexts: Any) -> np.ndarray:
    """Contexts as `(m, c)` of float64."""
    return np.asarray(check_array("contexts", contexts, shape=(None, None)), np.float64)


def settle_arms(name: str, arms: Any) -> np.ndarray:
    """Different binary actions as `(n, q)` of float64."""
    array = np.asarray(check_array(name, arms, shape=(None, None), kind="any"), np.float64)
    if not np.isin(array, (0.0, 1.0)).all():
        raise ValueError(f"{name} must be of zeros and ones")
    if len(np.unique(array, axis=0)) < len(array):
        raise ValueError(f"{name} must differ from each other, some come twice")
    return array


def nearest(contexts: Any, context: Any) -> Int[Array, ""]:
    """The row of the nearest of some contexts."""
    return jnp.argmin(jnp.sum(jnp.square(jnp.asarray(contexts) - context), -1))


def draw_context(contexts: Float[Array, "m c"], key: Any) -> Float[Array, " c"]:
    """One of some contexts."""
    return contexts[jax.random.randint(key, (), 0, len(contexts))]
