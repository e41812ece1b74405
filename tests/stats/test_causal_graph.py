"""Graphs of causes: d-separation against a second route, and the classes of equivalent subsets."""

import itertools
import time

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax.stats import CausalGraph, canonical_subset, equivalence_classes

SIMULATION = [
    ("Y", "X1"), ("X6", "X1"), ("X5", "X1"), ("X6", "X5"), ("X1", "X3"), ("X3", "X2"),
    ("X8", "X2"), ("X2", "X4"), ("X7", "X4"), ("X8", "X4"), ("X8", "X7"),
]  # fmt: skip


def random_graph(seed, n):
    random = np.random.default_rng(seed)
    names = [f"v{i}" for i in random.permutation(n)]
    edges = [(a, b) for a, b in itertools.combinations(names, 2) if random.random() < 0.4]
    return CausalGraph(edges, sorted(names))


def by_canonical_subsets(graph, target):
    others = [name for name in graph.names if name != target]
    subsets = itertools.chain.from_iterable(itertools.combinations(others, k) for k in range(len(others) + 1))
    return {canonical_subset(graph, target, subset) for subset in subsets}


@given(seed=st.integers(0, 10_000), n=st.integers(2, 7))
def test_d_separation_is_networkx(seed, n):
    graph = random_graph(seed, n)
    other = networkx.DiGraph(list(graph.edges))
    other.add_nodes_from(graph.names)
    random = np.random.default_rng(seed)
    first, second, *rest = random.permutation(graph.names).tolist()
    condition = [name for name in rest if random.random() < 0.5]
    wanted = networkx.is_d_separator(other, {first}, {second}, set(condition))
    assert graph.d_separated(first, second, condition) == wanted
    assert graph.d_separated(second, first, condition) == wanted


@given(seed=st.integers(0, 10_000), n=st.integers(1, 6))
def test_the_recursion_finds_each_canonical_subset_once(seed, n):
    graph = random_graph(seed, n)
    classes = equivalence_classes(graph, "v0")
    assert len(set(classes)) == len(classes)
    assert set(classes) == by_canonical_subsets(graph, "v0")


def test_the_papers_graphs():
    assert len(equivalence_classes(CausalGraph(SIMULATION), "Y")) == 45
    readme = CausalGraph([("Y", "X1"), ("X1", "X2"), ("Y", "X3"), ("X3", "X4"), ("X1", "X3")])
    assert len(equivalence_classes(readme, "Y")) == 9


@pytest.mark.parametrize("d", [1, 2, 5, 15])
def test_a_chain_has_one_class_more_than_vertices_and_a_star_all(d):
    names = ["y", *(f"x{i}" for i in range(d))]
    assert len(equivalence_classes(CausalGraph(list(itertools.pairwise(names))), "y")) == d + 1
    if d < 6:
        assert len(equivalence_classes(CausalGraph([("y", name) for name in names[1:]]), "y")) == 2**d


def test_a_chain_of_sixty_vertices_takes_seconds_at_most():
    names = ["y", *(f"x{i}" for i in range(60))]
    start = time.process_time()
    assert len(equivalence_classes(CausalGraph(list(itertools.pairwise(names))), "y")) == 61
    assert time.process_time() - start < 5.0


def test_order_relatives_and_removal():
    graph = CausalGraph([("b", "c"), ("a", "b"), ("a", "d")])
    assert graph.order.index("a") < graph.order.index("b") < graph.order.index("c")
    assert set(graph.ancestors(["c"])) == {"a", "b", "c"}
    assert set(graph.descendants(["a"])) == {"a", "b", "c", "d"}
    assert graph.children("a") == ("b", "d")
    assert graph.without(["b"]) == CausalGraph([("a", "d")], ["c", "a", "d"])
    assert graph != CausalGraph([("b", "c")])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CausalGraph([("a", "b"), ("b", "c"), ("c", "a")]), "edges must not form a cycle, got .* -> .* -> "),
        (lambda: CausalGraph([("a", "b")], ["a"]), "edges name 'b'"),
        (lambda: CausalGraph([], ["a", "a"]), "names must be different"),
        (lambda: CausalGraph([("a", "b"), ("a", "b")]), "edges must be different"),
        (lambda: CausalGraph(["abc"]), "edges must be pairs"),
        (lambda: CausalGraph([("a", "b")]).d_separated("a", "b", ["a"]), "given must not contain 'a'"),
        (lambda: CausalGraph([("a", "b")]).parents("z"), "'z' is no vertex"),
        (lambda: equivalence_classes(CausalGraph([("y", "a"), ("y", "b")]), "y", most=3), "more than most = 3 classes"),
        (lambda: canonical_subset(CausalGraph([("y", "a")]), "y", ["y"]), "subset must not contain"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
