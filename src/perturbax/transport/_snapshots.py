"""The problem of trajectories: samples of one population at several times, and a reference process."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import check_array, check_instance, check_number
from ._door import settle
from ._reference import AbstractReference, Brownian

_BROWNIAN = Brownian()


class Snapshots(eqx.Module):
    """The multi-marginal Schrödinger bridge problem: among all processes with the law of `samples[i]` at `times[i]`,
    find the one that is closest in Kullback-Leibler divergence to the reference,

        dX = b(X, t) dt + volatility dW.

    Nobody is seen twice: the samples are not paired, and may differ in size. Methods that refine the reference take its
    floating arrays for the parameters of a family and the problem as that of the closest pair.

    **Arguments:**

    - `samples`: for each time an array of shape `(n_i, d)`.
    - `times`: when they were taken, increasing, two or more, in any unit.
    - `volatility`: standard deviation of the noise per root of a unit of time, a number or of shape `(d,)`.
    - `reference`: the process, or family of processes: `DriftReference(drift)` with a function `drift(x, t)`, a module
      such as `systems.LotkaVolterra()` or, for a function `f(parameters, x, t)`,
      `jax.tree_util.Partial(f, parameters)`.
    - `weights`: of the points, for each time positive and of shape `(n_i,)`; uniform when `None`. Only their ratios
      count: masses do not grow.

    **Raises:** `ValueError` or `TypeError` that names the snapshot.

    >>> early, late = np.zeros((50, 2)), np.ones((40, 2))
    >>> Snapshots([early, late], times=[0.0, 3.0], volatility=0.1).size
    2
    """

    samples: tuple[Float[np.ndarray, "_ d"], ...]
    times: Float[np.ndarray, " snapshots"]
    volatility: Float[np.ndarray, " d"]
    reference: AbstractReference
    weights: tuple[Float[np.ndarray, " _"], ...]

    def __init__(
        self,
        samples: Sequence[Any],
        times: Any,
        volatility: Any,
        reference: AbstractReference = _BROWNIAN,
        weights: Sequence[Any] | None = None,
    ):
        check_instance("samples", samples, list | tuple, "a list with an array for each time")
        if len(samples) < 2:
            raise ValueError(f"samples must hold two snapshots or more, got {len(samples)}")
        self.samples = tuple(
            np.asarray(check_array(f"samples[{i}]", points, ndim=2), np.float64) for i, points in enumerate(samples)
        )
        sizes = [points.shape[1] for points in self.samples]
        if len(set(sizes)) > 1:
            odd = next(i for i, size in enumerate(sizes) if size != sizes[0])
            raise ValueError(f"samples[{odd}] must have the {sizes[0]} dimensions of samples[0], got {sizes[odd]}")
        self.times = np.asarray(check_array("times", times, shape=(len(samples),)), np.float64)
        if (np.diff(self.times) <= 0.0).any():
            late = int(np.argmax(np.diff(self.times) <= 0.0)) + 1
            raise ValueError(
                f"times must increase, got {self.times[late]:g} of snapshot {late} after {self.times[late - 1]:g}"
            )
        self.volatility = _volatility(volatility, sizes[0])
        self.weights = _weights(self.samples, weights)
        self.reference = check_instance(
            "reference", reference, AbstractReference, "a reference process such as DriftReference(drift)"
        )
        reference.check_size(sizes[0])
        _check_drift(reference, self.samples, self.times)

    @property
    def size(self) -> int:
        """The dimension `d`."""
        return self.samples[0].shape[1]

    def particles(self, key: Any, count: int | None = None) -> Float[Array, "snapshots count d"]:
        """Equally many points of every snapshot, by systematic resampling: with as many as there are samples of equal
        weight, each of them once. Of the largest snapshot by default."""
        count = max(len(points) for points in self.samples) if count is None else count
        offsets = np.asarray(jax.random.uniform(key, (len(self.samples),)), np.float64)
        drawn = []
        for points, weights, offset in zip(self.samples, self.weights, offsets, strict=True):
            chosen = np.searchsorted(np.cumsum(weights), (np.arange(count) + offset) / count)
            drawn.append(points[np.minimum(chosen, len(points) - 1)])
        return settle(np.stack(drawn))


def _volatility(value: Any, size: int) -> Float[np.ndarray, " d"]:
    if np.ndim(value) == 0:
        return np.full(size, check_number("volatility", value, minimum=0.0, exclusive=True))
    value = np.asarray(check_array("volatility", value, shape=(size,)), np.float64)
    if value.min() <= 0.0:
        raise ValueError(f"volatility must be > 0 in each dimension, got {value.min():g}")
    return value


def _weights(samples: tuple[np.ndarray, ...], weights: Sequence[Any] | None) -> tuple[np.ndarray, ...]:
    if weights is None:
        return tuple(np.full(len(points), 1.0 / len(points)) for points in samples)
    if len(weights) != len(samples):
        raise ValueError(f"weights must hold an array for each of the {len(samples)} snapshots, got {len(weights)}")
    settled = []
    for i, (points, own) in enumerate(zip(samples, weights, strict=True)):
        own = np.asarray(check_array(f"weights[{i}]", own, shape=(len(points),)), np.float64)
        if own.min() <= 0.0:
            raise ValueError(f"weights[{i}] must be > 0, got {own.min():g}")
        settled.append(own / own.sum())
    return tuple(settled)


def _check_drift(reference: AbstractReference, samples: tuple[np.ndarray, ...], times: np.ndarray) -> None:
    """Refuse a drift of the wrong shape, or one that is not finite at a point of a snapshot."""
    for i, (points, time) in enumerate(zip(samples, times, strict=True)):
        x = settle(points)
        drift = jnp.asarray(reference.drift(x, settle(time)))
        if drift.shape != x.shape:
            raise ValueError(f"reference must map points of shape {x.shape} to drifts of that shape, got {drift.shape}")
        finite = np.isfinite(np.asarray(drift)).all(1)
        if not finite.all():
            parameters = [np.asarray(leaf).tolist() for leaf in jax.tree.leaves(eqx.filter(reference, eqx.is_array))]
            row = int(np.argmin(finite))
            raise ValueError(
                f"reference must have a finite drift, it has {np.asarray(drift)[row].tolist()} at "
                f"samples[{i}][{row}] = {points[row].tolist()} with parameters {parameters}"
            )
