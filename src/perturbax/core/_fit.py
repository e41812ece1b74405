"""`fit`: the one training loop. Steps run in compiled chunks; everything else happens between two chunks.

A chunk is a pure function of the state and of a number of steps that is not compiled in. So one program serves chunks
of every length, a run that stops and resumes computes the same bits, and when a loss was not finite the chunk is run
once more from its beginning up to the last good step, at no cost for the runs in which all goes well. The price is that
the state at the beginning of a chunk stays in memory beside the one that is computed.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._check import check_integer, check_number
from ._checkpoint import Record
from ._fit_door import settle, settle_keys, settle_path
from ._fit_loop import Loop, choose
from ._solution import Result, raise_if_failed
from ._training import Start, Training


class Fit(eqx.Module):
    """What `fit` returns. With `fit_seeds` all arrays have a leading axis of the seeds.

    - `model`: trained; with `validation` as it was at `best_step`, the evaluation with the lowest validation loss.
    - `ema_model`: the same with averaged parameters, or `None` without `ema`.
    - `opt_state`: the optimiser's last state.
    - `losses`: of each step, in `(steps,)`; NaN after the last good step of a seed that failed.
    - `aux`: the auxiliary values of the loss, each with an axis of the steps, or `None`.
    - `validation_losses`, `validation_steps`: of each evaluation, and after how many steps it was made.
    - `best_step`: after how many steps `model` was taken.
    - `steps`: how many were made.
    - `result`: successful or nonfinite.
    - `stats`: `"evaluations"` of the gradient in these steps (per seed), `"devices"` and `"seconds"` of this call.
    """

    model: Any
    ema_model: Any
    opt_state: Any
    losses: np.ndarray
    aux: Any
    validation_losses: np.ndarray
    validation_steps: np.ndarray
    best_step: np.ndarray
    steps: int
    result: Any
    stats: dict[str, Any]


def fit(
    loss: Callable[..., Any],
    model: Any,
    data: Any,
    *,
    steps: int,
    batch_size: int | None = None,
    optimizer: Any,
    key: Any,
    ema: float | None = None,
    chunk: int = 100,
    validation: Any = None,
    checkpoint: Any = None,
    checkpoint_seconds: float | int = 30.0,
    resume: bool = True,
    progress: bool | None = None,
    loss_has_aux: bool = False,
    filter_spec: Any = None,
    devices: Sequence[Any] | None = None,
    throw: bool = True,
    callback: Callable[[Fit], Any] | None = None,
) -> Fit:
    r"""Train a model by stochastic gradient descent.

    Step $t$ is $\theta_{t+1} = \theta_t + u(\nabla_\theta L(\theta_t, B_t, k_t))$ with an Optax optimiser $u$, a batch
    $B_t$ and a key $k_t$ that depend on `key` and $t$ only.

    **Arguments:**

    - `loss`: `loss(model, batch, key)`, a scalar; with `loss_has_aux` a pair of it and a pytree of values to record.
    - `model`: a pytree, such as an Equinox module; its floating arrays are trained.
    - `data`: a pytree of arrays with one leading axis, from which each epoch draws every element once in a new order
      (the last, incomplete batch is left out), or a function `data(key)` that makes a batch.
    - `steps`: number of steps; `batch_size`: elements in a batch, `None` for all, and `None` when `data` is a function.
    - `optimizer`: an Optax gradient transformation; a schedule of the learning rate is part of it.
    - `key`: PRNG key. A batch of keys trains one model per key in one program; every array of `model` then has that
      leading axis (see `fit_seeds`).
    - `ema`: decay $d$ of the averaged parameters, $\bar\theta \leftarrow d_t \bar\theta + (1 - d_t) \theta$ with
      $d_t = \min(d, (1 + t) / (10 + t))$.
    - `chunk`: steps between two moments at which validation, checkpoint, `callback` and Ctrl-C have their turn.
    - `validation`: arrays like those of `data`, given to `loss` whole and always with the same key, or a function
      `validation(model, key)`. It is asked after each chunk, of the averaged model where there is one.
    - `checkpoint`: file to keep the run in, at most every `checkpoint_seconds`, at the end, and when the run is
      interrupted or an error stops it. With `resume` a run that was stopped goes on from it to the same parameters, bit
      for bit; a larger `steps` makes a finished run longer.
    - `progress`: as `show` of `core.progress`.
    - `filter_spec`: pytree of booleans, `False` for what is not trained (as in `equinox.partition`).
    - `devices`: over which each batch is split; all local ones by default when `batch_size` is a multiple of their
      number. Model and data are on every device.
    - `throw`: raise when a loss or a parameter is not finite; with `False` the last good state is returned.
    - `callback`: called with the `Fit` so far after each chunk; a true answer ends the run.

    **Returns:** a `Fit`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit together, before the first step; `SolverError`
    when a loss is not finite; `KeyboardInterrupt` is passed on after the checkpoint is written.

    >>> import optax
    >>> x = jnp.linspace(-1.0, 1.0, 64)
    >>> def loss(slope, batch, key):
    ...     return jnp.mean((slope * batch[0] - batch[1]) ** 2)
    >>> done = fit(loss, jnp.array(0.0), (x, 3.0 * x), steps=200, batch_size=16, optimizer=optax.adam(0.1),
    ...     key=jax.random.key(0))
    >>> round(float(done.model), 2)
    3.0
    """
    started = time.perf_counter()
    steps = check_integer("steps", steps, minimum=1)
    training, start, params = settle(
        loss, model, data, key, batch_size, optimizer, ema, chunk, validation, loss_has_aux, filter_spec, devices
    )

    def solution(record: Record) -> Fit:
        return _solution(training, start, record, time.perf_counter() - started)

    loop = Loop(
        training,
        start,
        steps=steps,
        checkpoint=None if checkpoint is None else settle_path(checkpoint),
        checkpoint_seconds=check_number("checkpoint_seconds", checkpoint_seconds, minimum=0.0, finite=False),
        progress=progress,
        after_chunk=None if callback is None else lambda record: callback(solution(record)),
    )
    record = loop.run(Record.fresh(training, training.begin(params)), resume=resume)
    done = solution(record)
    if throw and not record.alive.all():
        kept = f"{checkpoint} keeps the last good state" if checkpoint else "throw=False returns the last good state"
        raise_if_failed(done.result, f"fit stopped at step {record.first_failure + 1} of {steps} ({kept})")
    return done


def fit_seeds(
    loss: Callable[..., Any], make_model: Callable[[Any], Any], data: Any, *, keys: Any, **options: Any
) -> Fit:
    """Train one model per key, all in one program.

    Up to rounding, run `i` is `fit(loss, make_model(a), data, key=b, ...)` with `a, b = jax.random.split(keys[i])`. A
    run whose loss is not finite stops alone.

    **Arguments:** `make_model`: `make_model(key)`, traceable by `vmap`; `keys`: of shape `(seeds,)`, such as
    `jax.random.split(key, 5)`; `options`: those of `fit`. `data` is common to all runs.

    **Returns:** a `Fit` whose arrays have a leading axis of the seeds.

    **Raises:** as `fit`.

    >>> import optax
    >>> def loss(model, batch, key):
    ...     return jnp.sum((model - batch.mean()) ** 2)
    >>> done = fit_seeds(loss, jax.random.normal, jnp.ones(8), keys=jax.random.split(jax.random.key(0), 3), steps=50,
    ...     optimizer=optax.sgd(0.2))
    >>> done.model.round(2).tolist()
    [1.0, 1.0, 1.0]
    """
    if not callable(make_model):
        raise TypeError(f"make_model must be callable as make_model(key), got {type(make_model).__name__}")
    keys = settle_keys("keys", keys)
    if keys.ndim != 1:
        raise ValueError(f"keys must be a batch of keys such as jax.random.split(key, 5), got shape {keys.shape}")
    model_keys, keys = jax.vmap(jax.random.split, out_axes=1)(keys)
    return fit(loss, eqx.filter_vmap(make_model)(model_keys), data, key=keys, **options)


def _solution(training: Training, start: Start, record: Record, seconds: float) -> Fit:
    state = record.state
    params, ema, best_step = state.params, state.ema, state.step
    if record.best is not None:
        known = record.best_step >= 0
        params, ema = choose(known, record.best, (params, ema))
        best_step = np.where(known, record.best_step, state.step)
    failed = jnp.asarray(record.failed_at >= 0)
    return Fit(
        model=eqx.combine(params, start.frozen),
        ema_model=None if ema is None else eqx.combine(ema, start.frozen),
        opt_state=state.opt_state,
        losses=record.all_losses(),
        aux=record.all_aux(),
        validation_losses=record.all_validation_losses(),
        validation_steps=np.asarray(record.validation_steps, np.int64),
        best_step=np.asarray(best_step),
        steps=record.done,
        result=_result(failed),
        stats={"evaluations": record.done, "devices": training.devices, "seconds": seconds},
    )


def _result(failed: Any) -> Any:
    def result(failed: Any) -> Any:
        return Result.where(failed, Result.nonfinite, Result.successful)

    return eqx.filter_vmap(result)(failed) if failed.ndim else result(failed)
