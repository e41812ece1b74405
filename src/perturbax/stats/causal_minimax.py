"""Causal minimax choice of stable variables.

Liu, Zheng, Sun, Fang & Wang 2023, *Which Invariance Should We Transfer? A Causal Minimax Learning Approach*
(arXiv 2107.01876). Environments share a causal graph over `(X, Y)`; the mechanisms of the mutable variables `M` differ
between them, all others, `Y`'s among them, do not. Every subset `S'` of the stable variables `S` has a predictor that
is the same in all environments,

    f_{S'}(x) = E[Y | x_{S'}, do(x_M)],                                                                       (1)

and a worst environment, an adversary's choice of the mechanisms of `M` (which may be taken deterministic):

    R(S') = max over h of E[(Y - f_{S'}(X_{S'}, X_M))^2],   X_M = h(Pa(X_M)).                                 (2)

The whole set `S` is best when `Y` points to no vertex of `K = De(X_M0) \\ X_M0`, with `X_M0` the mutable children of
`Y` (theorem 4.3). Otherwise one representative of each equivalence class of subsets is compared (algorithm 2), and the one
with the smallest `R` is returned.
"""

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import Paper, check_instance, check_integer, check_number
from ._causal_graph import CausalGraph
from ._discovery import CDNOD, AbstractDiscovery
from ._discrete_model import DiscreteModel, TabularPredictor, tabulate
from ._interventions import RandomFeatureRidge, fit_mechanisms, fit_ridge, worst_environments
from ._robust_subset import AbstractRobustMethod, Environments, RobustSubset, check_mutable, standardised
from ._subset_search import AbstractSubsetSearch, Classes, Subset


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
        found["predict"] = TabularPredictor(model.predictor(found["subset"]), levels, graph.names, problem.names)
        return found


