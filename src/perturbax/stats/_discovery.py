"""The causal graph and the mutable variables, from data of several environments."""

import abc
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax
import numpy as np

from ..core import check_instance, check_integer, check_number
from ._causal_graph import CausalGraph

if TYPE_CHECKING:
    from ._robust_subset import Environments


class AbstractDiscovery(eqx.Module):
    """Finds a graph."""

    @abc.abstractmethod
    def discover(self, problem: "Environments", key: Any) -> tuple[CausalGraph, tuple[str, ...]]:
        """The graph over variables and target, and the mutable variables."""


class AbstractIndependenceTest(eqx.Module):
    """A test of conditional independence of causal-learn, by its name there."""

    name: ClassVar[str]


class FisherZ(AbstractIndependenceTest):
    """Partial correlations: quick, and blind to dependence without correlation.

    >>> FisherZ()
    FisherZ()
    """

    name: ClassVar[str] = "fisherz"


class KernelTest(AbstractIndependenceTest):
    """The kernel test, for dependence of any kind; its cost grows with the cube of the rows.

    >>> KernelTest()
    KernelTest()
    """

    name: ClassVar[str] = "kci"


class CDNOD(AbstractDiscovery):
    """Constraint-based discovery from heterogeneous data: the environment joins the variables as a cause of some.

    Done by causal-learn. What the environment points to is mutable. Edges that the data leaves without direction are an
    error, since any choice would be a guess: give the graph then.

    **Arguments:**

    - `alpha`: significance level of the tests of independence.
    - `test`: of conditional independence, `FisherZ()` or `KernelTest()`.
    - `rows`: at most so many rows, drawn at random; with 1500 the kernel test is affordable.

    **Raises:** `TypeError` when `test` is something else, `ValueError` when a number is out of range; when used,
    `ModuleNotFoundError` without causal-learn (`pip install perturbax[causal]`).

    Source: Huang et al. 2020.

    >>> CDNOD(alpha=0.01).rows
    1500
    """

    alpha: float = 0.05
    test: AbstractIndependenceTest = FisherZ()
    rows: int = 1500

    def __check_init__(self):
        check_number("alpha", self.alpha, minimum=0.0, maximum=1.0, exclusive=True)
        check_instance("test", self.test, AbstractIndependenceTest, "FisherZ() or KernelTest()")
        check_integer("rows", self.rows, minimum=10)

    def discover(self, problem: "Environments", key: Any) -> tuple[CausalGraph, tuple[str, ...]]:
        """See `AbstractDiscovery`."""
        try:
            from causallearn.search.ConstraintBased.CDNOD import cdnod
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "discovering a graph needs causal-learn: pip install 'perturbax[causal]', or give graph and mutable"
            ) from None
        names = (*problem.names, problem.target)
        data = np.column_stack([problem.X, problem.y])
        keep = np.asarray(jax.random.permutation(key, data.shape[0]))[: self.rows]
        environments = problem.env[keep, None].astype(float)
        made = cdnod(data[keep], environments, self.alpha, self.test.name, show_progress=False, verbose=False)
        ends = made.G.graph  # ends[i, j] = -1 and ends[j, i] = 1 where i -> j, -1 and -1 where it has no direction
        environment = len(names)
        mutable = tuple(names[j] for j in range(environment) if ends[environment, j] != 0)
        inside = range(environment)
        directed = [(i, j) for i in inside for j in inside if (ends[i, j], ends[j, i]) == (-1, 1)]
        arrows = ", ".join(f"{names[i]} -> {names[j]}" for i, j in directed) or "no directed edges"
        open_ = [
            f"{names[i]} - {names[j]}"
            for i in inside
            for j in range(i)
            if ends[i, j] != 0 and (i, j) not in directed and (j, i) not in directed
        ]
        if open_:
            raise ValueError(
                f"the data does not tell the direction of {', '.join(open_)}: give graph, with these edges oriented, "
                f"and mutable; found were {arrows} and the mutable variables {', '.join(mutable) or '(none)'}"
            )
        return CausalGraph([(names[i], names[j]) for i, j in directed], names), mutable
