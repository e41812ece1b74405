"""Causal models of variables with finitely many values, in which every answer is a finite sum.

With stable mechanisms P(v | Pa_v) and the mutable variables M set from outside,

    P(v_1, ..., v_d | do(M = m))  =  prod over stable v of P(v | Pa_v)                                        (1)
    f_S(x_S, m)                   =  E[Y | x_S, do(m)]                                                        (2)
    R(S)                          =  max over functions h of E[(Y - f_S(X_S, h))^2 | do(M = h(Pa_M))]         (3)
"""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..core import check_array, check_instance
from ._causal_graph import CausalGraph

_MOST_CELLS = 2**24
_MOST_FUNCTIONS = 2**16


class DiscreteModel(eqx.Module):
    """The problem of choosing predictors in a known causal model of discrete variables.

    **Arguments:**

    - `graph`: who causes whom, the target among the vertices.
    - `tables`: for every stable vertex its probabilities given its parents: an array with one axis for each of
      `graph.parents(name)`, in that order, and a last one for its own values.
    - `mutable`: names and numbers of values of the vertices whose mechanisms change between environments.
    - `target`: name of the predicted vertex.
    - `values`: what the target's values count as; 0, 1, ... when `None`.

    **Raises:** `ValueError` when a table is missing, has the wrong shape, a negative entry or does not sum to 1, the
    target is mutable, or the model has more than 2^24 cells.

    >>> model = DiscreteModel(CausalGraph([("x", "y")]), {"x": [0.5, 0.5], "y": [[0.4, 0.6], [0.2, 0.8]]}, {})
    >>> round(model.worst_case_risk(["x"])[0], 6)
    0.2
    """

    graph: CausalGraph = eqx.field(static=True)
    tables: dict[str, Float[np.ndarray, "..."]]
    mutable: dict[str, int] = eqx.field(static=True)
    target: str = eqx.field(static=True)
    values: Float[np.ndarray, " values"]

    def __init__(
        self,
        graph: CausalGraph,
        tables: Mapping[str, Any],
        mutable: Mapping[str, int],
        target: str = "y",
        values: Any = None,
    ):
        check_instance("graph", graph, CausalGraph, "a CausalGraph")
        self.graph, self.target, self.mutable = graph, target, dict(mutable)
        graph._mask([target, *mutable])
        if target in mutable:
            raise ValueError(f"target {target!r} must not be mutable: then no prediction is stable")
        settled = {name: check_array(f"tables[{name!r}]", table) for name, table in tables.items()}
        levels = {name: table.shape[-1] for name, table in settled.items()} | self.mutable
        self.tables = {}
        for name in graph.names:
            if name in mutable:
                continue
            if name not in settled:
                raise ValueError(f"tables must have an entry for the stable vertex {name!r}")
            table = np.asarray(settled[name], np.float64)
            missing = [parent for parent in graph.parents(name) if parent not in levels]
            wanted = tuple(levels.get(parent, 0) for parent in graph.parents(name)) + table.shape[-1:]
            if missing or table.shape != wanted:
                raise ValueError(f"tables[{name!r}] must have shape {wanted}, got {table.shape}")
            if table.min() < 0.0 or not np.allclose(table.sum(-1), 1.0, atol=1e-6):
                raise ValueError(f"tables[{name!r}] must be probabilities that sum to 1 along the last axis")
            self.tables[name] = table
        if math.prod(levels[name] for name in graph.names) > _MOST_CELLS:
            raise ValueError(f"graph has too many joint values, more than {_MOST_CELLS}, for exact sums")
        size = self.tables[target].shape[-1]
        self.values = np.asarray(
            check_array("values", np.arange(float(size)) if values is None else values), np.float64
        )
        if self.values.shape != (size,):
            raise ValueError(f"values must have one entry for each of the {size} values of {target!r}")

    @property
    def stable(self) -> tuple[str, ...]:
        """The stable vertices other than the target."""
        return tuple(name for name in self.graph.names if name not in self.mutable and name != self.target)

    def under_intervention(self) -> Float[np.ndarray, "..."]:
        """Equation 1: an axis per vertex of the graph; the mutable ones are what is conditioned on."""
        names = self.graph.names
        shape = [self.mutable.get(name, 0) or self.tables[name].shape[-1] for name in names]
        joint = np.ones(shape)
        for name, table in self.tables.items():
            at = [names.index(vertex) for vertex in (*self.graph.parents(name), name)]
            spread = np.transpose(table, np.argsort(at)).reshape(
                [shape[i] if i in at else 1 for i in range(len(names))]
            )
            joint = joint * spread
        return joint

    def predictor(self, subset: Collection[str]) -> Float[np.ndarray, "..."]:
        """Equation 2: an axis per vertex, of size 1 where the prediction does not depend on it; 0 on impossible values.

        **Raises:** `ValueError` when `subset` contains a name that is no stable vertex.
        """
        strangers = [name for name in subset if name not in self.stable]
        if strangers:
            raise ValueError(f"subset must contain stable vertices {self.stable} only, got {strangers}")
        joint = self.under_intervention()
        names = self.graph.names
        summed = tuple(i for i, name in enumerate(names) if name not in subset and name not in self.mutable)
        mass = joint.sum(summed, keepdims=True)
        mean = (joint * self._target_values()).sum(summed, keepdims=True)
        return np.divide(mean, mass, out=np.zeros_like(mean), where=mass > 0.0)

    def worst_case_risk(self, subset: Collection[str]) -> tuple[float, dict[str, np.ndarray]]:
        """Equation 3 and the function that attains it: for each mutable vertex its value at all values of its parents.

        **Raises:** `ValueError` when there are more than 2^16 functions of all mutable vertices but the last.
        """
        loss = self.under_intervention() * (self._target_values() - self.predictor(subset)) ** 2
        mutable = [name for name in self.graph.order if name in self.mutable]
        if not mutable:
            return float(loss.sum()), {}
        best, found = -np.inf, {}
        for functions in self._functions(mutable[:-1]):
            fixed = loss
            for name, function in functions.items():
                fixed = fixed * self._indicator(name, function)
            risk, function = self._best_response(mutable[-1], fixed)
            if risk > best:
                best, found = risk, {**functions, mutable[-1]: function}
        return best, found

    def as_predictor(self, subset: Collection[str]) -> "TabularPredictor":
        """The predictor of a subset; it reads rows of the numbers 0, 1, ... of the values of all other vertices."""
        names = self.graph.names
        levels = tuple(np.arange(float(self._levels(name))) for name in names)
        return TabularPredictor(self.predictor(subset), levels, names, tuple(n for n in names if n != self.target))

    def _target_values(self) -> np.ndarray:
        at = self.graph.names.index(self.target)
        return self.values.reshape([-1 if i == at else 1 for i in range(len(self.graph.names))])

    def _levels(self, name: str) -> int:
        return self.mutable.get(name) or self.tables[name].shape[-1]

    def _functions(self, names: list[str]) -> Iterator[dict[str, np.ndarray]]:
        shapes = [tuple(self._levels(parent) for parent in self.graph.parents(name)) for name in names]
        counts = [self.mutable[name] ** math.prod(shape) for name, shape in zip(names, shapes, strict=True)]
        if math.prod(counts) > _MOST_FUNCTIONS:
            raise ValueError(
                f"mutable vertices {names} have {math.prod(counts)} functions, more than {_MOST_FUNCTIONS}"
            )
        each = [
            itertools.product(range(self.mutable[n]), repeat=math.prod(s)) for n, s in zip(names, shapes, strict=True)
        ]
        for chosen in itertools.product(*each):
            yield {n: np.array(c, int).reshape(s) for n, c, s in zip(names, chosen, shapes, strict=True)}

    def _indicator(self, name: str, function: np.ndarray) -> np.ndarray:
        """1 where a mutable vertex has the value that the function gives it, with an axis per vertex."""
        names = self.graph.names
        table = np.eye(self.mutable[name])[function]
        at = [names.index(vertex) for vertex in (*self.graph.parents(name), name)]
        shape = [self._levels(vertex) if i in at else 1 for i, vertex in enumerate(names)]
        return np.transpose(table, np.argsort(at)).reshape(shape)

    def _best_response(self, name: str, loss: np.ndarray) -> tuple[float, np.ndarray]:
        """The largest sum over functions of one mutable vertex: its value is chosen for each value of its parents."""
        names = self.graph.names
        at = [names.index(vertex) for vertex in (*self.graph.parents(name), name)]
        table = loss.sum(tuple(i for i in range(len(names)) if i not in at)).transpose(np.argsort(np.argsort(at)))
        return float(table.max(-1).sum()), table.argmax(-1)


