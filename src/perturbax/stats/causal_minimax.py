"""Causal minimax choice of stable variables.

Liu, Zheng, Sun, Fang & Wang 2023, *Which Invariance Should We Transfer? A Causal Minimax Learning Approach*
(arXiv 2107.01876). Environments share a causal graph over `(X, Y)`; the mechanisms of the mutable variables `M` differ
between them, all others, `Y`'s among them, do not. Every subset `S'` of the stable variables `S` has a predictor that
is the same in all environments,

    f_{S'}(x) = E[Y | x_{S'}, do(x_M)],                                                                       (1)

and a worst environment, an adversary's choice of the mechanisms of `M` (which may be taken deterministic):

    R(S') = max over h of E[(Y - f_{S'}(X_{S'}, X_M))^2],   X_M = h(Pa(X_M)).                                 (2)

The whole set `S` is best when `Y` points to no vertex of `K = De(X_M0) \\ X_M0`, with `X_M0` the mutable children of
`Y`. Otherwise one representative of each equivalence class of subsets is compared (algorithm 2), and the
one with the smallest `R` is returned.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import jax

from ..core import Paper, check_instance
from ._causal_graph import CausalGraph
from ._discovery import CDNOD, AbstractDiscovery
from ._discrete_model import DiscreteModel
from ._mechanisms import AbstractMechanisms, Additive, compare_exactly, settle_graph
from ._robust_subset import AbstractRobustMethod, Environments, RobustSubset
from ._subset_search import AbstractSubsetSearch, Classes, WholeSet


class CausalMinimax(AbstractRobustMethod):
    """The subset of stable variables whose worst environment is best.

    Only risks under the assumptions are compared: the graph is right, no cause is hidden, and an environment changes
    nothing but the mechanisms of the mutable variables, within the range of `mechanisms`.

    **Arguments:**

    - `mechanisms`: `Additive()` for continuous variables, `Tabular()` for discrete ones; a known `DiscreteModel` needs
      neither.
    - `search`: `Classes()`, `AllSubsets()` or `Greedy()`; asked when the graph alone does not prove all stable
      variables best.
    - `discovery`: how a graph that is not given is found.

    **Returns:** a frozen method for `stats.robust_subset`.

    **Raises:** `TypeError` for other objects; when used, `ValueError` for a graph without mutable variables, or
    (discovered) with edges whose direction the data does not tell.

    Source: Liu et al. 2023, algorithms 1 and 2.

    >>> from perturbax import stats
    >>> stats.CausalMinimax().search.most
    4096
    """

    mechanisms: AbstractMechanisms = Additive()
    search: AbstractSubsetSearch = Classes()
    discovery: AbstractDiscovery = CDNOD()

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
        discovery_key, key = jax.random.split(key)
        graph, mutable = settle_graph(problem, self.discovery, discovery_key)
        holds = whole_set_is_best(graph, problem.target, mutable)
        search = WholeSet() if holds else self.search
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

    Source: Liu et al. 2023 (the graphical condition).

    >>> graph = CausalGraph([("y", "m"), ("y", "x"), ("m", "x")])
    >>> whole_set_is_best(graph, "y", ["m"])
    False
    """
    children = set(graph.children(target))
    first = children & set(mutable)
    below = set(graph.descendants(sorted(first))) - first
    return not below & children
