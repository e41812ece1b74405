"""`fit`: train a classifier on the worst loss that it can be proved to have near each input. The verb and its solution.

The radius of the box around each input grows from 0 to its final value in a smooth ramp, because bounds of an untrained
network on large boxes are too loose to learn from.
"""

import abc
import math
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import core
from ..core import Method, check_instance, check_integer, check_key, check_number, step
from ._backward import Backward, interval_rows, merged, places, row_bounds
from ._bound import AbstractBoundMethod
from ._graph import Graph, boxes_of
from ._interval import INTERVAL
from ._labelled import settle_labelled
from ._sets import Box
from ._slope import AdaptiveSlope


class Ramp(eqx.Module):
    """The radius over a training: 0 at first, then a smooth rise, then its final value.

    **Arguments:** `start`, `end`: parts of the steps after which the rise begins and ends, `0 <= start < end <= 1`;
    `levels`: how many values the radius takes; the optimiser starts anew at each.

    **Raises:** `ValueError` for numbers out of range.

    >>> Ramp(0.0, 0.5, levels=5).fractions().round(2).tolist()
    [0.0, 0.5, 1.0, 1.0, 1.0]
    """

    start: float = 0.1
    end: float = 0.6
    levels: int = eqx.field(static=True, default=20)

    def __check_init__(self):
        check_number("start", self.start, minimum=0.0, maximum=1.0)
        check_number("end", self.end, minimum=0.0, maximum=1.0)
        check_integer("levels", self.levels, minimum=2)
        if self.end <= self.start:
            raise ValueError(f"end must be > start, got start = {self.start} and end = {self.end}")

    def fractions(self) -> np.ndarray:
        """The radius at each level as a part of the final one; both halves of the rise are parabolas."""
        t = np.clip((np.linspace(0.0, 1.0, self.levels) - self.start) / (self.end - self.start), 0.0, 1.0)
        return np.where(t < 0.5, 2.0 * t**2, 1.0 - 2.0 * (1.0 - t) ** 2)


class CertifiedFit(eqx.Module):
    """What `fit` returns.

    - `network`: trained; `losses`: of each step, the mean proved worst loss of its batch.
    - `radii`: of the box in each step.
    - `stats`: `"evaluations"` of the gradient, `"seconds"`.
    """

    network: Any
    losses: np.ndarray
    radii: np.ndarray
    stats: dict[str, Any]


class AbstractCertifiedTraining(Method):
    """A method of `verify.fit`: an upper bound of the cross entropy on a box.

    **Arguments:** `bound`: the method that bounds rows, `None` for CROWN on intervals.
    """

    bound: eqx.AbstractVar[AbstractBoundMethod | None]

    def __check_init__(self):
        if self.bound is not None:
            check_instance("bound", self.bound, AbstractBoundMethod, "a method such as IBP()")

    @abc.abstractmethod
    def worst(self, network: Any, inputs: Box, label: Array) -> Float[Array, ""]:
        """The bound for one instance, differentiable in the network."""

    def lower(self, graph: Graph, rows: Array) -> Float[Array, " rows"]:
        """Lower bounds of rows of the output."""
        return _by_crown(graph, rows) if self.bound is None else self.bound.propagate(graph, rows).lower


