"""How predictors and worst environments are had: from counted tables, or from fitted additive mechanisms."""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ..core import check_integer, check_number
from ._causal_graph import CausalGraph
from ._discovery import AbstractDiscovery
from ._discrete_model import DiscreteModel, TabularPredictor, tabulate
from ._interventions import Mechanisms, RandomFeatureRidge, fit_mechanisms, fit_ridge, worst_environments
from ._robust_subset import Environments, Predictor, check_mutable, standardised
from ._subset_search import AbstractSubsetSearch, Subset


def settle_graph(
    problem: Environments | DiscreteModel, discovery: AbstractDiscovery, key: Any
) -> tuple[CausalGraph, tuple[str, ...]]:
    """The graph and the mutable variables, as given or discovered.

    **Raises:** `ValueError` when no variable is mutable, or the target is.
    """
    if isinstance(problem, DiscreteModel):
        graph, mutable = problem.graph, tuple(problem.mutable)
    elif problem.graph is None or problem.mutable is None:
        graph, mutable = discovery.discover(problem, key)
        check_mutable(mutable, problem.names, problem.target)
    else:
        graph, mutable = problem.graph, problem.mutable
    if not mutable:
        raise ValueError("mutable must name a variable: where nothing changes, Pooled() is the best prediction")
    return graph, mutable


class AbstractMechanisms(eqx.Module):
    """How the mechanisms of the graph are learned from data."""

    @abc.abstractmethod
    def compare(
        self,
        problem: Environments,
        graph: CausalGraph,
        mutable: Sequence[str],
        search: AbstractSubsetSearch,
        key: Any,
    ) -> dict[str, Any]:
        """The fields of a `RobustSubset` that depend on the data."""


class Tabular(AbstractMechanisms):
    """Conditional probabilities counted in the pooled data, for variables with few values; all sums are exact.

    >>> Tabular()
    Tabular()
    """

    def compare(
        self,
        problem: Environments,
        graph: CausalGraph,
        mutable: Sequence[str],
        search: AbstractSubsetSearch,
        key: Any,
    ) -> dict[str, Any]:
        model, levels = tabulate(problem.X, problem.y, problem.names, problem.target, graph, mutable)
        found = compare_exactly(model, search)

        def predictor_of(subset: Sequence[str]) -> TabularPredictor:
            return TabularPredictor(model.predictor(subset), levels, graph.names, problem.names)

        return {**found, "predict": predictor_of(found["subset"]), "predictor_of": predictor_of}


class Additive(AbstractMechanisms):
    """Mechanisms `X_i = g_i(Pa_i) + e_i` with small networks, predictors by ridge regression on random features.

    **Arguments:**

    - `width`, `steps`, `learning_rate`: of the networks `g_i` and their training by Adam.
    - `features`, `ridge`: random Fourier features of a predictor and its regularisation.
    - `ascent_width`, `ascent_steps`, `ascent_rate`, `restarts`, `penalty`, `rows`: networks `h`, steps and rate of
      Adam, starts, weight of their squared norm, and random rows in the search for the worst environment.
    - `range_factor`: where the problem gives no range, an adversary keeps a mutable variable in its observed range,
      widened so many times; without a bound the worst risk can be infinite.

    **Raises:** `ValueError` when one is out of range.

    Source: Liu et al. 2023 (networks and penalty); residuals are added again when variables are
    regenerated, which the published code leaves out.

    >>> Additive(restarts=2).range_factor
    1.0
    """

    width: int = 16
    steps: int = 1500
    learning_rate: float = 1e-2
    features: int = 200
    ridge: float = 1e-4
    ascent_width: int = 8
    ascent_steps: int = 150
    ascent_rate: float = 0.05
    restarts: int = 2
    penalty: float = 1e-5
    rows: int = 300
    range_factor: float = 1.0

    def __check_init__(self):
        for name in ("width", "steps", "features", "ascent_width", "ascent_steps", "restarts", "rows"):
            check_integer(name, getattr(self, name), minimum=1)
        for name in ("learning_rate", "ridge", "ascent_rate", "range_factor"):
            check_number(name, getattr(self, name), minimum=0.0, exclusive=True)
        check_number("penalty", self.penalty, minimum=0.0)

    def compare(
        self,
        problem: Environments,
        graph: CausalGraph,
        mutable: Sequence[str],
        search: AbstractSubsetSearch,
        key: Any,
    ) -> dict[str, Any]:
        learn_key, ascent_key = jax.random.split(key)
        learned = self.learn(problem, graph, mutable, learn_key)
        unit = float(problem.y.var())
        classes: list[Subset] = []
        found: list[tuple[float, float, RandomFeatureRidge, Any]] = []

        def evaluate(subsets: Sequence[Subset]) -> list[float]:
            ridge = learned.regress(subsets)
            worst = worst_environments(
                learned.mechanisms,
                ridge,
                learned.target,
                key=ascent_key,
                rows=self.rows,
                width=self.ascent_width,
                steps=self.ascent_steps,
                restarts=self.restarts,
                learning_rate=self.ascent_rate,
                penalty=self.penalty,
            )
            for i, subset in enumerate(subsets):
                adversary = jax.tree.map(lambda leaf, i=i: leaf[i], worst.adversary)
                classes.append(subset)
                found.append((unit * float(worst.risk[i]), unit * float(worst.gap[i]), ridge.one(i), adversary))
            return [risk for risk, *_ in found[-len(subsets) :]]

        search.explore(graph.without(mutable), problem.target, evaluate)
        risks, gaps, ridges, adversaries = zip(*found, strict=True)
        best = int(np.argmin(risks))
        return {
            "subset": classes[best],
            "predict": learned.predictor(ridges[best]),
            "worst_risk": risks[best],
            "classes": tuple(classes),
            "risks": np.array(risks),
            "gaps": np.array(gaps),
            "predictor_of": learned.predictor_of,
            "worst_environment": adversaries[best],
        }

    def learn(self, problem: Environments, graph: CausalGraph, mutable: Sequence[str], key: Any) -> "Learned":
        """Fit the mechanisms, and draw from the law under interventions on the mutable variables."""
        X, y, make = standardised(problem)
        names = graph.names
        columns = tuple(names.index(name) for name in problem.names)
        target = names.index(problem.target)
        rows = np.empty((y.size, len(names)))
        rows[:, columns], rows[:, target] = X, y
        mechanism_key, law_key, feature_key = jax.random.split(key, 3)
        mechanisms = fit_mechanisms(
            rows,
            graph,
            mutable,
            key=mechanism_key,
            width=self.width,
            steps=self.steps,
            learning_rate=self.learning_rate,
            ranges=[problem.range_of(name, self.range_factor) for name in mutable],
        )
        return Learned(
            mechanisms,
            np.asarray(mechanisms.intervened(law_key)),
            feature_key,
            make,
            self.features,
            self.ridge,
            names,
            problem.names,
            tuple(mutable),
            target,
        )


