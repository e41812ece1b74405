"""All stable variables: the predictor that is optimal only under a condition on the graph.

f_S(x) = E[Y | x_S, do(x_M)]   with the whole stable set S
"""

from typing import Any, ClassVar

import jax

from ..core import Paper, check_instance
from ._discovery import CDNOD, AbstractDiscovery
from ._discrete_model import DiscreteModel
from ._mechanisms import AbstractMechanisms, Additive, compare_exactly, settle_graph
from ._robust_subset import AbstractRobustMethod, Environments, RobustSubset
from ._subset_search import WholeSet


class WholeStableSet(AbstractRobustMethod):
    """Transfer everything that is stable, without asking which invariance helps.

    **Arguments:** `mechanisms`: `Additive()` or `Tabular()`; `discovery`: how a graph that is not given is found.

    **Returns:** a frozen method for `stats.robust_subset`.

    **Raises:** `TypeError` for other objects.

    Source: Subbaswamy, Schulam & Saria 2019 (the surgery estimator with all stable variables).

    >>> from perturbax import stats
    >>> stats.WholeStableSet().mechanisms.range_factor
    1.0
    """

    mechanisms: AbstractMechanisms = Additive()
    discovery: AbstractDiscovery = CDNOD()

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            title="Preventing Failures Due to Dataset Shift: Learning Predictive Models That Transport",
            authors=("Adarsh Subbaswamy", "Peter Schulam", "Suchi Saria"),
            year=2019,
            arxiv="1812.04597",
            venue="International Conference on Artificial Intelligence and Statistics",
        ),
    )

    def __check_init__(self):
        check_instance("mechanisms", self.mechanisms, AbstractMechanisms, "Additive(...) or Tabular()")
        check_instance("discovery", self.discovery, AbstractDiscovery, "a discovery such as CDNOD()")

    def choose(self, problem: Environments | DiscreteModel, key: Any) -> RobustSubset:
        """See `stats.robust_subset`."""
        discovery_key, key = jax.random.split(key)
        graph, mutable = settle_graph(problem, self.discovery, discovery_key)
        if isinstance(problem, DiscreteModel):
            found = compare_exactly(problem, WholeSet())
        else:
            found = self.mechanisms.compare(problem, graph, mutable, WholeSet(), key)
        return RobustSubset(graph=graph, mutable=mutable, stats={"evaluations": 1}, **found)