def fit(
    network: Any,
    data: Any,
    method: AbstractCertifiedTraining,
    *,
    radius: float,
    steps: int,
    batch_size: int,
    optimizer: Any,
    key: Any,
    ramp: Any = None,
    domain: tuple[float, float] = (-math.inf, math.inf),
    ema: float | None = None,
    progress: bool | None = None,
) -> CertifiedFit:
    """Train `network` so that its predictions are provably constant on boxes around the inputs.

    **Arguments:**

    - `network`: maps one input to class scores; its floating arrays are trained.
    - `data`: inputs, shape `(n, ...)`, and labels, integers of shape `(n,)`.
    - `method`: `LossFusion()` or `MarginTraining()`.
    - `radius`: half the width of the box in each element; 0 is ordinary training.
    - `steps`, `batch_size`, `optimizer`, `key`, `progress`: as for `core.fit`.
    - `ramp`: how the radius grows, `Ramp()` by default; `domain`: what inputs can be, to which boxes are cut.
    - `ema`: as for `core.fit`; the returned network is the average over the last level of the ramp.

    **Returns:** a `CertifiedFit`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when a loss is not finite.

    >>> import optax
    >>> from perturbax import nn, verify
    >>> x = jax.random.normal(jax.random.key(0), (64, 2))
    >>> data = (x + jnp.sign(x), (x[:, 0] > 0).astype(int))
    >>> network = nn.MLP(2, (8,), 2, key=jax.random.key(1), activation=jax.nn.relu)
    >>> done = verify.fit(network, data, verify.LossFusion(), radius=0.1, steps=8, batch_size=16,
    ...     optimizer=optax.adam(1e-2), key=jax.random.key(2), ramp=verify.Ramp(levels=4))
    >>> done.losses.shape
    (8,)
    """
    check_instance("method", method, AbstractCertifiedTraining, "a method such as LossFusion()")
    radius = check_number("radius", radius, minimum=0.0)
    x, labels = settle_labelled("data", data)
    ramp = Ramp() if ramp is None else check_instance("ramp", ramp, Ramp, "a verify.Ramp")
    check_integer("steps", steps, minimum=ramp.levels)
    low, high = (check_number("domain", end, finite=False) for end in domain)
    started = time.perf_counter()
    average, losses, radii = None, [], []
    counts = np.diff(np.linspace(0, steps, ramp.levels + 1).round().astype(int))
    keys = jax.random.split(check_key("key", key), ramp.levels)
    for fraction, count, level_key in zip(ramp.fractions(), counts, keys, strict=True):
        objective = _Worst(method, jnp.float32(radius * fraction), jnp.float32(low), jnp.float32(high))
        done = core.fit(
            objective,
            network,
            (x, labels),
            steps=int(count),
            batch_size=batch_size,
            optimizer=optimizer,
            ema=ema,
            key=level_key,
            progress=progress,
        )
        network, average = done.model, done.ema_model
        losses.append(done.losses)
        radii.append(np.full(int(count), radius * fraction))
    stats = {"evaluations": steps, "seconds": time.perf_counter() - started}
    network = network if average is None else average
    return CertifiedFit(network, np.concatenate(losses), np.concatenate(radii), stats)


def _by_crown(graph: Graph, rows: Array) -> Float[Array, " rows"]:
    """Lower bounds of rows of the output by CROWN on intervals."""
    known: dict[Any, Any] = dict(zip(graph.program.inputs, boxes_of(graph), strict=True))
    for equation in graph.program.equations:
        if equation.name == "logsumexp":
            # Its operand is margins, whose scores come from one layer: apart, their intervals would be twice as wide.
            margins = equation.inputs[0]
            known[margins] = merged(graph, known, margins).intersect(known[margins])
        step(equation, INTERVAL, known)
    crown = row_bounds(Backward(graph, known, places(AdaptiveSlope())), rows, len(rows))[0]
    return jnp.maximum(crown, interval_rows(known[graph.output], rows))


class _Worst(eqx.Module):
    """The objective of `core.fit`; its numbers are arrays, so that all levels are one program."""

    method: AbstractCertifiedTraining
    radius: Array
    low: Array
    high: Array

    def __call__(self, network: Any, batch: Any, key: Any) -> Array:
        def worst(x: Array, label: Array) -> Array:
            lower, upper = (jnp.clip(x + s * self.radius, self.low, self.high) for s in (-1.0, 1.0))
            return self.method.worst(network, Box(lower, upper), label)

        return jnp.mean(jax.vmap(worst)(*batch))
