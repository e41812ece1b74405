r"""Two networks that are trained against each other, with a condition: a generator `G(z, p)` and a critic `D(u, p)`.

    repeat:   k times   theta_D <- Adam(grad critic_loss),      then   theta_G <- Adam(grad generator_loss)

with fresh batches and fresh noise `z ~ N(0, I)` in each update. A game says what the losses are. Both players use Adam
with `beta = (0, 0.9)` (Gulrajani et al. 2017).

It is not `core.fit`, which descends one loss of one model and keeps the lowest of one validation loss: here two losses
are descended in turn, the generator or its average is kept by scores that are equal up to sampling, and a penalty can
end the run.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..core import Result, check_array, check_instance, check_integer, check_key, check_number
from ..core import progress as progress_bar

_ADAM = optax.scale_by_adam(b1=0.0, b2=0.9)


class AbstractGame(eqx.Module):
    """What the players lose. Losses are means over a batch of `u` of shape `(b, d)` and `p` of shape `(b, q)`."""

    latent: eqx.AbstractVar[int]

    @abc.abstractmethod
    def critic_loss(self, critic: Any, fake: Array, u: Array, p: Array, key: Any) -> tuple[Array, dict[str, Array]]:
        """The loss of the critic on generated and on true rows, and numbers to record; `"penalty"` is watched."""

    @abc.abstractmethod
    def generator_loss(self, critic: Any, fake: Array, p: Array) -> Array:
        """The loss of the generator."""

    def noise(self, key: Any, count: int) -> Float[Array, "count latent"]:
        """`z`."""
        return jax.random.normal(key, (count, self.latent))


class GANFit(eqx.Module):
    """What `fit_gan` returns.

    - `generator`: of the last evaluation whose score is within the tolerance of the lowest; without a score the last.
    - `critic`: the last one.
    - `best_step`, `averaged`: after how many steps it was taken, and whether its parameters are averages.
    - `scores`: of each evaluation, shape `(evaluations, 2)`, of the parameters and of their averages.
    - `history`: for each step what the game records in its last critic update, and the `"critic_loss"` and the
      `"generator_loss"`, each of shape `(steps,)`.
    - `steps`: how many were made; `result`: successful, nonfinite or diverged.
    """

    generator: Any
    critic: Any
    best_step: int
    averaged: bool
    scores: Float[np.ndarray, "evaluations 2"]
    history: dict[str, np.ndarray]
    steps: int
    result: Any


class _State(eqx.Module):
    step: Array
    generator: Any
    critic: Any
    generator_moments: Any
    critic_moments: Any
    average: Any


def fit_gan(
    game: AbstractGame,
    generator: Any,
    critic: Any,
    u: Any,
    p: Any,
    *,
    steps: int,
    key: Any,
    critic_steps: int = 5,
    batch_size: int = 64,
    learning_rate: float = 1e-4,
    ema: float = 0.999,
    every: int = 250,
    score: Callable[[Any], float] | None = None,
    tolerance: float = 0.0,
    largest_loss: float = 1e3,
    largest_penalty: float = 10.0,
    grace: int = 200,
    progress: bool | None = None,
) -> GANFit:
    """Train a generator and a critic against each other.

    **Arguments:**

    - `game`: such as `WassersteinGP()`.
    - `generator`: called as `generator(z, p)`; `critic`: as `critic(u, p)`, with a number for each row.
    - `u`: true rows, shape `(n, d)`; `p`: their conditions, shape `(n, q)`, `q` may be 0.
    - `steps`: updates of the generator; `critic_steps`: of the critic before each; `batch_size`: rows of each update,
      drawn with replacement; `learning_rate`: of both.
    - `ema`: decay of the averaged generator, smaller in the first steps as in `core.fit`.
    - `score`: `score(generator)`, asked after each `every` steps of the generator and of its average. The lower one of
      the two is kept when it is below all before or above the lowest by `tolerance` at most: what scores cannot tell
      apart is decided for the longer training.
    - `largest_loss`, `largest_penalty`: after `grace` steps a critic loss or a penalty beyond them ends the run as
      diverged.
    - `progress`: as `show` of `core.progress`.

    Nothing is written to a file, so that a run that is interrupted begins anew.

    **Returns:** a `GANFit`; a run that failed is told by its `result`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit.

    Source: Gulrajani et al. 2017, arXiv 1704.00028.

    >>> from perturbax import nn
    >>> u = np.random.default_rng(0).normal(size=(32, 2))
    >>> keys = jax.random.split(jax.random.key(0), 3)
    >>> players = nn.ConditionalMLP(2, 0, (8,), 2, key=keys[0]), nn.ConditionalMLP(2, 0, (8,), None, key=keys[1])
    >>> done = nn.fit_gan(nn.WassersteinGP(latent=2), *players, u, np.zeros((32, 0)), steps=2, key=keys[2])
    >>> done.history["penalty"].shape
    (2,)
    """
    check_instance("game", game, AbstractGame, "a game such as WassersteinGP()")
    u = np.asarray(check_array("u", u, ndim=2), np.float32)
    p = np.asarray(check_array("p", p, shape=(len(u), None), nonempty=False), np.float32)
    steps, every = check_integer("steps", steps, minimum=1), check_integer("every", every, minimum=1)
    critic_steps = check_integer("critic_steps", critic_steps, minimum=1)
    batch_size = check_integer("batch_size", batch_size, minimum=1)
    rate = check_number("learning_rate", learning_rate, minimum=0.0, exclusive=True)
    ema = check_number("ema", ema, minimum=0.0, maximum=1.0)
    tolerance = check_number("tolerance", tolerance, minimum=0.0)
    largest_loss = check_number("largest_loss", largest_loss, minimum=0.0)
    largest_penalty = check_number("largest_penalty", largest_penalty, minimum=0.0)
    grace = check_integer("grace", grace, minimum=0)
    if score is not None and not callable(score):
        raise TypeError(f"score must be callable as score(generator), got {type(score).__name__}")
    round_ = _Round(game, critic_steps, batch_size, every)
    state, static = _begin(generator, critic)
    data = (jnp.asarray(u), jnp.asarray(p), jnp.float32(rate), jnp.float32(ema), check_key("key", key))
    history: list[dict[str, np.ndarray]] = []
    scores: list[list[float]] = []
    kept, lowest, result, made = (generator, 0, False), np.inf, Result.successful, 0
    with progress_bar(steps, "fit", show=progress) as bar:
        while made < steps and result == Result.successful:
            count = min(round_.length, steps - made)
            state, records = _advance(round_, static, data, state, jnp.int32(count))
            seen = {name: np.asarray(values)[:count] for name, values in records.items()}
            history.append(seen)
            result = _judged(seen, made, grace, largest_loss, largest_penalty)
            made += count
            if result == Result.successful:
                both = [eqx.combine(params, static[0]) for params in (state.generator, state.average)]
                if score is None:
                    kept = (both[0], made, False)
                else:
                    scores.append([float(score(each)) for each in both])
                    i = int(np.argmin(scores[-1]))
                    if scores[-1][i] <= lowest + tolerance:
                        kept, lowest = (both[i], made, bool(i)), min(lowest, scores[-1][i])
            bar.advance(count)
    return GANFit(
        generator=kept[0],
        critic=eqx.combine(state.critic, static[1]),
        best_step=kept[1],
        averaged=kept[2],
        scores=np.array(scores).reshape(-1, 2),
        history={name: np.concatenate([part[name] for part in history]) for name in history[0]},
        steps=made,
        result=result,
    )


class _Round(eqx.Module):
    """What a step consists of, and how many of them are compiled into one program."""

    game: AbstractGame
    critic_steps: int
    batch_size: int
    length: int

    def step(self, static: Any, data: Any, state: _State) -> tuple[_State, dict[str, Array]]:
        u, p, rate, ema, key = data
        keys = jax.random.split(jax.random.fold_in(key, state.step), self.critic_steps + 1)

        def critic_step(carry: Any, key: Any) -> tuple[Any, dict[str, Array]]:
            params, moments = carry
            row_key, noise_key, loss_key = jax.random.split(key, 3)
            rows = jax.random.randint(row_key, (self.batch_size,), 0, len(u))
            generator = eqx.combine(state.generator, static[0])
            fake = generator(self.game.noise(noise_key, self.batch_size), p[rows])

            def loss(params: Any) -> Any:
                return self.game.critic_loss(eqx.combine(params, static[1]), fake, u[rows], p[rows], loss_key)

            (value, record), gradient = jax.value_and_grad(loss, has_aux=True)(params)
            return _update(params, moments, gradient, rate), {"critic_loss": value, **record}

        (critic, critic_moments), records = jax.lax.scan(critic_step, (state.critic, state.critic_moments), keys[:-1])
        row_key, noise_key = jax.random.split(keys[-1])
        rows = jax.random.randint(row_key, (self.batch_size,), 0, len(u))
        noise, judge = self.game.noise(noise_key, self.batch_size), eqx.combine(critic, static[1])

        def loss(params: Any) -> Array:
            return self.game.generator_loss(judge, eqx.combine(params, static[0])(noise, p[rows]), p[rows])

        value, gradient = jax.value_and_grad(loss)(state.generator)
        generator, moments = _update(state.generator, state.generator_moments, gradient, rate)
        decay = jnp.minimum(ema, (1.0 + state.step) / (10.0 + state.step))
        average = jax.tree.map(lambda old, new: old + (1.0 - decay) * (new - old), state.average, generator)
        last = {name: values[-1] for name, values in records.items()}
        new = _State(state.step + 1, generator, critic, moments, critic_moments, average)
        return new, {**last, "generator_loss": value}


def _begin(generator: Any, critic: Any) -> tuple[_State, tuple[Any, Any]]:
    (g, g_static), (c, c_static) = (eqx.partition(player, eqx.is_inexact_array) for player in (generator, critic))
    return _State(jnp.int32(0), g, c, _ADAM.init(g), _ADAM.init(c), g), (g_static, c_static)


@eqx.filter_jit
def _advance(round_: _Round, static: Any, data: Any, state: _State, count: Any) -> tuple[_State, dict[str, Array]]:
    """`count` steps, at most `length`, in one program for every count."""
    shapes = jax.eval_shape(lambda state: round_.step(static, data, state)[1], state)
    records = {name: jnp.zeros(round_.length, one.dtype) for name, one in shapes.items()}

    def body(carry: Any) -> Any:
        i, state, records = carry
        state, record = round_.step(static, data, state)
        return i + 1, state, {name: records[name].at[i].set(record[name]) for name in records}

    _, state, records = jax.lax.while_loop(lambda carry: carry[0] < count, body, (jnp.int32(0), state, records))
    return state, records


def _update(params: Any, moments: Any, gradient: Any, rate: Array) -> tuple[Any, Any]:
    direction, moments = _ADAM.update(gradient, moments)
    return jax.tree.map(lambda value, change: value - rate * change, params, direction), moments


def _judged(seen: dict[str, np.ndarray], made: int, grace: int, largest_loss: float, largest_penalty: float) -> Any:
    """How a chunk went."""
    if not all(np.isfinite(values).all() for values in seen.values()):
        return Result.nonfinite
    late = made + np.arange(len(seen["critic_loss"])) >= grace
    beyond = np.abs(seen["critic_loss"]) > largest_loss
    beyond |= seen.get("penalty", np.zeros(1)) > largest_penalty
    return Result.diverged if (late & beyond).any() else Result.successful