class Additive(AbstractMechanisms):
    """Mechanisms `X_i = g_i(Pa_i) + e_i` with small networks, predictors by ridge regression on random features.

    **Arguments:**

    - `width`, `steps`, `learning_rate`: of the networks `g_i` and their training by Adam.
    - `features`, `ridge`: random Fourier features of a predictor and its regularisation.
    - `ascent_width`, `ascent_steps`, `ascent_rate`, `restarts`, `penalty`, `rows`: networks `h`, steps and rate of
      Adam, starts, weight of their squared norm, and random rows in the search for the worst environment.
    - `range_factor`: an adversary keeps a mutable variable in its observed range, widened so many times; without a
      bound the worst risk can be infinite.

    **Raises:** `ValueError` when one is out of range.

    Source: Liu et al. 2023, section 5 and appendix (networks and penalty); residuals are added again when variables are
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
    rows: int = 500
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
        X, y, predictor = standardised(problem)
        names = graph.names
        columns = tuple(names.index(name) for name in problem.names)
        target = names.index(problem.target)
        rows = np.empty((y.size, len(names)))
        rows[:, columns], rows[:, target] = X, y
        mechanism_key, law_key, feature_key, ascent_key = jax.random.split(key, 4)
        mechanisms = fit_mechanisms(
            rows,
            graph,
            mutable,
            key=mechanism_key,
            width=self.width,
            steps=self.steps,
            learning_rate=self.learning_rate,
            widen=self.range_factor,
        )
        law = np.asarray(mechanisms.intervened(law_key))
        always = np.isin(names, mutable)
        classes: list[Subset] = []
        found: list[tuple[float, float, RandomFeatureRidge, Any]] = []

        def evaluate(subsets: Sequence[Subset]) -> list[float]:
            reads = np.stack([always | np.isin(names, subset) for subset in subsets])
            ridge = fit_ridge(law, law[:, target], reads, key=feature_key, features=self.features, ridge=self.ridge)
            worst = worst_environments(
                mechanisms,
                ridge,
                target,
                key=ascent_key,
                rows=self.rows,
                width=self.ascent_width,
                steps=self.ascent_steps,
                restarts=self.restarts,
                learning_rate=self.ascent_rate,
                penalty=self.penalty,
            )
            unit = float(problem.y.var())
            for i, subset in enumerate(subsets):
                one = RandomFeatureRidge(ridge.reads[i], ridge.frequencies, ridge.phases, ridge.weights[i])
                adversary = jax.tree.map(lambda leaf, i=i: leaf[i], worst.adversary)
                classes.append(subset)
                found.append((unit * float(worst.risk[i]), unit * float(worst.gap[i]), one, adversary))
            return [risk for risk, *_ in found[-len(subsets) :]]

        search.explore(graph.without(mutable), problem.target, evaluate)
        risks, gaps, ridges, adversaries = zip(*found, strict=True)
        best = int(np.argmin(risks))
        return {
            "subset": classes[best],
            "predict": predictor(_FromVariables(ridges[best], columns, len(names))),
            "worst_risk": risks[best],
            "classes": tuple(classes),
            "risks": np.array(risks),
            "gaps": np.array(gaps),
            "worst_environment": adversaries[best],
        }


class _FromVariables(eqx.Module):
    """A function of rows of all vertices, read from rows of the variables; it does not look at the target."""

    function: RandomFeatureRidge
    columns: tuple[int, ...] = eqx.field(static=True)
    vertices: int = eqx.field(static=True)

    def __call__(self, rows: Any) -> Any:
        return self.function(jnp.zeros((rows.shape[0], self.vertices)).at[:, self.columns].set(rows))


class _Whole(AbstractSubsetSearch):
    """All stable variables and nothing else."""

    def explore(self, graph: CausalGraph, target: str, evaluate: Any) -> None:
        evaluate([tuple(name for name in graph.names if name != target)])


class CausalMinimax(AbstractRobustMethod):
    """The subset of stable variables whose worst environment is best.

    Only risks under the assumptions are compared: the graph is right, no cause is hidden, and an environment changes
    nothing but the mechanisms of the mutable variables, within the range of `mechanisms`.

    **Arguments:**

    - `mechanisms`: `Additive()` for continuous variables, `Tabular()` for discrete ones; a known `DiscreteModel` needs
      neither.
    - `search`: `Classes()`, `AllSubsets()` or `Greedy()`.
    - `discovery`: how a graph that is not given is found.
    - `shortcut`: return the whole stable set when the graph alone proves it best, without a comparison.

    **Returns:** a frozen method for `stats.robust_subset`.

    **Raises:** `TypeError` for other objects; when used, `ValueError` for a graph without mutable variables, with too
    many classes, or (discovered) with edges whose direction the data does not tell.

    Source: Liu et al. 2023, theorem 4.3, algorithms 1 and 2.

    >>> CausalMinimax(mechanisms=Tabular()).search.most
    4096
    """

    mechanisms: AbstractMechanisms = Additive()
    search: AbstractSubsetSearch = Classes()
    discovery: AbstractDiscovery = CDNOD()
    shortcut: bool = True

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Which Invariance Should We Transfer? A Causal Minimax Learning Approach",
            authors=("Mingzhou Liu", "Xiangyu Zheng", "Xinwei Sun", "Fang Fang", "Yizhou Wang"),
            year=2023,
            arxiv="2107.01876",
            venue="International Conference on Machine Learning",
        ),
    )

    def __check_init__(self):
        check_instance("mechanisms", self.mechanisms, AbstractMechanisms, "Additive(...) or Tabular()")
        check_instance("search", self.search, AbstractSubsetSearch, "Classes(), AllSubsets() or Greedy()")
        check_instance("discovery", self.discovery, AbstractDiscovery, "a discovery such as CDNOD()")

    def choose(self, problem: Environments | DiscreteModel, key: Any) -> RobustSubset:
        """See `stats.robust_subset`."""
        if isinstance(problem, DiscreteModel):
            graph, mutable = problem.graph, tuple(problem.mutable)
        elif problem.graph is None or problem.mutable is None:
            key, discovery_key = jax.random.split(key)
            graph, mutable = self.discovery.discover(problem, discovery_key)
            check_mutable(mutable, problem.names, problem.target)
        else:
            graph, mutable = problem.graph, problem.mutable
        if not mutable:
            raise ValueError("mutable must name a variable: where nothing changes, Pooled() is the best prediction")
        holds = whole_set_is_best(graph, problem.target, mutable)
        search = _Whole() if holds and self.shortcut else self.search
        if isinstance(problem, DiscreteModel):
            found = compare_exactly(problem, search)
        else:
            found = self.mechanisms.compare(problem, graph, mutable, search, key)
        return RobustSubset(
            graph=graph,
            mutable=mutable,
            condition_holds=holds,
            stats={"evaluations": len(found["classes"])},
            **found,
        )


def whole_set_is_best(graph: CausalGraph, target: str, mutable: Sequence[str]) -> bool:
    """Whether the graph alone says that all stable variables together are minimax optimal.

    **Arguments:** `graph`: over all variables and the target; `target`; `mutable`: names.

    **Raises:** `ValueError` for unknown names.

    Source: Liu et al. 2023, theorem 4.3.

    >>> graph = CausalGraph([("y", "m"), ("y", "x"), ("m", "x")])
    >>> whole_set_is_best(graph, "y", ["m"])
    False
    """
    children = set(graph.children(target))
    first = children & set(mutable)
    below = set(graph.descendants(sorted(first))) - first
    return not below & children


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
        "worst_environment": found[best][1],
    }
