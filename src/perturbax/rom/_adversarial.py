"""What the methods that train a generator against a critic share: the networks, the choice by validation, restarts."""

import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..core import Result
from ..nn import AbstractGame, GANFit, fit_gan
from ..stats import sampling_floor, sliced_wasserstein
from ._boundary_problem import Standardised
from ._trace_law import FittedLaw, NetworkLaw

# Generated traces for each one that was set aside, and directions of the sliced distance that chooses.
_REPEATS, _DIRECTIONS = 4, 200
# Each restart after a divergence has this share of the learning rate.
_SLOWER, _RESTARTS = 0.5, 2


def estimate_by_game(
    game: AbstractGame, method: Any, critic_steps: int, data: Standardised, key: Any, progress: bool | None
) -> FittedLaw:
    """Train by a game; after a divergence anew with half of the learning rate, twice at most.

    **Arguments:** `game`; `method`: with `networks`, `learning_rate`, `steps`, `batch` and `ema`; `critic_steps`:
    updates of the critic for each of the generator; the others as of `AbstractGeneratorMethod.estimate`.
    """
    network_key, score_key, fit_key = jax.random.split(key, 3)
    generator_key, critic_key = jax.random.split(network_key)
    d, q = data.u.shape[1], data.p.shape[1]
    generator = method.networks.generator(game.latent, q, d, generator_key)
    critic = method.networks.critic(d, q, critic_key)
    score = distance_to_held(game, data, score_key)
    rate = method.learning_rate
    for attempt in range(_RESTARTS + 1):
        found = fit_gan(
            game,
            generator,
            critic,
            data.u,
            data.p,
            steps=method.steps,
            key=jax.random.fold_in(fit_key, attempt),
            critic_steps=critic_steps,
            batch_size=method.batch,
            learning_rate=rate,
            ema=method.ema,
            score=score,
            tolerance=0.0 if score is None else noise_of_distance(data, score_key),
            progress=progress,
        )
        if found.result == Result.successful or attempt == _RESTARTS:
            break
        warnings.warn(
            f"the critic diverged after {found.steps} steps at learning rate {rate:g}: trained anew with half of it",
            stacklevel=5,
        )
        rate *= _SLOWER
    return FittedLaw(
        NetworkLaw(found.generator, game.latent), _history(found), found.result, _stats(found, rate, critic_steps)
    )


def distance_to_held(game: AbstractGame, data: Standardised, key: Any) -> Callable[[Any], float] | None:
    """The sliced distance of a generator to the traces set aside, at their parameters; `None` when there are none."""
    if len(data.held_u) == 0:
        return None
    p = np.tile(data.held_p, (_REPEATS, 1))
    noise_key, direction_key = jax.random.split(key)
    z = game.noise(noise_key, len(p))

    def distance(generator: Any) -> float:
        drawn = np.asarray(_called(generator, z, p))
        if not np.isfinite(drawn).all():
            return np.inf
        return sliced_wasserstein(drawn, data.held_u, direction_key, _DIRECTIONS, order=1)

    return distance


def noise_of_distance(data: Standardised, key: Any) -> float:
    """How much the distance of true traces to as many as are set aside varies: smaller differences mean nothing."""
    rows, (direction_key, pair_key) = np.concatenate([data.u, data.held_u]), jax.random.split(key)

    def distance(x: Any, y: Any) -> float:
        return sliced_wasserstein(x, y, direction_key, _DIRECTIONS, order=1)

    return sampling_floor(distance, rows, min(len(data.held_u), len(rows) // 2), pair_key, repeats=10).std


@eqx.filter_jit
def _called(generator: Any, z: Any, p: Any) -> Any:
    return generator(z, p)


def _history(found: GANFit) -> dict[str, np.ndarray]:
    return {**found.history, "validation": found.scores}


def _stats(found: GANFit, rate: float, critic_steps: int) -> dict[str, Any]:
    return {
        "best_step": found.best_step,
        "averaged": found.averaged,
        "learning_rate": rate,
        "evaluations": found.steps * (critic_steps + 1),
    }
