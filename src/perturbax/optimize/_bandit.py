"""`bandit`: choose among subsets by contexts and rewards. The verb, its methods and its solution."""

import abc
import dataclasses
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from ..core import Method, check_array, check_instance, check_integer, check_key, float64, progress, settle_arrays
from ._environment import AbstractEnvironment, draw_context

_progress = progress


class AbstractBanditMethod(Method):
    """A method of `optimize.bandit`, called in float64."""

    @abc.abstractmethod
    def start(self, environment: AbstractEnvironment, plays: int) -> Any:
        """The state before the first of some plays; refuses an environment that it is not for."""

    @abc.abstractmethod
    def ask(self, state: Any, stage: int, context: Float[Array, " c"], key: Any) -> Int[Array, ""]:
        """The number of the arm to play."""

    def tell(
        self, state: Any, contexts: tuple[Any, ...], arms: tuple[Any, ...], rewards: Float[Array, " stages"]
    ) -> Any:
        """The state after a play of all stages."""
        return state

    def recommend(self, state: Any, stage: int, context: Float[Array, " c"]) -> Int[Array, ""]:
        """The arm that is best by all that is known; by default what would be played."""
        return self.ask(state, stage, context, jax.random.key(0))


class Plays(eqx.Module):
    """What `bandit` returns; called with a context it gives the action that the method recommends. Arrays are NumPy's.

    - `contexts`: `(plays, c)`; `arms`: the numbers of those played, `(plays, stages)`; `rewards`: as `arms`.
    - `environment`, `method`, `state`: of the method after the last play.
    - `stats`: `"evaluations"`, rewards that were asked for; `"seconds"`, with compilation the first time.
    """

    contexts: Float[Array | np.ndarray, "*batch plays c"]
    arms: Int[Array | np.ndarray, "*batch plays stages"]
    rewards: Float[Array | np.ndarray, "*batch plays stages"]
    environment: AbstractEnvironment
    method: AbstractBanditMethod
    state: Any
    stats: dict[str, Any]

    def __call__(self, context: Any, stage: int = 0) -> np.ndarray:
        """The recommended action, `(q,)`, or `(n, q)` for several contexts `(n, c)`.

        At a later stage a context is followed by the rewards so far.
        """
        check_integer("stage", stage, minimum=0, maximum=len(self.environment.arms) - 1)
        context = check_array("context", context)
        wanted = self.environment.contexts.shape[1] + stage
        rows = check_array("context", np.atleast_2d(context), shape=(None, wanted))
        with float64():
            state = settle_arrays(self.state)
            arms = _recommend(self.method, state, stage, jnp.asarray(np.asarray(rows, np.float64)))
        actions = np.asarray(self.environment.arms[stage])[np.asarray(arms)]
        return actions[0] if np.ndim(context) == 1 else actions

    def within(self, context: Any) -> Any:
        """Whether contexts lie in the range of those of the environment; outside, a recommendation extrapolates."""
        contexts, asked = np.asarray(self.environment.contexts), np.asarray(context)
        inside = (asked >= contexts.min(0)) & (asked <= contexts.max(0))
        return inside.all(-1)


def bandit(
    environment: AbstractEnvironment,
    method: AbstractBanditMethod,
    *,
    plays: int = 200,
    key: Any,
    progress: bool | None = None,
) -> Plays:
    """Play a contextual bandit whose arms are subsets, and learn which subset is best in which context.

    Environments that can be traced, such as `TableEnvironment`, run in one compiled loop in float64, also under `vmap`
    over keys; others are called once for each play. The same key draws the same contexts for every method.

    **Arguments:**

    - `environment`: `TableEnvironment(...)`, `FunctionEnvironment(...)` or your own.
    - `method`: such as `GPBandit()`.
    - `plays`: how many.
    - `key`: JAX PRNG key.
    - `progress`: as `show` of `core.progress`, where rewards are functions of Python.

    **Returns:** a `Plays`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit: a method for another number of stages, a
    reference where the rewards of other arms are unknown, a reward that is no finite number.

    >>> from perturbax import optimize
    >>> def reward(context, action, key):
    ...     return -abs(action.sum() - context[0])
    >>> world = optimize.FunctionEnvironment(reward, [[0.0], [1.0], [2.0]], optimize.all_subsets(2))
    >>> learned = optimize.bandit(world, optimize.GPBandit(), plays=25, key=jax.random.key(0), progress=False)
    >>> learned([2.0]).tolist()
    [1.0, 1.0]
    """
    check_instance("environment", environment, AbstractEnvironment, "an environment such as TableEnvironment(...)")
    check_instance("method", method, AbstractBanditMethod, "a method such as GPBandit()")
    plays = check_integer("plays", plays, minimum=1)
    key = check_key("key", key)
    begun = time.perf_counter()
    with float64():
        state = method.start(environment, plays)
        if environment.traceable:
            state, record = _play_compiled(settle_arrays(environment), method, state, key, plays)
        else:
            state, record = _play_on_host(environment, method, state, key, plays, progress)
    contexts, arms, rewards = record
    stats = {"evaluations": plays * len(environment.arms)}
    found = Plays(contexts, arms, rewards, environment, method, state, stats)
    if isinstance(rewards, Tracer):
        return found
    host = jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf, found)
    return dataclasses.replace(host, stats={**stats, "seconds": time.perf_counter() - begun})


