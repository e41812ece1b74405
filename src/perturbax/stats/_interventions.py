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
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ..core import fit
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

    class Regression(eqx.Module):
        network: MLP
        reads: Bool[Array, "*batch vertices"]
        predicts: Bool[Array, "*batch vertices"]

        def residual(self, batch: Table) -> Array:
            return (batch * self.predicts).sum(1) - self.network(batch * self.reads)[:, 0]

    def loss(model: Regression, batch: Table, key: PRNGKeyArray) -> Array:
        return jnp.mean(model.residual(batch) ** 2)

    begin_key, run_key = jax.random.split(key)
    networks = eqx.filter_vmap(lambda k: MLP(len(names), (width,), 1, key=k))(jax.random.split(begin_key, len(order)))
    model = Regression(networks, parents[at], jnp.eye(len(names), dtype=bool)[at])
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    fitted = fit(
        loss,
        model,
        table,
        steps=steps,
        batch_size=min(256, table.shape[0]),
        optimizer=optax.adam(schedule),
        key=jax.random.split(run_key, len(order)),
        progress=False,
    ).model
    left = eqx.filter_vmap(lambda one: one.residual(table))(fitted)
    residuals = jnp.zeros_like(table).at[:, at].set(left.T)
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


class RandomFeatureRidge(eqx.Module):
    """Ridge regressions on random Fourier features and the columns themselves, one for each set of columns it may read.

        f(z) = w_0 + w_1 . z + w_2 . sqrt(2 / D) cos(z . omega / l + b),   omega ~ N(0, I), l^2 = columns read

    Source: Rahimi & Recht 2007, algorithm 1.
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

    def make(key: PRNGKeyArray) -> MLP:
        keys = jax.random.split(key, len(mechanisms.mutable))
        return eqx.filter_vmap(lambda k: MLP(mechanisms.rows.shape[1], (width,), 1, key=k))(keys)

    def errors(adversary: Adversary, rows: Table, residuals: Table) -> Array:
        carried = mechanisms.carry(rows, residuals, lambda k, rows: adversary.column(mechanisms, k, rows))
        predictor = predictors.one(adversary.case)
        return jnp.mean((carried[:, target] - predictor(carried)) ** 2)

    def loss(adversary: Adversary, batch: tuple[Table, Table], key: PRNGKeyArray) -> Array:
        squares = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(eqx.filter(adversary, eqx.is_inexact_array)))
        return penalty * squares - errors(adversary, *batch)

    adversaries = Adversary(eqx.filter_vmap(make)(jax.random.split(begin_key, cases.size)), cases)
    best = fit(
        loss,
        adversaries,
        (mechanisms.rows[index], mechanisms.residuals[index]),
        steps=steps,
        optimizer=optax.adam(learning_rate),
        key=jax.random.split(run_key, cases.size),
        progress=False,
    ).model
    measure = eqx.filter_jit(
        lambda all_: jax.lax.map(lambda one: errors(one, mechanisms.rows, mechanisms.residuals), all_)
    )
    risks = np.asarray(measure(best)).reshape(sets, restarts)
    chosen = jnp.arange(sets) * restarts + risks.argmax(1)
    return Worst(risks.max(1), risks.max(1) - risks.min(1), jax.tree.map(lambda leaf: leaf[chosen], best))
