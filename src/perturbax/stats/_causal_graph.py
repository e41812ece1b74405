"""Directed acyclic graphs of causes, d-separation, and the classes of subsets that predict alike.

Vertices are bits of Python integers: a set of vertices is one integer, so graphs of hundreds of vertices are cheap.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from ..core import check_integer


class CausalGraph:
    """A directed acyclic graph whose edges point from cause to effect.

    **Arguments:**

    - `edges`: pairs `(cause, effect)` of names.
    - `names`: all vertices, in the order to keep; those of the edges, in the order of their appearance, when `None`.

    **Raises:** `ValueError` for a name that is not among `names`, a name twice, an edge twice, or a cycle (which is
    shown).

    >>> graph = CausalGraph([("weather", "sales"), ("sales", "profit")])
    >>> graph.parents("profit"), graph.d_separated("weather", "profit", ["sales"])
    (('sales',), True)
    """

    def __init__(self, edges: Iterable[Any], names: Sequence[str] | None = None):
        pairs = [tuple(edge) for edge in edges]
        if any(len(pair) != 2 or not all(isinstance(end, str) for end in pair) for pair in pairs):
            raise ValueError("edges must be pairs (cause, effect) of names")
        self.names: tuple[str, ...] = tuple(dict.fromkeys(end for pair in pairs for end in pair))
        if names is not None:
            self.names = tuple(names)
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"names must be different from each other, got {self.names}")
        if len(set(pairs)) < len(pairs):
            raise ValueError("edges must be different from each other")
        self._index = {name: i for i, name in enumerate(self.names)}
        self._parents = [0] * len(self.names)
        self._children = [0] * len(self.names)
        for cause, effect in pairs:
            for end in (cause, effect):
                if end not in self._index:
                    raise ValueError(f"edges name {end!r}, which is not among names {self.names}")
            self._parents[self._index[effect]] |= 1 << self._index[cause]
            self._children[self._index[cause]] |= 1 << self._index[effect]
        self._order = self._topological_order()

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """All edges `(cause, effect)`."""
        return tuple((self.names[i], name) for k, name in enumerate(self.names) for i in _bits(self._parents[k]))

    @property
    def order(self) -> tuple[str, ...]:
        """The names, every cause before its effects."""
        return tuple(self.names[i] for i in self._order)

    def parents(self, name: str) -> tuple[str, ...]:
        """The direct causes of a vertex."""
        return self._names(self._parents[self._at(name)])

    def children(self, name: str) -> tuple[str, ...]:
        """The direct effects of a vertex."""
        return self._names(self._children[self._at(name)])

    def ancestors(self, names: Collection[str]) -> tuple[str, ...]:
        """All causes, direct or not, of some vertices; they are among them."""
        return self._names(self._closure(self._mask(names), self._parents))

    def descendants(self, names: Collection[str]) -> tuple[str, ...]:
        """All effects, direct or not, of some vertices; they are among them."""
        return self._names(self._closure(self._mask(names), self._children))

    def without(self, names: Collection[str]) -> "CausalGraph":
        """The graph with some vertices, and the edges at them, taken out."""
        gone = set(self._names(self._mask(names)))
        kept = [name for name in self.names if name not in gone]
        return CausalGraph([(a, b) for a, b in self.edges if a not in gone and b not in gone], kept)

    def d_separated(self, first: str, second: str, given: Collection[str] = ()) -> bool:
        """Whether every path between two vertices is blocked by the given ones.

        **Raises:** `ValueError` for an unknown name, or when `given` contains one of the two.

        Source: Pearl 2009; Koller & Friedman 2009 (reachability along active paths).
        """
        given_mask = self._mask(given)
        a, b = self._at(first), self._at(second)
        if a == b or given_mask >> a & 1 or given_mask >> b & 1:
            raise ValueError(f"given must not contain {first!r} or {second!r}, and these must differ")
        return not self.connected(a, given_mask) >> b & 1

    def connected(self, source: int, given: int) -> int:
        """The bits of the vertices that are not d-separated from the vertex of index `source`."""
        above = self._closure(given, self._parents)
        found = up_seen = down_seen = 0
        up, down = 1 << source, 0  # vertices reached from below, and from above
        while up or down:
            if up:
                bit = up & -up
                up ^= bit
                up_seen |= bit
                if bit & given:
                    continue
                k = bit.bit_length() - 1
                found |= bit
                up |= self._parents[k] & ~up_seen
                down |= self._children[k] & ~down_seen
            else:
                bit = down & -down
                down ^= bit
                down_seen |= bit
                k = bit.bit_length() - 1
                if not bit & given:
                    found |= bit
                    down |= self._children[k] & ~down_seen
                if bit & above:  # a collider that is given, or has an effect that is
                    up |= self._parents[k] & ~up_seen
        return found

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, CausalGraph) and (self.names, self._parents) == (other.names, other._parents)

    def __hash__(self) -> int:
        return hash((self.names, tuple(self._parents)))

    def __repr__(self) -> str:
        return f"CausalGraph({', '.join(f'{a} -> {b}' for a, b in self.edges)})"

    def _at(self, name: str) -> int:
        if name not in self._index:
            raise ValueError(f"{name!r} is no vertex of the graph; there are {', '.join(self.names)}")
        return self._index[name]

    def _mask(self, names: Collection[str]) -> int:
        mask = 0
        for name in [names] if isinstance(names, str) else names:
            mask |= 1 << self._at(name)
        return mask

    def _names(self, mask: int) -> tuple[str, ...]:
        return tuple(self.names[i] for i in _bits(mask))

    def _closure(self, mask: int, step: list[int]) -> int:
        found, new = 0, mask
        while new:
            found |= new
            reached = 0
            for k in _bits(new):
                reached |= step[k]
            new = reached & ~found
        return found

    def _topological_order(self) -> list[int]:
        order: list[int] = []
        placed = 0
        while len(order) < len(self.names):
            ready = [k for k in range(len(self.names)) if not placed >> k & 1 and not self._parents[k] & ~placed]
            if not ready:
                raise ValueError(f"edges must not form a cycle, got {' -> '.join(self._cycle(placed))}")
            order += ready
            for k in ready:
                placed |= 1 << k
        return order

    def _cycle(self, placed: int) -> list[str]:
        k = next(k for k in range(len(self.names)) if not placed >> k & 1)
        walk: list[int] = []
        while k not in walk:
            walk.append(k)
            k = next(_bits(self._parents[k] & ~placed))
        return [self.names[i] for i in [k, *reversed(walk[walk.index(k) :])]]


class TooManyClasses(ValueError):
    """A graph has more equivalence classes than asked for."""


class _Recovery(CausalGraph):
    """The recursion over maximal ancestral graphs; see `equivalence_classes`."""

    def __init__(self, graph: CausalGraph, target: str, most: int):
        super().__init__(graph.edges, graph.names)
        self.target, self.most, self.count = self._at(target), most, 0

    def recover(self, latent: int, selected: int) -> Iterator[int]:
        free = ((1 << len(self.names)) - 1) & ~(latent | selected | 1 << self.target)
        near = self._neighbours(free, selected)
        if not near:
            self.count += 1
            if self.count > self.most:
                raise TooManyClasses(f"the graph has more than most = {self.most} classes; raise most")
            yield 0
            return
        chosen = near
        while True:
            for rest in self.recover(latent | near & ~chosen, selected | chosen):
                yield chosen | rest
            if not chosen:
                return
            chosen = (chosen - 1) & near

    def _neighbours(self, free: int, selected: int) -> int:
        """The free vertices that are adjacent to the target once the latent ones are marginalised and the selected
        ones conditioned on: those that no set of free vertices separates from it. If any set does, the ancestors do
        (Richardson & Spirtes 2002)."""
        near = 0
        for v in _bits(free):
            ends = 1 << v | 1 << self.target
            given = (self._closure(ends | selected, self._parents) & free | selected) & ~ends
            if self.connected(self.target, given) >> v & 1:
                near |= 1 << v
        return near


def equivalence_classes(graph: CausalGraph, target: str, most: int = 4096) -> tuple[tuple[str, ...], ...]:
    """One representative of every class of subsets of vertices that say the same about the target.

    Two subsets are equivalent when the target is d-separated from what they differ in, given what they share; then the
    best predictions from them are equal. The representative is the smallest member. The number of classes is linear in
    a chain, exponential in a star, and polynomial when few vertices have many neighbours.

    **Arguments:** `graph`: of the target and the candidate vertices (mutable ones taken out); `target`: its name;
    `most`: refuse more classes.

    **Returns:** tuples of names in the graph's order, the smaller ones first.

    **Raises:** `ValueError` (a `TooManyClasses`) when there are more than `most` classes, or `target` is no vertex.

    Source: Liu et al. 2023, algorithm 2 (recovery of the classes on maximal ancestral graphs).

    >>> equivalence_classes(CausalGraph([("y", "a"), ("a", "b")]), "y")
    ((), ('a',), ('b',))
    """
    recovery = _Recovery(graph, target, check_integer("most", most, minimum=1))
    found = sorted(recovery.recover(0, 0), key=lambda mask: (mask.bit_count(), [*_bits(mask)]))
    return tuple(graph._names(mask) for mask in found)


def canonical_subset(graph: CausalGraph, target: str, subset: Collection[str]) -> tuple[str, ...]:
    """The smallest subset that is equivalent to a given one: what can be left out, one by one, is left out.

    **Arguments:** `graph`, `target`: as in `equivalence_classes`; `subset`: names.

    **Returns:** names in the graph's order.

    **Raises:** `ValueError` for an unknown name.

    >>> canonical_subset(CausalGraph([("y", "a"), ("a", "b")]), "y", ["a", "b"])
    ('a',)
    """
    y, kept = graph._at(target), graph._mask(subset)
    if kept >> y & 1:
        raise ValueError(f"subset must not contain the target {target!r}")
    while True:
        idle = next((v for v in _bits(kept) if not graph.connected(y, kept & ~(1 << v)) >> v & 1), None)
        if idle is None:
            return graph._names(kept)
        kept &= ~(1 << idle)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        bit = mask & -mask
        yield bit.bit_length() - 1
        mask ^= bit