def standardise(environment: AbstractEnvironment) -> tuple[Array, Array]:
    """Mean and standard deviation of the contexts, 1 where they are all equal."""
    contexts = jnp.asarray(environment.contexts)
    deviation = jnp.std(contexts, 0)
    return jnp.mean(contexts, 0), jnp.where(deviation > 0.0, deviation, 1.0)


def one_stage(method: AbstractBanditMethod, environment: AbstractEnvironment) -> None:
    """Refuse a game of several stages."""
    if len(environment.arms) != 1:
        raise ValueError(f"environment must have one stage for {type(method).__name__}, it has {len(environment.arms)}")


def known_rewards(method: AbstractBanditMethod, environment: AbstractEnvironment) -> Array:
    """The rewards of all arms in all contexts; refuses an environment that does not know them."""
    if environment.table is None:
        raise ValueError(
            f"environment must know the rewards of all arms for {type(method).__name__}, such as a TableEnvironment"
        )
    return jnp.asarray(environment.table)


def _keys(key: Any, t: Any, stages: int) -> Any:
    return jax.random.split(jax.random.fold_in(key, t), 1 + 2 * stages)


@eqx.filter_jit
def _play_compiled(environment: Any, method: Any, state: Any, key: Any, plays: int) -> Any:
    stages = len(environment.arms)

    def play(state: Any, t: Any) -> Any:
        keys, carry = _keys(key, t, stages), None
        context = draw_context(environment.contexts, keys[0])
        contexts, arms, rewards = [], [], []
        for stage in range(stages):
            contexts.append(jnp.concatenate([context, *[reward[None] for reward in rewards]]))
            arm = method.ask(state, stage, contexts[-1], keys[1 + 2 * stage])
            action = jnp.asarray(environment.arms[stage])[arm]
            reward, carry = environment.play(stage, context, action, carry, keys[2 + 2 * stage])
            arms.append(arm)
            rewards.append(jnp.asarray(reward, context.dtype))
        state = method.tell(state, tuple(contexts), tuple(arms), jnp.stack(rewards))
        return state, (context, jnp.stack(arms).astype(jnp.int32), jnp.stack(rewards))

    return jax.lax.scan(play, state, jnp.arange(plays))


def _play_on_host(environment: Any, method: Any, state: Any, key: Any, plays: int, show: bool | None) -> Any:
    stages, rows = len(environment.arms), []
    contexts_of_all = jnp.asarray(environment.contexts)
    with _progress(plays, "optimize.bandit", show=show) as bar:
        for t in range(plays):
            keys, carry = _keys(key, t, stages), None
            context = _draw(contexts_of_all, keys[0])
            contexts, arms, rewards = [], [], []
            for stage in range(stages):
                contexts.append(jnp.concatenate([context, jnp.asarray(rewards, context.dtype)]))
                arm = _ask(method, state, stage, contexts[-1], keys[1 + 2 * stage])
                action = environment.arms[stage][int(arm)]
                reward, carry = environment.play(stage, context, action, carry, keys[2 + 2 * stage])
                rewards.append(_settle_reward(reward, t))
                arms.append(arm)
            state = _tell(method, state, tuple(contexts), tuple(arms), jnp.asarray(rewards, context.dtype))
            rows.append((np.asarray(context), np.asarray(arms, np.int32), np.asarray(rewards, np.float64)))
            bar.advance(1)
            bar.update(reward=rewards[-1])
    return state, tuple(np.stack([row[i] for row in rows]) for i in range(3))


def _settle_reward(reward: Any, t: int) -> float:
    number = float(np.asarray(reward))
    if not np.isfinite(number):
        raise ValueError(f"the reward of play {t} must be finite, got {number}; give failures a low one")
    return number


_draw = jax.jit(draw_context)
_ask = eqx.filter_jit(lambda method, state, stage, context, key: method.ask(state, stage, context, key))
_tell = eqx.filter_jit(lambda method, state, contexts, arms, rewards: method.tell(state, contexts, arms, rewards))


@eqx.filter_jit
def _recommend(method: Any, state: Any, stage: int, contexts: Array) -> Int[Array, " n"]:
    return jax.vmap(lambda context: method.recommend(state, stage, context))(contexts)
