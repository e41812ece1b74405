"""Which subsets of stable variables are compared: one of each class, all, or a greedy path."""

import abc
import itertools
import warnings
from collections.abc import Callable, Sequence

import equinox as eqx

from ..core import check_integer
from ._causal_graph import CausalGraph, TooManyClasses, canonical_subset, equivalence_classes

Subset = tuple[str, ...]
Evaluate = Callable[[Sequence[Subset]], Sequence[float]]


class AbstractSubsetSearch(eqx.Module):
    """Asks for the worst-case risk of subsets."""

    @abc.abstractmethod
    def explore(self, graph: CausalGraph, target: str, evaluate: Evaluate) -> None:
        """Evaluate subsets of the vertices of `graph`, which are stable, other than the target."""


class Classes(AbstractSubsetSearch):
    """One representative of every equivalence class; the search of the paper.

    **Arguments:** `most`: a graph with more classes is searched as `Greedy()` does, with a warning, since the subset
    that is found then need not be the best one.

    >>> Classes(most=100).most
    100
    """

    most: int = 4096

    def __check_init__(self):
        check_integer("most", self.most, minimum=1)

    def explore(self, graph: CausalGraph, target: str, evaluate: Evaluate) -> None:
        try:
            classes = equivalence_classes(graph, target, self.most)
        except TooManyClasses:
            warnings.warn(
                f"the graph has more than most = {self.most} classes of subsets and is searched greedily: the best "
                "subset may be missed; raise most to compare all of them",
                stacklevel=2,
            )
            Greedy().explore(graph, target, evaluate)
        else:
            evaluate(classes)


class AllSubsets(AbstractSubsetSearch):
    """Every subset, to see that classes lose nothing.

    **Arguments:** `most`: refuse more subsets.

    >>> AllSubsets().most
    4096
    """

    most: int = 4096

    def __check_init__(self):
        check_integer("most", self.most, minimum=1)

    def explore(self, graph: CausalGraph, target: str, evaluate: Evaluate) -> None:
        others = [name for name in graph.names if name != target]
        if 2 ** len(others) > self.most:
            raise ValueError(f"there are 2^{len(others)} subsets, more than most = {self.most}: search with Classes()")
        evaluate([s for k in range(len(others) + 1) for s in itertools.combinations(others, k)])


class Greedy(AbstractSubsetSearch):
    """From no variable on, the one is added that helps most, until none does: for graphs with too many classes.

    Every risk is estimated as in the other searches, but variables that help only together are not found.

    >>> Greedy()
    Greedy()
    """

    def explore(self, graph: CausalGraph, target: str, evaluate: Evaluate) -> None:
        chosen: Subset = ()
        (best,) = evaluate([chosen])
        seen: set[Subset] = {chosen}
        while True:
            wider = [(*chosen, name) for name in graph.names if name not in chosen and name != target]
            new = [s for s in dict.fromkeys(canonical_subset(graph, target, s) for s in wider) if s not in seen]
            if not new:
                return
            seen.update(new)
            risks = list(evaluate(new))
            if min(risks) >= best:
                return
            best = min(risks)
            chosen = new[risks.index(best)]


class WholeSet(AbstractSubsetSearch):
    """All stable variables together and nothing else.

    >>> WholeSet()
    WholeSet()
    """

    def explore(self, graph: CausalGraph, target: str, evaluate: Evaluate) -> None:
        evaluate([tuple(name for name in graph.names if name != target)])
