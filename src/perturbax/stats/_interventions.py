"""What would happen under interventions, learned from data: additive mechanisms, predictions, the worst environment.

Every stable vertex is `X_i = g_i(Pa_i) + e_i` with a small network `g_i`, and its residuals are kept: a row of data is
carried to another environment by keeping the row's residuals and computing the descendants of what was changed again,
in topological order. Everything is in standardised units of the pooled data.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ..core import adam, fit
from ..nn import MLP
from ._causal_graph import CausalGraph

Table = Float[Array, "rows vertices"]


class Mechanisms(eqx.Module):
    """The fitted mechanisms of the stable descendants of mutable vertices, and the rows they were fitted on.

    `networks` is one network per vertex in `regenerated`, stacked; `parents` says which columns each may read.
    """

    networks: MLP
    parents: Bool[Array, "vertices vertices"]
    rows: Table
    residuals: Table
    low: Float[Array, " mutable"]
    high: Float[Array, " mutable"]
    order: tuple[int, ...] = eqx.field(static=True)
    mutable: tuple[int, ...] = eqx.field(static=True)

    def carry(self, rows: Table, residuals: Table, changed: Any) -> Table:
        """The rows in another environment: `changed(k, rows)` is the new column of the `k`-th mutable vertex."""
        for place, vertex in enumerate(self.order):
            if vertex in self.mutable:
                column = changed(self.mutable.index(vertex), rows)
            else:
                network = jax.tree.map(lambda leaf, place=place: leaf[place], self.networks)
                column = network(rows * self.parents[vertex])[:, 0] + residuals[:, vertex]
            rows = rows.at[:, vertex].set(column)
        return rows

    @eqx.filter_jit
    def intervened(self, key: PRNGKeyArray) -> Table:
        """Rows of the law `P(. | do(X_M))` with every mutable vertex drawn from its pooled values on its own."""
        keys = jax.random.split(key, self.rows.shape[1])

        def shuffled(vertex: int, table: Table) -> Array:
            return jax.random.permutation(keys[vertex], table[:, vertex])

        drawn = jnp.stack([shuffled(v, self.residuals) for v in range(self.rows.shape[1])], 1)
        return self.carry(self.rows, drawn, lambda k, _: shuffled(self.mutable[k], self.rows))


def fit_mechanisms(
    rows: Float[np.ndarray, "rows vertices"],
    graph: CausalGraph,
    mutable: Sequence[str],
    *,
    key: PRNGKeyArray,
    width: int,
    steps: int,
    learning_rate: float,
    ranges: Sequence[tuple[float, float]],
) -> Mechanisms:
    """Fit `g_i` by least squares for every stable descendant of a mutable vertex, all in one program.

    `ranges` are the values that an adversary may give each mutable vertex, in the units of `rows`.
    """
    names = graph.names
    parents = jnp.array([[other in graph.parents(name) for other in names] for name in names])
    moved = set(graph.descendants(mutable))
    order = tuple(names.index(name) for name in graph.order if name in moved)
    table = jnp.asarray(rows, jnp.float32)
    at = jnp.array(order)
    begin_key, run_key = jax.random.split(key)
    networks = _networks(begin_key, len(names), width, (len(order),))
    fitted = fit(
        _mean_squared_residual,
        _Regression(networks, parents[at], jnp.eye(len(names), dtype=bool)[at]),
        table,
        steps=steps,
        batch_size=min(256, table.shape[0]),
        optimizer=adam(learning_rate, steps),
        key=jax.random.split(run_key, len(order)),
        progress=False,
    ).model
    residuals = jnp.zeros_like(table).at[:, at].set(_residuals(fitted, table))
    low, high = jnp.asarray(ranges, jnp.float32).reshape(-1, 2).T
    return Mechanisms(
        fitted.network,
        parents,
        table,
        residuals,
        low,
        high,
        order,
        tuple(names.index(name) for name in mutable),
    )


class _Regression(eqx.Module):
    """Of one vertex on its parents, both picked from rows of all vertices."""

    network: MLP
    reads: Bool[Array, "*batch vertices"]
    predicts: Bool[Array, "*batch vertices"]

    def residual(self, rows: Table) -> Float[Array, " rows"]:
        return (rows * self.predicts).sum(1) - self.network(rows * self.reads)[:, 0]


def _mean_squared_residual(model: _Regression, batch: Table, key: PRNGKeyArray) -> Float[Array, ""]:
    return jnp.mean(model.residual(batch) ** 2)


@eqx.filter_jit
def _residuals(fitted: _Regression, rows: Table) -> Float[Array, "rows regressions"]:
    return eqx.filter_vmap(lambda one: one.residual(rows), out_axes=1)(fitted)


@eqx.filter_jit
def _networks(key: PRNGKeyArray, inputs: int, width: int, counts: tuple[int, ...]) -> MLP:
    """Networks with one output, stacked along axes of the lengths `counts`."""
    if not counts:
        return MLP(inputs, (width,), 1, key=key)
    return eqx.filter_vmap(lambda k: _networks(k, inputs, width, counts[1:]))(jax.random.split(key, counts[0]))


class RandomFeatureRidge(eqx.Module):
    """Ridge regressions on random Fourier features and the columns themselves, one for each set of columns it may read.

        f(z) = w_0 + w_1 . z + w_2 . sqrt(2 / D) cos(z . omega / l + b),   omega ~ N(0, I), l^2 = columns read

    Source: Rahimi & Recht 2007.
    """

    reads: Float[Array, "*sets vertices"]
    frequencies: Float[Array, "vertices features"]
    phases: Float[Array, " features"]
    weights: Float[Array, "*sets weights"]

    def one(self, i: Any) -> "RandomFeatureRidge":
        """The regression on the `i`-th set of columns."""
        return RandomFeatureRidge(self.reads[i], self.frequencies, self.phases, self.weights[i])

    def __call__(self, rows: Table) -> Float[Array, " rows"]:
        return random_features(rows, self.reads, self.frequencies, self.phases) @ self.weights


def random_features(rows: Any, reads: Any, frequencies: Any, phases: Any) -> Any:
    """The features of `RandomFeatureRidge`, of NumPy or JAX arrays."""
    xp = jnp if isinstance(rows, jax.Array) else np
    seen = rows * reads
    scale = xp.sqrt(xp.maximum(reads.sum(), 1.0))
    waves = np.sqrt(2.0 / phases.shape[0]) * xp.cos(seen @ frequencies / scale + phases)
    return xp.concatenate([xp.ones((rows.shape[0], 1), rows.dtype), seen, waves], 1)


def fit_ridge(
    rows: Any, target: Any, reads: Any, *, key: PRNGKeyArray, features: int, ridge: float
) -> RandomFeatureRidge:
    """Ridge regressions of one target for several sets of columns.

    **Arguments:** `rows`: shape `(n, v)`; `target`: `(n,)`; `reads`: `(sets, v)` of 0 and 1; `ridge`: added to the
    mean squares of the features. The normal equations are solved in float64 on the host.
    """
    frequency_key, phase_key = jax.random.split(key)
    frequencies = np.asarray(jax.random.normal(frequency_key, (rows.shape[1], features)))
    phases = np.asarray(jax.random.uniform(phase_key, (features,), maxval=2.0 * np.pi))
    rows, target, reads = (np.asarray(a, np.float64) for a in (rows, target, reads))
    weights = []
    for read in reads:
        made = random_features(rows, read, frequencies, phases)
        gram = made.T @ made / rows.shape[0] + ridge * np.eye(made.shape[1])
        weights.append(np.linalg.solve(gram, made.T @ target / rows.shape[0]))
    return RandomFeatureRidge(*(jnp.asarray(a, jnp.float32) for a in (reads, frequencies, phases, np.array(weights))))


class Adversary(eqx.Module):
    """An environment that was chosen against a predictor: a bounded function of its parents for each mutable vertex."""

    functions: MLP
    case: Int[Array, "*batch"]

    def column(self, mechanisms: Mechanisms, k: int, rows: Table) -> Float[Array, " rows"]:
        """The values of the `k`-th mutable vertex."""
        vertex = mechanisms.mutable[k]
        function = jax.tree.map(lambda leaf: leaf[k], self.functions)
        share = jax.nn.sigmoid(function(rows * mechanisms.parents[vertex])[:, 0])
        return mechanisms.low[k] + (mechanisms.high[k] - mechanisms.low[k]) * share


class Worst(eqx.Module):
    """The largest risk found for each predictor, the environment, and by how much the restarts differ."""

    risk: Float[np.ndarray, " sets"]
    gap: Float[np.ndarray, " sets"]
    adversary: Adversary


def worst_environments(
    mechanisms: Mechanisms,
    predictors: RandomFeatureRidge,
    target: int,
    *,
    key: PRNGKeyArray,
    rows: int,
    width: int,
    steps: int,
    restarts: int,
    learning_rate: float,
    penalty: float,
) -> Worst:
    """Maximise the mean squared error of each predictor over functions of the parents of mutable vertices.

    The ascent uses `rows` random rows, the reported risk all of them.
    """
    sets = predictors.weights.shape[0]
    pick_key, begin_key, run_key = jax.random.split(key, 3)
    total = mechanisms.rows.shape[0]
    index = jax.random.permutation(pick_key, total)[: min(rows, total)]
    cases = jnp.repeat(jnp.arange(sets, dtype=jnp.int32), restarts)
    functions = _networks(begin_key, mechanisms.rows.shape[1], width, (cases.size, len(mechanisms.mutable)))
    ascent = _Ascent(mechanisms, predictors, jnp.float32(penalty), target)
    best = fit(
        ascent,
        Adversary(functions, cases),
        (mechanisms.rows[index], mechanisms.residuals[index]),
        steps=steps,
        optimizer=adam(learning_rate),
        key=jax.random.split(run_key, cases.size),
        progress=False,
    ).model
    risks = np.asarray(_risks(ascent, best)).reshape(sets, restarts)
    chosen = jnp.arange(sets) * restarts + risks.argmax(1)
    return Worst(risks.max(1), risks.max(1) - risks.min(1), jax.tree.map(lambda leaf: leaf[chosen], best))


class _Ascent(eqx.Module):
    """What the adversary descends on: its squared norm less the error that it causes."""

    mechanisms: Mechanisms
    predictors: RandomFeatureRidge
    penalty: Float[Array, ""]
    target: int = eqx.field(static=True)

    def error(self, adversary: Adversary, rows: Table, residuals: Table) -> Float[Array, ""]:
        def column(k: int, rows: Table) -> Float[Array, " rows"]:
            return adversary.column(self.mechanisms, k, rows)

        carried = self.mechanisms.carry(rows, residuals, column)
        predicted = self.predictors.one(adversary.case)(carried)
        return jnp.mean((carried[:, self.target] - predicted) ** 2)

    def __call__(self, adversary: Adversary, batch: tuple[Table, Table], key: PRNGKeyArray) -> Float[Array, ""]:
        squares = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(adversary.functions))
        return self.penalty * squares - self.error(adversary, *batch)


@eqx.filter_jit
def _risks(ascent: _Ascent, adversaries: Adversary) -> Float[Array, " adversaries"]:
    """The error that each adversary causes on all rows, one by one to save memory."""
    rows, residuals = ascent.mechanisms.rows, ascent.mechanisms.residuals
    return jax.lax.map(lambda one: ascent.error(one, rows, residuals), adversaries)
