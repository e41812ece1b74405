"""Networks that rank solver schedules: trained on scored ones, asked for those that were not.

A schedule is a sequence of feature vectors, one per step; a small network reads it and says a number. Only the order of
these numbers matters, so the loss is a hinge on pairs (Ning et al. 2020, GATES): with `y_i < y_j` the scores,

    sum over pairs of  max(0, margin - (p_j - p_i)).
"""

import abc
import functools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ..core import check_integer, fit
from ..nn import MLP
from ._evolution import Space
from ._schedule import MAX_ORDER, RELAXATIONS, SolverSchedule

_MARGIN = 0.1
# The rank of entries that only fill up an array.
_ABSENT = -1.0
# Coefficients of relaxations are some hundredths.
_COEFFICIENT_SCALE = 10.0


class AbstractPredictor(eqx.Module):
    """A kind of network that ranks schedules."""

    updates: eqx.AbstractVar[int]

    @abc.abstractmethod
    def network(self, steps: int, features: int, key: Any) -> Any:
        """An untrained network from features `(steps, features)` to a number."""

    def fitted(
        self, schedules: Sequence[SolverSchedule], scores: Sequence[float], space: Space, capacity: int, seed: int
    ) -> "Ranking":
        """Train on scored schedules; arrays are filled up to `capacity`, so that one program serves all rounds."""
        steps = space.steps(True)
        table = features_of(schedules, space)
        ranks = np.argsort(np.argsort(scores, kind="stable"), kind="stable").astype(np.float32)
        ranks[~np.isfinite(scores)] = len(scores)
        full = np.zeros((capacity, *table.shape[1:]), np.float32)
        full[: len(table)] = table
        order = np.full(capacity, _ABSENT, np.float32)
        order[: len(table)] = ranks
        network_key, key = jax.random.split(jax.random.key(seed))
        network = self.network(steps, table.shape[-1], network_key)
        done = fit(
            _hinge,
            network,
            (full, order),
            steps=self.updates,
            optimizer=_optimizer(self.updates),
            key=key,
            chunk=self.updates,
            progress=False,
            devices=jax.local_devices()[:1],
        )
        return Ranking(done.model, space)


class RecurrentPredictor(AbstractPredictor):
    """A gated recurrent unit over the steps.

    **Arguments:** `width`: of its state; `updates`: steps of Adam.

    **Raises:** `ValueError` when one is smaller than 1.

    >>> RecurrentPredictor().width
    24
    """

    width: int = 24
    updates: int = 150

    def __check_init__(self):
        check_integer("width", self.width, minimum=1)
        check_integer("updates", self.updates, minimum=1)

    def network(self, steps: int, features: int, key: Any) -> Any:
        return _Recurrent(features, self.width, key)


class DensePredictor(AbstractPredictor):
    """A multi-layer perceptron on all steps at once.

    **Arguments:** `width`: of its two hidden layers; `updates`: steps of Adam.

    **Raises:** `ValueError` when one is smaller than 1.

    >>> DensePredictor().width
    64
    """

    width: int = 64
    updates: int = 150

    def __check_init__(self):
        check_integer("width", self.width, minimum=1)
        check_integer("updates", self.updates, minimum=1)

    def network(self, steps: int, features: int, key: Any) -> Any:
        return _Dense(MLP(steps * features, (self.width, self.width), 1, key=key))


class Ranking(eqx.Module):
    """A trained network: smaller is expected to be better."""

    network: Any
    space: Space

    def __call__(self, schedules: Sequence[SolverSchedule]) -> Float[np.ndarray, " schedules"]:
        """What the network says of schedules."""
        table = features_of(schedules, self.space)
        # Filled up to a power of 2, so that few programs serve all numbers.
        size = 1 << (len(table) - 1).bit_length()
        full = np.zeros((size, *table.shape[1:]), np.float32)
        full[: len(table)] = table
        return np.asarray(_ranked(self.network, jnp.asarray(full)))[: len(table)].astype(np.float64)


class _Recurrent(eqx.Module):
    cell: eqx.nn.GRUCell
    head: eqx.nn.Linear

    def __init__(self, features: int, width: int, key: Any):
        cell_key, head_key = jax.random.split(key)
        self.cell = eqx.nn.GRUCell(features, width, key=cell_key)
        self.head = eqx.nn.Linear(width, "scalar", key=head_key)

    def __call__(self, x: Float[Array, "steps features"]) -> Float[Array, ""]:
        def step(state: Any, x: Any) -> Any:
            # The last feature says that there is such a step.
            return jnp.where(x[-1] > 0, self.cell(x, state), state), None

        state, _ = jax.lax.scan(step, jnp.zeros(self.cell.hidden_size), x)
        return self.head(state)


class _Dense(eqx.Module):
    layers: MLP

    def __call__(self, x: Float[Array, "steps features"]) -> Float[Array, ""]:
        return self.layers(x.reshape(-1))[0]


@eqx.filter_jit
def _ranked(network: Any, table: Float[Array, "schedules steps features"]) -> Float[Array, " schedules"]:
    return jax.vmap(network)(table)


def _hinge(network: Any, batch: tuple[Array, Array], key: Any) -> Float[Array, ""]:
    table, ranks = batch
    said = jax.vmap(network)(table)
    better = (ranks[:, None] < ranks) & (ranks[:, None] != _ABSENT)
    lost = jnp.where(better, jax.nn.relu(_MARGIN - (said - said[:, None])), 0.0)
    return lost.sum() / jnp.maximum(better.sum(), 1)


@functools.cache
def _optimizer(updates: int) -> optax.GradientTransformation:
    # One object for every call, because a new one would be compiled again.
    return optax.adamw(optax.cosine_decay_schedule(1e-2, updates), weight_decay=1e-3)


def features_of(schedules: Sequence[SolverSchedule], space: Space) -> Float[np.ndarray, "schedules steps features"]:
    """A vector per step: its end and length, one-hot order, points and relaxation, and the rest as numbers."""
    steps, span = space.steps(True), space.high - space.low
    rows = np.zeros((len(schedules), steps, 2 * MAX_ORDER + len(RELAXATIONS) + 7), np.float32)
    for row, schedule in zip(rows, schedules, strict=True):
        nodes = (np.array(schedule.half_log_snr) - space.low) / span
        for i in range(schedule.steps):
            order, points = np.zeros((2, MAX_ORDER))
            relaxation = np.zeros(len(RELAXATIONS))
            order[schedule.orders[i] - 1] = points[len(schedule.active_points[i])] = 1.0
            relaxation[RELAXATIONS.index(schedule.relaxations[i])] = 1.0
            row[i] = [
                2.0 * nodes[i + 1] - 1.0,
                steps * (nodes[i + 1] - nodes[i]) - 1.0,
                *order,
                *points,
                *relaxation,
                schedule.predictions[i] == "data",
                _COEFFICIENT_SCALE * schedule.coefficients[i],
                schedule.correctors[i] != "none",
                schedule.analytic_first_step,
                1.0,
            ]
    return rows