class Learned(eqx.Module):
    """Fitted mechanisms, rows of the law under interventions, and the stable predictors that these give."""

    mechanisms: Mechanisms
    law: Float[np.ndarray, "rows vertices"]
    key: PRNGKeyArray
    make: Callable[[Callable], Predictor]
    features: int = eqx.field(static=True)
    ridge: float
    vertices: tuple[str, ...] = eqx.field(static=True)
    variables: tuple[str, ...] = eqx.field(static=True)
    mutable: tuple[str, ...] = eqx.field(static=True)
    target: int = eqx.field(static=True)

    def regress(self, subsets: Sequence[Subset]) -> RandomFeatureRidge:
        """The stable predictors of subsets, of standardised rows of all vertices."""
        reads = np.stack([np.isin(self.vertices, [*self.mutable, *subset]) for subset in subsets])
        target = self.law[:, self.target]
        return fit_ridge(self.law, target, reads, key=self.key, features=self.features, ridge=self.ridge)

    def predictor(self, one: RandomFeatureRidge) -> Predictor:
        """A stable predictor in the units of the data."""
        columns = tuple(self.vertices.index(name) for name in self.variables)
        return self.make(_FromVariables(one, columns, len(self.vertices)))

    def predictor_of(self, subset: Sequence[str]) -> Predictor:
        """See `RobustSubset`."""
        stable = [name for name in self.variables if name not in self.mutable]
        strangers = [name for name in subset if name not in stable]
        if strangers:
            raise ValueError(f"subset must contain stable variables {tuple(stable)} only, got {strangers}")
        return self.predictor(self.regress([tuple(subset)]).one(0))


class _FromVariables(eqx.Module):
    """A function of rows of all vertices, read from rows of the variables; it does not look at the target."""

    function: RandomFeatureRidge
    columns: tuple[int, ...] = eqx.field(static=True)
    vertices: int = eqx.field(static=True)

    def __call__(self, rows: Any) -> Any:
        return self.function(jnp.zeros((rows.shape[0], self.vertices)).at[:, self.columns].set(rows))


def compare_exactly(model: DiscreteModel, search: AbstractSubsetSearch) -> dict[str, Any]:
    """The fields of a `RobustSubset` from exact sums."""
    classes: list[Subset] = []
    found: list[tuple[float, dict[str, np.ndarray]]] = []

    def evaluate(subsets: Sequence[Subset]) -> list[float]:
        classes.extend(subsets)
        found.extend(model.worst_case_risk(subset) for subset in subsets)
        return [risk for risk, _ in found[-len(subsets) :]]

    search.explore(model.graph.without(tuple(model.mutable)), model.target, evaluate)
    risks = np.array([risk for risk, _ in found])
    best = int(risks.argmin())
    return {
        "subset": classes[best],
        "predict": model.as_predictor(classes[best]),
        "worst_risk": float(risks[best]),
        "classes": tuple(classes),
        "risks": risks,
        "gaps": np.zeros_like(risks),
        "predictor_of": model.as_predictor,
        "worst_environment": found[best][1],
    }
