"""Instance discrimination: the loss, and a target network that follows the one that is trained."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float


class Pretraining(eqx.Module):
    """What a contrastive training changes.

    **Arguments:** `online`: what is trained; `target`: what follows a part of it; `made`, `planned`: steps.
    """

    online: Any
    target: Any
    made: Float[Array, ""]
    planned: Float[Array, ""]


def contrast(a: Float[Array, "n width"], b: Float[Array, "n width"], temperature: float) -> Float[Array, ""]:
    """InfoNCE: how surely each row of `a` finds its own among all rows of `b`, which are taken as constants.

        mean_n [ logsumexp_m(<a_n, b_m> / temperature) - <a_n, b_n> / temperature ]

    with rows of length 1. It is `log n` when all rows are the same.
    """
    a, b = _normalised(a), _normalised(lax.stop_gradient(b))
    # In float32 whatever the network computes in: at small temperatures half precision overflows.
    logits = jnp.matmul(a, b.T).astype(jnp.float32) / temperature
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - jnp.diagonal(logits))


def target_decay(made: Array, planned: Array, start: float, end: float, sharpness: float) -> Float[Array, ""]:
    """How much of the target stays in a step: it grows from `start` to `end`.

    e = sqrt(start^2 + (k / K) (end^2 - start^2)),   c = 2 / (1 + exp(-A (e - start) / (end - start))) - 1,
    c end + (1 - c) start
    """
    if start == end:
        return jnp.asarray(start)
    e = jnp.sqrt(start**2 + made / planned * (end**2 - start**2))
    c = 2.0 * jax.nn.sigmoid(sharpness * (e - start) / (end - start)) - 1.0
    return c * end + (1.0 - c) * start


@functools.lru_cache(maxsize=32)
def with_target(optimizer: Any, start: float, end: float, sharpness: float) -> optax.GradientTransformation:
    """An optimiser of a `Pretraining`: one for what is trained, whose target follows. One object for each setting."""

    def init(params: Pretraining) -> Any:
        return optimizer.init(params.online)

    def update(gradients: Pretraining, state: Any, params: Pretraining | None = None) -> tuple[Pretraining, Any]:
        assert params is not None
        online, state = optimizer.update(gradients.online, state, params.online)
        decay = target_decay(params.made, params.planned, start, end, sharpness)
        followed = _followed(optax.apply_updates(params.online, online))
        target = jax.tree.map(lambda new, old: (1.0 - decay) * (new - old), followed, params.target)
        return Pretraining(online, target, jnp.ones(()), jnp.zeros(())), state

    return optax.GradientTransformation(init, update)


def _followed(online: Any) -> Any:
    """The part of what is trained that has a target: the encoder and its first head."""
    return online[:2]


def _normalised(x: Array) -> Array:
    return x / jnp.maximum(jnp.linalg.norm(x, axis=1, keepdims=True), 1e-12)
