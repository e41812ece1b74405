"""Adam, the same object for the same settings: with another one, though of equal numbers, `core.fit` compiles again."""

import functools

import optax


@functools.lru_cache(maxsize=32)
def adam(
    learning_rate: float, decay_steps: int | None = None, clip: float | None = None
) -> optax.GradientTransformation:
    """Adam, one object for each setting.

    **Arguments:** `learning_rate`: at the start; `decay_steps`: steps in which it falls to 0 as a cosine, never when
    `None`; `clip`: the largest global norm of a gradient.

    **Returns:** a transformation of Optax.

    >>> from perturbax import core
    >>> core.adam(1e-3) is core.adam(1e-3)
    True
    """
    rate = learning_rate if decay_steps is None else optax.cosine_decay_schedule(learning_rate, decay_steps)
    return optax.adam(rate) if clip is None else optax.chain(optax.clip_by_global_norm(clip), optax.adam(rate))
