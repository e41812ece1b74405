"""`fit_smoothed`: train a network whose smoothed classifier has large certified radii. The verb, its solution and the
base of its methods."""

import abc
import time
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import core
from ..core import Method, check_array, check_instance, check_integer, check_key
from ._labelled import settle_labelled


class SmoothedFit(eqx.Module):
    """What `fit_smoothed` returns.

    - `network`: trained; with `ema` its average over the steps.
    - `losses`: of each step; `terms`: what they are the sum of, by name, each of shape `(steps,)`.
    - `stats`: `"evaluations"` of the gradient, `"seconds"`, and what the method tells of the data.
    """

    network: Any
    losses: np.ndarray
    terms: dict[str, np.ndarray]
    stats: dict[str, Any]


class AbstractSmoothedTraining(Method):
    """A method of `verify.fit_smoothed`: a loss, and what is trained by it when that is more than the network."""

    labelled: ClassVar[bool] = True

    @abc.abstractmethod
    def loss(self, model: Any, batch: Any, key: Any) -> tuple[Float[Array, ""], dict[str, Array]]:
        """The loss of a batch, and the terms that it is the sum of."""

    def begin(self, network: Any, x: Array, steps: int, batch_size: int, key: Any) -> Any:
        """What is trained."""
        return network

    def optimizer(self, optimizer: Any) -> Any:
        """What an optimiser for the network does to what is trained."""
        return optimizer

    def trained(self, model: Any) -> Any:
        """The `filter_spec` of `core.fit`."""
        return None

    def finish(self, model: Any) -> Any:
        """The network in what was trained."""
        return model

    def failure(self, done: core.Fit, batch_size: int) -> str:
        """Why a training that has come so far should not go on; empty when it should."""
        return ""

    def facts(self, x: np.ndarray) -> dict[str, Any]:
        """What there is to know of the data."""
        return {}


def fit_smoothed(
    network: Any,
    data: Any,
    method: Any,
    *,
    steps: int,
    batch_size: int,
    optimizer: Any,
    key: Any,
    ema: float | None = None,
    validation: Any = None,
    checkpoint: Any = None,
    progress: bool | None = None,
) -> SmoothedFit:
    """Train a network for `certify`.

    **Arguments:**

    - `network`: what the method asks for: for most a classifier, from a batch of images to scores; for `RRCM` an
      encoder `(x, level)`, to be made a classifier by `NoiseClassifier`; for `DenoisedSmoothing` a `Denoised`.
    - `data`: images of shape `(n, ...)` and labels, integers of shape `(n,)`; the images alone for methods without
      labels (`RRCM`, `DenoisedSmoothing`).
    - `method`: such as `ConsistencyRegularization(sigma)`, with the `sigma` that is certified with.
    - `validation`: more of what `data` is, or a function `validation(network, key)`; the network with the least loss on
      it, or the least value of it, looked at every 100 steps, is kept.
    - `steps`, `batch_size`, `optimizer`, `key`, `ema`, `checkpoint`, `progress`: as for `core.fit`.

    **Returns:** a `SmoothedFit`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a loss is not finite, or
    when representations collapse.

    >>> import jax, optax
    >>> from perturbax import nn, verify
    >>> x = jax.random.normal(jax.random.key(0), (64, 2))
    >>> data = (x + jnp.sign(x), (x[:, 0] > 0).astype(int))
    >>> network = nn.MLP(2, (8,), 2, key=jax.random.key(1))
    >>> done = verify.fit_smoothed(network, data, verify.GaussianAugmentation(0.5), steps=100, batch_size=32,
    ...     optimizer=optax.adam(1e-2), key=jax.random.key(2))
    >>> bool(done.losses[-1] < 0.5 * done.losses[0])
    True
    """
    started = time.perf_counter()
    check_instance("method", method, AbstractSmoothedTraining, "a method such as GaussianAugmentation(sigma=0.5)")
    steps = check_integer("steps", steps, minimum=1)
    data = _settle_data("data", data, method.labelled)
    if callable(validation):
        validation = _Validation(method, validation)
    elif validation is not None:
        validation = _settle_data("validation", validation, method.labelled)
    batch_size = check_integer("batch_size", batch_size, minimum=1, maximum=len(data[0]))
    model = method.begin(network, data[0], steps, batch_size, check_key("key", key))
    reasons: list[str] = []

    def look(done: core.Fit) -> bool:
        reason = method.failure(done, batch_size)
        reasons.extend([reason] if reason else [])
        return bool(reason)

    done = core.fit(
        _Objective(method),
        model,
        data,
        steps=steps,
        batch_size=batch_size,
        optimizer=method.optimizer(optimizer),
        key=key,
        ema=ema,
        validation=validation,
        loss_has_aux=True,
        filter_spec=method.trained(model),
        checkpoint=checkpoint,
        progress=progress,
        callback=look,
    )
    if reasons:
        raise core.SolverError(f"fit_smoothed stopped at step {done.steps} of {steps}: {reasons[0]}")
    stats = {"evaluations": steps, "seconds": time.perf_counter() - started, **method.facts(np.asarray(data[0]))}
    trained = done.model if done.ema_model is None else done.ema_model
    return SmoothedFit(method.finish(trained), done.losses, done.aux, stats)


def _settle_data(name: str, data: Any, labelled: bool) -> tuple[Array, ...]:
    if labelled:
        return settle_labelled(name, data)
    return (jnp.asarray(np.asarray(check_array(name, data), np.float32)),)


class _Objective(eqx.Module):
    """The loss as `core.fit` takes it, the same program for equal methods."""

    method: AbstractSmoothedTraining

    def __call__(self, model: Any, batch: Any, key: Any) -> Any:
        return self.method.loss(model, batch, key)


class _Validation(eqx.Module):
    """What a function says of the network in what is trained."""

    method: AbstractSmoothedTraining
    function: Any

    def __call__(self, model: Any, key: Any) -> Any:
        return self.function(self.method.finish(model), key)
