"""Sharpness along a training run, as a callback of `core.fit`."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..core import Fit, Result, check_instance, check_key, check_number
from ._least_squares import LeastSquares, call
from ._sharpness import AbstractSharpnessMethod, Sharpness
from .exact_sharpness import ExactSharpness


class SharpnessTracker:
    """Measures the sharpness after every chunk of `core.fit`: `fit(..., callback=tracker, chunk=steps between)`.

    With a batch of keys or `fit_seeds` it measures every run. A run that failed is NaN from then on. With `validation`
    the model is that of the best evaluation.

    **Arguments:**

    - `inputs`, `targets`, `apply`: as for `LeastSquares`; `apply` gets the model that `fit` trains.
    - `method`: of `optimize.sharpness`.
    - `until`: ends the training once the loss on these data is at most that in every run that did not fail.
    - `key`: PRNG key of the probes.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; for data that do not fit to the model with the
    first measurement.

    >>> import jax.numpy as jnp
    >>> import optax
    >>> from perturbax import core, nn, optimize
    >>> def loss(model, batch, key):
    ...     return 0.5 * jnp.mean((model(batch[0]) - batch[1]) ** 2)
    >>> x, y = jnp.eye(3), jnp.array([1.0, 0.5, 2.0])
    >>> tracker = optimize.SharpnessTracker(x, y, until=1e-6)
    >>> done = core.fit(loss, nn.DiagonalLinear(jnp.ones(3), jnp.ones(3)), (x, y), steps=1000, optimizer=optax.sgd(0.5),
    ...     key=jax.random.key(0), callback=tracker, chunk=50)
    >>> done.steps < 1000, bool(tracker.history.trace[-1] <= 2.0 / 0.5)
    (True, True)
    """

    def __init__(
        self,
        inputs: Any,
        targets: Any,
        *,
        apply: Callable[[Any, Any], Any] = call,
        method: AbstractSharpnessMethod | None = None,
        until: float | None = None,
        key: Any = None,
    ):
        self._inputs, self._targets, self._apply = inputs, targets, apply
        chosen = ExactSharpness() if method is None else method
        self._method = check_instance("method", chosen, AbstractSharpnessMethod, "a method such as ExactSharpness()")
        self._until = None if until is None else check_number("until", until, minimum=0.0)
        self._key = jax.random.key(0) if key is None else check_key("key", key)
        self._steps: list[int] = []
        self._found: list[Sharpness] = []

    @property
    def steps(self) -> np.ndarray:
        """After how many steps it was measured, shape `(k,)`."""
        return np.asarray(self._steps, np.int64)

    @property
    def history(self) -> Sharpness:
        """All measurements, with a leading axis of them, and of the runs after it when there are several.

        **Raises:** `ValueError` before the first measurement.
        """
        if not self._found:
            raise ValueError("history is empty: give the tracker to fit as its callback first")
        return jax.tree.map(lambda *leaves: np.stack(leaves), *self._found)

    def __call__(self, fit: Fit) -> bool:
        """Measure where a run stands; true when it should end."""
        key = jax.random.fold_in(self._key, len(self._steps))
        alive = np.asarray(fit.result == Result.successful)
        found = [self._measure(_run(fit.model, i, alive), key) for i in range(alive.size)]
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves).reshape(alive.shape), *found)
        self._steps.append(fit.steps)
        self._found.append(_without_failed(stacked, alive))
        return self._until is not None and bool((stacked.loss <= self._until)[alive].all())

    def _measure(self, model: Any, key: Any) -> Sharpness:
        found = self._method.measure(LeastSquares(model, self._inputs, self._targets, self._apply), key)
        return jax.tree.map(np.asarray, found)


def _run(model: Any, index: int, alive: np.ndarray) -> Any:
    if not alive.ndim:
        return model
    return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, model)


def _without_failed(found: Sharpness, alive: np.ndarray) -> Sharpness:
    def masked(leaf: np.ndarray) -> np.ndarray:
        return np.where(alive, leaf, np.nan) if leaf.dtype.kind == "f" else leaf

    return jax.tree.map(masked, found)
