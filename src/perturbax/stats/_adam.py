"""Adam, the same object for the same settings: with another one, though of equal numbers, `core.fit` compiles again."""

import functools

import optax


@functools.lru_cache(maxsize=32)
def adam(learning_rate: float, decay_steps: int | None = None) -> optax.GradientTransformation:
    """Adam at one rate, or at a rate that falls to 0 as a cosine within `decay_steps`."""
    if decay_steps is None:
        return optax.adam(learning_rate)
    return optax.adam(optax.cosine_decay_schedule(learning_rate, decay_steps))
