"""Networks trained to interpolation at several rates at once, by SGD, gradient descent and other ways to flat minima.

A model that is trained is a pair of a network and its learning rate, which multiplies the loss, so that runs of several
rates are one program with the rate 1.
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib

from perturbax import core, data, optimize

# None is tuned: a small multiple of the squared weights, a third of the targets' size, and a usual radius of
# sharpness-aware minimisation (Foret et al. 2021, arXiv 2010.01412).
_DECAY, _LABEL_NOISE, _RADIUS = 0.01, 0.3, 0.05


def _call(model: Any, x: Any) -> Any:
    return model[0](x)


def _plain(model: Any, batch: Any, key: Any) -> Any:
    net, rate = model
    return rate * 0.5 * jnp.mean((net(batch[0]) - batch[1]) ** 2)


def _decayed(model: Any, batch: Any, key: Any) -> Any:
    net, rate = model
    return _plain(model, batch, key) + rate * 0.5 * _DECAY * sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(net))


def _noisy(model: Any, batch: Any, key: Any) -> Any:
    return _plain(model, (batch[0], batch[1] + _LABEL_NOISE * jax.random.normal(key, batch[1].shape)), key)


@functools.lru_cache(maxsize=2)
def _optimizer(sharpness_aware: bool) -> Any:
    """The same objects every time, or `fit` compiles anew. Sharpness-aware minimisation takes two steps for one."""
    if not sharpness_aware:
        return optax.sgd(1.0)
    # Without `eps` the direction of a gradient that is zero, as it becomes here, is NaN.
    ascent = optax.chain(optax.normalize_by_update_norm(eps=1e-12), optax.sgd(_RADIUS))
    made = optax.contrib.sam(optax.sgd(1.0), ascent)
    # It does not take the further arguments that `fit` gives to those that may.
    return optax.GradientTransformation(made.init, made.update)


# Loss, whether sharpness-aware, whether in batches of one.
OPTIMISERS: dict[str, tuple[Any, bool, bool]] = {
    "GD": (_plain, False, False),
    "SGD": (_plain, False, True),
    "weight decay": (_decayed, False, True),
    "label noise": (_noisy, False, True),
    "SAM": (_plain, True, True),
}


def train(
    optimiser: str, nets: Any, rates: Any, x: Any, y: Any, steps: int, records: int, until: float | None, key: Any
) -> tuple[Any, optimize.Sharpness, np.ndarray]:
    """The networks at the end, the history of their sharpness, and after how many steps it was measured."""
    loss, sharpness_aware, single = OPTIMISERS[optimiser]
    tracker = optimize.SharpnessTracker(x, y, apply=_call, until=until)
    done = core.fit(
        loss,
        (nets, rates),
        optimize.DrawWithReplacement((x, y)) if single else (x, y),
        steps=steps,
        optimizer=_optimizer(sharpness_aware),
        key=jax.random.split(key, len(rates)),
        filter_spec=(True, False),
        chunk=-(-steps // records),
        callback=tracker,
        throw=False,
        progress=False,
    )
    return done.model[0], tracker.history, tracker.steps


def record_of(
    history: optimize.Sharpness, steps: np.ndarray, rates: Any, measured: Mapping[str, Any]
) -> dict[str, Any]:
    """What a study keeps of runs: the last sharpness, its history, and what else was `measured` of the networks."""
    last = jax.tree.map(lambda leaf: leaf[-1], history)
    # A run that diverged keeps its last finite weights, whose error is none of a trained network.
    kept = {name: np.where(np.isfinite(last.loss), value, np.nan) for name, value in measured.items()}
    return {
        **kept,
        "rate": np.asarray(rates),
        "loss": last.loss,
        "trace": last.trace,
        "frobenius": last.frobenius,
        "top": last.top,
        "sharp ratio": np.asarray(rates / optimize.SharpBound().largest_rate(last, 1.0)),
        "measured": steps,
        "traces": history.trace.astype(np.float32),
        "tops": history.top.astype(np.float32),
    }


@functools.lru_cache(maxsize=1)
def zeros_and_ones() -> tuple[np.ndarray, ...]:
    """Inputs and targets of 200 zeros and ones, and of all others for the test."""
    images = data.digits()
    flat, labels = images.flat[images.labels < 2], images.labels[images.labels < 2]
    centred = flat - flat[:200].mean(0)
    scaled = (4.0 / np.sqrt(np.mean(np.sum(centred[:200] ** 2, 1))) * centred).astype(np.float32)
    labels = labels.astype(np.float32)
    return scaled[:200], labels[:200], scaled[200:], labels[200:]
