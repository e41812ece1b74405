"""What trainings on noisy images share: several draws of the noise, and losses of scores."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def several(model: Any, x: Array, sigma: float, draws: int, key: Any) -> Float[Array, "draws batch classes"]:
    """Scores of a batch under several draws of the noise, as one call of the model."""
    noise = sigma * jax.random.normal(key, (draws, *x.shape), x.dtype)
    scores = model((x + noise).reshape(-1, *x.shape[1:]))
    return scores.reshape(draws, x.shape[0], -1)


def cross_entropy(scores: Float[Array, "*batch classes"], labels: Int[Array, "*#batch"]) -> Float[Array, "*batch"]:
    """Minus the log probability of the labels."""
    labels = jnp.broadcast_to(labels, scores.shape[:-1])
    return -jnp.take_along_axis(jax.nn.log_softmax(scores), labels[..., None], -1)[..., 0]
