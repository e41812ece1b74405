"""Graph surgery: of the stable predictors the one that does best on held-out rows of the training environments.

S' = argmin over subsets of stable variables of the validation error of f_{S'}(x) = E[Y | x_{S'}, do(x_M)]
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import numpy as np

from ..core import Paper, check_instance, check_number
from ._discovery import CDNOD, AbstractDiscovery
from ._mechanisms import Additive, settle_graph
from ._robust_subset import AbstractRobustMethod, Environments, RobustSubset, only_data
from ._subset_search import AbstractSubsetSearch, Classes, Subset


class GraphSurgery(AbstractRobustMethod):
    """The stable subset with the smallest validation error: stable, but chosen for the environments that were seen.

    **Arguments:** `mechanisms`: as learned for `CausalMinimax`; `search`: which subsets; `discovery`: how a graph that
    is not given is found; `validation`: share of the rows that are held out.

    **Returns:** a frozen method for `stats.robust_subset`; `risks` of its solution are validation errors, and
    `worst_risk` is NaN.

    **Raises:** `TypeError`, `ValueError` for other objects or a share outside (0, 1).

    Source: Subbaswamy, Schulam & Saria 2019.

    >>> from perturbax import stats
    >>> stats.GraphSurgery().validation
    0.2
    """

    mechanisms: Additive = Additive()
    search: AbstractSubsetSearch = Classes()
    discovery: AbstractDiscovery = CDNOD()
    validation: float = 0.2

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
        check_instance("mechanisms", self.mechanisms, Additive, "Additive(...)")
        check_instance("search", self.search, AbstractSubsetSearch, "Classes(), AllSubsets() or Greedy()")
        check_instance("discovery", self.discovery, AbstractDiscovery, "a discovery such as CDNOD()")
        check_number("validation", self.validation, minimum=0.0, maximum=1.0, exclusive=True)

    def choose(self, problem: Environments | Any, key: Any) -> RobustSubset:
        """See `stats.robust_subset`."""
        problem = only_data(problem, self)
        discovery_key, split_key, learn_key = jax.random.split(key, 3)
        graph, mutable = settle_graph(problem, self.discovery, discovery_key)
        order = np.asarray(jax.random.permutation(split_key, problem.y.size))
        held = order[: max(1, math.floor(self.validation * order.size))]
        rest = np.setdiff1d(order, held)
        training = eqx.tree_at(
            lambda p: (p.X, p.y, p.env), problem, (problem.X[rest], problem.y[rest], problem.env[rest])
        )
        learned = self.mechanisms.learn(training, graph, mutable, learn_key)
        classes: list[Subset] = []
        errors: list[float] = []
        predictors: list[Any] = []

        def evaluate(subsets: Sequence[Subset]) -> list[float]:
            ridge = learned.regress(subsets)
            new = [learned.predictor(ridge.one(i)) for i in range(len(subsets))]
            classes.extend(subsets)
            predictors.extend(new)
            errors.extend(float(np.mean((problem.y[held] - predict(problem.X[held])) ** 2)) for predict in new)
            return errors[-len(subsets) :]

        self.search.explore(graph.without(mutable), problem.target, evaluate)
        best = int(np.argmin(errors))
        return RobustSubset(
            subset=classes[best],
            predict=predictors[best],
            worst_risk=float("nan"),
            classes=tuple(classes),
            risks=np.array(errors),
            gaps=np.zeros(len(errors)),
            predictor_of=learned.predictor_of,
            graph=graph,
            mutable=mutable,
            stats={"evaluations": len(classes)},
        )