class TabularPredictor(eqx.Module):
    """A table of predictions, read at the values of the variables.

    `levels` has the sorted values that each vertex takes; the prediction of rows of shape `(n, d)` has shape `(n,)`.
    """

    table: Float[np.ndarray, "..."]
    levels: tuple[Float[np.ndarray, " _"], ...]
    vertices: tuple[str, ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)

    def __call__(self, X: Any) -> Float[np.ndarray, " n"]:
        """The predictions.

        **Raises:** `ValueError` for a value that the data did not have.
        """
        X = np.asarray(check_array("X", X, shape=(None, len(self.names))), np.float64)
        index = []
        for vertex, levels, size in zip(self.vertices, self.levels, self.table.shape, strict=True):
            if size == 1:
                index.append(np.zeros(X.shape[0], int))
                continue
            column = X[:, self.names.index(vertex)]
            if not np.isin(column, levels).all():
                raise ValueError(f"X has values of {vertex!r} that were not in the data")
            index.append(np.searchsorted(levels, column))
        return self.table[tuple(index)]


def tabulate(
    X: np.ndarray,
    y: np.ndarray,
    names: tuple[str, ...],
    target: str,
    graph: CausalGraph,
    mutable: Collection[str],
) -> tuple[DiscreteModel, tuple[np.ndarray, ...]]:
    """The model with the frequencies of the data, and the values of every vertex.

    Values of parents that never occur together get equal probabilities.

    **Raises:** `ValueError` when a variable has more than 64 values and so is not discrete.
    """
    columns = {**dict(zip(names, X.T, strict=True)), target: y}
    levels, codes = {}, {}
    for name, column in columns.items():
        levels[name], codes[name] = np.unique(column, return_inverse=True)
        if levels[name].size > 64:
            raise ValueError(f"{name!r} has {levels[name].size} values: Tabular() is for discrete variables")
    tables = {}
    for name in graph.names:
        if name in mutable:
            continue
        at = (*graph.parents(name), name)
        counts = np.zeros([levels[vertex].size for vertex in at])
        np.add.at(counts, tuple(codes[vertex] for vertex in at), 1.0)
        total = counts.sum(-1, keepdims=True)
        tables[name] = np.where(total > 0.0, counts / np.maximum(total, 1.0), 1.0 / counts.shape[-1])
    model = DiscreteModel(graph, tables, {name: levels[name].size for name in mutable}, target, levels[target])
    return model, tuple(levels[name] for name in graph.names)
