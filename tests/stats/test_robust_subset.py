"""Causal minimax and its baselines: exact models, worst environments against vertices, choices, and bad input."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import stats
from perturbax.core import registered_methods
from perturbax.stats._interventions import fit_ridge, worst_environments

from ..diffusion.test_compilation import compilations

KEY = jax.random.key(0)
QUICK = stats.Additive(steps=300, features=30, ascent_steps=60, restarts=1, rows=200)
DATA_METHODS = (
    stats.Pooled(features=30),
    stats.AnchorRegression(),
    stats.InvariantRiskMinimization(steps=300),
    stats.GroupDRO(features=30),
    stats.InvariantCausalPrediction(),
    stats.WholeStableSet(mechanisms=QUICK),
    stats.GraphSurgery(mechanisms=QUICK),
    stats.CausalMinimax(mechanisms=QUICK),
)


pytestmark = pytest.mark.usefixtures("without_type_checks")


def paper_model():
    """Y has the cause X2, the mutable child M, and X1, which both Y and M act on."""
    p = np.array([[0.02, 0.02], [0.02, 0.5]])
    graph = stats.CausalGraph([("X2", "y"), ("y", "M"), ("y", "X1"), ("M", "X1")])
    tables = {"X2": [0.5, 0.5], "y": [[0.4, 0.6], [0.2, 0.8]], "X1": np.stack([1 - p, p], -1)}
    return stats.DiscreteModel(graph, tables, mutable={"M": 2})


def draw_from(model, policies, n, seed):
    """Rows of the discrete model, one environment for each policy P(M = 1 | y)."""
    random, rows = np.random.default_rng(seed), []
    for policy in policies:
        x2 = random.integers(0, 2, n)
        y = (random.random(n) < model.tables["y"][x2, 1]).astype(int)
        m = (random.random(n) < np.array(policy)[y]).astype(int)
        x1 = (random.random(n) < model.tables["X1"][y, m, 1]).astype(int)
        rows.append(np.stack([x2, x1, m, y], 1))
    env = np.repeat(np.arange(len(policies)), n)
    table = np.concatenate(rows).astype(float)
    return stats.Environments(table[:, :3], table[:, 3], env, names=["X2", "X1", "M"], graph=model.graph, mutable=["M"])


def linear_problem(n=300, environments=4, seed=0):
    """a -> y -> m (mutable) -> b and y -> b: linear with small noise."""
    random, rows = np.random.default_rng(seed), []
    for slope in np.linspace(-1.0, 1.0, environments):
        a = random.normal(size=n)
        y = a + 0.5 * random.normal(size=n)
        m = slope * y + 0.1 * random.normal(size=n)
        b = y + m + 0.3 * random.normal(size=n)
        rows.append(np.stack([a, b, m, y], 1))
    table = np.concatenate(rows)
    graph = stats.CausalGraph([("a", "y"), ("y", "m"), ("m", "b"), ("y", "b")])
    return stats.Environments(
        table[:, :3], table[:, 3], np.repeat(np.arange(environments), n), names="abm", graph=graph, mutable=["m"]
    )


@pytest.fixture(scope="module")
def problem():
    return linear_problem()


@pytest.fixture(scope="module")
def compared(problem):
    return stats.robust_subset(problem, stats.CausalMinimax(mechanisms=QUICK), key=KEY)


def test_the_exact_worst_risks_of_the_papers_counterexample():
    found = stats.robust_subset(paper_model(), stats.CausalMinimax(), key=KEY)
    risks = dict(zip(found.classes, found.risks, strict=True))
    wanted = {(): 0.21, ("X1",): 0.2200436537, ("X2",): 0.2, ("X2", "X1"): 0.2058843767}
    assert set(risks) == set(wanted)
    for subset, risk in wanted.items():
        assert risks[subset] == pytest.approx(risk, abs=1e-9)
    assert found.subset == ("X2",)
    assert found.condition_holds is False
    whole = stats.robust_subset(paper_model(), stats.WholeStableSet(), key=KEY)
    assert whole.worst_risk == pytest.approx(0.2058843767, abs=1e-9)


@given(seed=st.integers(0, 10_000))
def test_the_worst_discrete_environment_is_found_by_enumeration(seed):
    """Two mutable vertices, one of them a cause of the other; all pairs of functions are tried one by one."""
    random = np.random.default_rng(seed)
    graph = stats.CausalGraph([("y", "m"), ("m", "k"), ("y", "x"), ("k", "x"), ("m", "x")])
    tables = {"y": random.dirichlet([1, 1]), "x": random.dirichlet([1, 1], size=(2, 2, 2))}
    model = stats.DiscreteModel(graph, tables, mutable={"m": 2, "k": 2})
    at = {name: graph.names.index(name) for name in graph.names}
    prediction = np.broadcast_to(model.predictor(["x"]), [2] * 4)
    best = 0.0
    for m_of_y, k_of_m in itertools.product(itertools.product([0, 1], repeat=2), repeat=2):
        risk = 0.0
        for y, x in itertools.product([0, 1], repeat=2):
            m = m_of_y[y]
            k = k_of_m[m]
            place = [0] * 4
            for name, value in dict(y=y, x=x, m=m, k=k).items():
                place[at[name]] = value
            parents = dict(y=y, m=m, k=k)
            chance = tables["y"][y] * tables["x"][(*(parents[p] for p in graph.parents("x")), x)]
            risk += chance * (y - prediction[tuple(place)]) ** 2
        best = max(best, risk)
    assert model.worst_case_risk(["x"])[0] == pytest.approx(best)


def test_equivalent_subsets_have_the_same_worst_risk_and_prediction():
    random = np.random.default_rng(0)
    graph = stats.CausalGraph([("y", "m"), ("y", "a"), ("m", "a"), ("a", "b"), ("c", "y")])
    tables = {
        "y": random.dirichlet([1, 1], size=2),
        "a": random.dirichlet([1, 1], size=(2, 2)),
        "b": random.dirichlet([1, 1], size=2),
        "c": random.dirichlet([1, 1]),
    }
    model = stats.DiscreteModel(graph, tables, mutable={"m": 2})
    for subset in itertools.chain.from_iterable(itertools.combinations("abc", k) for k in range(4)):
        least = stats.canonical_subset(graph.without(["m"]), "y", subset)
        assert model.worst_case_risk(subset)[0] == pytest.approx(model.worst_case_risk(least)[0])
    by_class = stats.robust_subset(model, stats.CausalMinimax(), key=KEY)
    by_all = stats.robust_subset(model, stats.CausalMinimax(search=stats.AllSubsets()), key=KEY)
    assert by_class.worst_risk == pytest.approx(by_all.worst_risk)
    assert len(by_class.classes) < len(by_all.classes) == 8


def test_too_many_classes_are_searched_greedily_and_said_to_be():
    """From {} the greedy path adds X2 and stops, as X1 then makes it worse."""
    with pytest.warns(UserWarning, match="more than most = 3 classes of subsets and is searched greedily"):
        few = stats.robust_subset(paper_model(), stats.CausalMinimax(search=stats.Classes(most=3)), key=KEY)
    greedy = stats.robust_subset(paper_model(), stats.CausalMinimax(search=stats.Greedy()), key=KEY)
    assert few.classes == greedy.classes
    assert few.classes[0] == ()
    assert few.subset == ("X2",)


def test_tables_counted_in_data_come_near_the_exact_risks():
    data = draw_from(paper_model(), [(0.2, 0.6), (0.7, 0.3)], 40_000, seed=0)
    found = stats.robust_subset(data, stats.CausalMinimax(mechanisms=stats.Tabular()), key=KEY)
    exact = stats.robust_subset(paper_model(), stats.CausalMinimax(), key=KEY)
    wanted = {frozenset(c): risk for c, risk in zip(exact.classes, exact.risks, strict=True)}
    for subset, risk in zip(found.classes, found.risks, strict=True):
        assert risk == pytest.approx(wanted[frozenset(subset)], abs=0.01)
    predicted = found.predict([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    assert predicted == pytest.approx([0.6, 0.8], abs=0.01)
    rows = [[x2, x1, m] for x2 in (0.0, 1.0) for x1 in (0.0, 1.0) for m in (0.0, 1.0)]
    for subset in wanted:
        whole = exact.predictor_of(subset)(np.array(rows)[:, [0, 2, 1]])
        assert found.predictor_of(subset)(rows) == pytest.approx(whole, abs=0.03)
    with pytest.raises(ValueError, match="X has values of 'X2'"):
        found.predict([[0.5, 1.0, 0.0]])


def test_the_ascent_finds_the_vertices_of_the_box_and_never_leaves_it(problem):
    """The prediction is m itself, so the loss is convex in m, and at every y the worst m is an end of its range.

    The same prediction four times is one with four starts, of which the best counts.
    """
    mechanisms = QUICK.learn(problem, problem.graph, ["m"], KEY).mechanisms
    rows = np.asarray(mechanisms.rows)
    m, y = (problem.graph.names.index(name) for name in "my")
    ridge = fit_ridge(rows, rows[:, y], np.eye(4)[[m] * 4], key=KEY, features=30, ridge=1e-3)
    ridge = eqx.tree_at(lambda r: r.weights, ridge, jnp.zeros_like(ridge.weights).at[:, 1 + m].set(1.0))
    settings = dict(key=KEY, rows=200, width=8, steps=200, restarts=1, learning_rate=QUICK.ascent_rate, penalty=0.0)
    worst = worst_environments(mechanisms, ridge, y, **settings)
    low, high = rows[:, m].min(), rows[:, m].max()
    supremum = np.mean(np.maximum((rows[:, y] - low) ** 2, (rows[:, y] - high) ** 2))
    assert worst.risk.max() <= supremum * (1 + 1e-5)
    assert worst.risk.max() >= 0.97 * supremum


def test_ridge_regression_on_features_is_the_minimum_of_its_objective(problem):
    random = np.random.default_rng(0)
    X, y = random.normal(size=(80, 3)), random.normal(size=80)
    ridge = fit_ridge(X, y, np.ones((1, 3)), key=KEY, features=10, ridge=0.1).one(0)

    def objective(weights):
        predict = type(ridge)(ridge.reads, ridge.frequencies, ridge.phases, weights)
        return jnp.mean((predict(jnp.asarray(X, jnp.float32)) - y) ** 2) + 0.1 * jnp.sum(weights**2)

    assert float(jnp.abs(jax.grad(objective)(ridge.weights)).max()) < 1e-5


def test_the_whole_set_is_returned_where_the_graph_proves_it_best():
    graph = stats.CausalGraph([("a", "y"), ("y", "m"), ("y", "b")])
    tables = {"a": [0.5, 0.5], "y": [[0.7, 0.3], [0.2, 0.8]], "b": [[0.9, 0.1], [0.4, 0.6]]}
    easy = stats.DiscreteModel(graph, tables, mutable={"m": 2})
    found = stats.robust_subset(easy, stats.CausalMinimax(), key=KEY)
    assert found.condition_holds
    assert found.subset == ("a", "b")
    assert found.stats["evaluations"] == 1
    assert found.worst_risk == min(easy.worst_case_risk(s)[0] for s in [(), ("a",), ("b",), ("a", "b")])


@pytest.mark.slow
def test_greedy_stays_among_the_classes(problem):
    found = stats.robust_subset(problem, stats.CausalMinimax(mechanisms=QUICK, search=stats.Greedy()), key=KEY)
    assert set(found.classes) <= set(stats.equivalence_classes(problem.graph.without(["m"]), "y"))
    assert found.worst_risk == min(found.risks)
    assert list(found.table()["worst_risk"]) == sorted(found.risks)


def test_every_subset_of_stable_variables_has_its_predictor(problem, compared):
    whole = stats.robust_subset(problem, stats.WholeStableSet(mechanisms=QUICK), key=KEY)
    np.testing.assert_array_equal(compared.predictor_of(compared.subset)(problem.X), compared.predict(problem.X))
    np.testing.assert_array_equal(compared.predictor_of(["b", "a"])(problem.X), whole.predict(problem.X))
    moved = problem.X + np.array([0.0, 1.0, 0.0])
    np.testing.assert_array_equal(compared.predictor_of(["a"])(problem.X), compared.predictor_of(["a"])(moved))
    with pytest.raises(ValueError, match=r"subset must contain stable variables \('a', 'b'\) only, got \['m'\]"):
        compared.predictor_of(["a", "m"])
    with pytest.raises(ValueError, match="this method learns predict only"):
        stats.robust_subset(problem, stats.AnchorRegression(), key=KEY).predictor_of(["a"])


def test_other_values_do_not_compile_again(problem, compared):
    other, key = linear_problem(seed=1), jax.random.key(1)
    gentle = eqx.tree_at(lambda m: m.penalty, QUICK, 2e-5)
    strict = stats.InvariantRiskMinimization(steps=300)
    stats.robust_subset(problem, strict, key=KEY)
    compared.predict(problem.X)
    with compilations() as seen:
        found = stats.robust_subset(other, stats.CausalMinimax(mechanisms=gentle), key=key)
        found.predict(other.X)
        stats.robust_subset(other, stats.InvariantRiskMinimization(weight=10.0, steps=300), key=key)
    assert found.worst_risk != compared.worst_risk
    assert not seen


@pytest.mark.parametrize("method", DATA_METHODS[:5], ids=lambda m: type(m).__name__)
def test_predictions_are_in_the_units_of_the_data(problem, method):
    predicted = stats.robust_subset(problem, method, key=KEY).predict(problem.X)
    moved = stats.Environments(
        10 * problem.X + 3, 10 * problem.y - 5, problem.env, names="abm", graph=problem.graph, mutable=["m"]
    )
    scaled = stats.robust_subset(moved, method, key=KEY).predict(moved.X)
    assert predicted.shape == problem.y.shape
    assert scaled == pytest.approx(10 * predicted - 5, rel=1e-3, abs=1e-2)


@pytest.mark.parametrize("method", DATA_METHODS[5:], ids=lambda m: type(m).__name__)
def test_methods_on_the_graph_compare_classes_of_stable_variables(problem, method):
    found = stats.robust_subset(problem, method, key=KEY)
    classes = {*stats.equivalence_classes(problem.graph.without(["m"]), "y"), ("a", "b")}
    assert found.subset in found.classes
    assert set(found.classes) <= classes
    error = np.mean((found.predict(problem.X) - problem.y) ** 2)
    assert error < problem.y.var()
    assert not found.worst_risk < error  # the seen environments are among those that the adversary may choose


def test_anchor_regression_with_gamma_one_is_least_squares(problem):
    found = stats.robust_subset(problem, stats.AnchorRegression(gamma=1.0), key=KEY)
    design = np.column_stack([np.ones(problem.y.size), problem.X])
    wanted = design @ np.linalg.lstsq(design, problem.y, rcond=None)[0]
    assert found.predict(problem.X) == pytest.approx(wanted, abs=1e-4)


def test_group_dro_has_a_smaller_worst_risk_in_training_than_pooled(problem):
    def worst(method):
        error = (stats.robust_subset(problem, method, key=KEY).predict(problem.X) - problem.y) ** 2
        return max(error[problem.env == e].mean() for e in range(problem.count))

    assert worst(stats.GroupDRO(features=30)) < worst(stats.Pooled(features=30))


def test_invariant_prediction_finds_the_cause_once_its_law_moves_too(problem):
    moved = problem.X.copy()
    moved[:, 0] += problem.env
    rows = dict(env=problem.env, names="abm", graph=problem.graph, mutable=["m"])
    method = stats.InvariantCausalPrediction()
    found = stats.robust_subset(stats.Environments(moved, problem.y + problem.env, **rows), method, key=KEY)
    assert found.subset == ("a",)
    assert all("a" in subset for subset in found.classes)
    # Where the target's own law is the same everywhere, the empty set is invariant, and nothing is identified.
    assert stats.robust_subset(problem, method, key=KEY).subset == ()


def test_a_table_of_a_user_becomes_a_problem():
    frame = pd.DataFrame({"age": [1.0, 2.0, 3.0], "y": [0, 1, 0], "hospital": ["a", "b", "a"]})
    problem = stats.Environments.from_frame(frame, target="y", env="hospital")
    assert problem.names == ("age",)
    assert problem.count == 2
    with pytest.raises(ValueError, match="no column 'site'"):
        stats.Environments.from_frame(frame, target="y", env="site")
    with pytest.raises(ValueError, match="the columns hospital must be numbers"):
        stats.Environments.from_frame(frame, target="y", env="age")


@pytest.mark.slow
def test_the_graph_is_discovered_from_environments():
    pytest.importorskip("causallearn")
    random = np.random.default_rng(0)
    rows = []
    for shift in (-2.0, 0.0, 2.0, 4.0):
        a, b = random.normal(size=(2, 500))
        y = a + b + 0.5 * random.normal(size=500)
        m = y + shift + 0.5 * random.normal(size=500)
        rows.append(np.stack([a, b, m, y], 1))
    table = np.concatenate(rows)
    problem = stats.Environments(table[:, :3], table[:, 3], np.repeat(np.arange(4), 500), names="abm")
    found = stats.robust_subset(problem, stats.CausalMinimax(mechanisms=QUICK), key=KEY)
    assert found.mutable == ("m",)
    assert set(found.graph.edges) == {("a", "y"), ("b", "y"), ("y", "m")}


def test_edges_without_direction_are_named():
    pytest.importorskip("causallearn")
    random = np.random.default_rng(0)
    a = random.normal(size=600)
    y = a + 0.5 * random.normal(size=600)
    problem = stats.Environments(a[:, None], y, np.repeat([0, 1], 300), names=["a"])
    with pytest.raises(ValueError, match=r"direction of (a - y|y - a): give graph"):
        stats.robust_subset(problem, stats.CausalMinimax(), key=KEY)


GRAPH = stats.CausalGraph([("y", "m"), ("y", "x")])


def environments(**changed):
    given = dict(X=np.ones((4, 2)), y=np.ones(4), env=[0, 0, 1, 1], names="mx", graph=GRAPH, mutable=["m"])
    return stats.Environments(**{**given, **changed})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: environments(X=np.full((4, 2), np.nan)), ValueError, "X must be finite"),
        (lambda: environments(y=np.ones(3)), ValueError, r"y must have shape \(4,\)"),
        (lambda: environments(env=[0, 1]), ValueError, "env must have one integer or name for each of the 4 rows"),
        (lambda: environments(names="mm"), ValueError, "names must be 2 different names"),
        (lambda: environments(mutable=["y"]), ValueError, "mutable must not contain the target"),
        (lambda: environments(mutable=["z"]), ValueError, r"mutable names \['z'\]"),
        (lambda: environments(mutable=None), ValueError, "mutable is needed with graph"),
        (lambda: environments(graph=None), ValueError, "graph is needed with mutable"),
        (lambda: environments(graph=None, mutable=None, env=[0] * 4), ValueError, "env must name two environments"),
        (lambda: environments(ranges={"m": (1.0, 0.0)}), ValueError, r"ranges\['m'\] must be a low and a high"),
        (lambda: environments(ranges={"z": (0.0, 1.0)}), ValueError, r"\['z'\]"),
        (lambda: environments(names="ab"), ValueError, "graph must have the vertices"),
        (
            lambda: stats.robust_subset(environments(), stats.Pooled(), key=KEY),
            ValueError,
            "must vary, column 'm' is constant",
        ),
        (
            lambda: stats.robust_subset(environments(mutable=[]), stats.CausalMinimax(), key=KEY),
            ValueError,
            "mutable must name a variable",
        ),
        (lambda: stats.robust_subset(paper_model(), stats.Pooled(), key=KEY), TypeError, "Pooled needs data"),
        (lambda: stats.robust_subset(paper_model(), stats.CausalMinimax, key=KEY), TypeError, "did you mean"),
        (lambda: stats.robust_subset("x", stats.Pooled(), key=KEY), TypeError, "problem must be"),
        (
            lambda: stats.DiscreteModel(GRAPH, {"y": [0.5, 0.5]}, {"m": 2}),
            ValueError,
            "entry for the stable vertex 'x'",
        ),
        (
            lambda: stats.DiscreteModel(GRAPH, {"y": [0.5, 0.6], "x": np.eye(2)}, {"m": 2}),
            ValueError,
            r"tables\['y'\] must be probabilities",
        ),
        (
            lambda: stats.DiscreteModel(GRAPH, {"y": [0.5, 0.5], "x": [0.5, 0.5]}, {"m": 2}),
            ValueError,
            r"tables\['x'\] must have shape \(2, 2\)",
        ),
        (lambda: stats.DiscreteModel(GRAPH, {}, {"y": 2}), ValueError, "target 'y' must not be mutable"),
        (lambda: paper_model().predictor(["M"]), ValueError, "subset must contain stable vertices"),
        (lambda: stats.CausalMinimax(mechanisms=stats.Additive), TypeError, "mechanisms must be"),
        (lambda: stats.CDNOD(test="kci"), TypeError, "test must be"),
        (lambda: stats.Additive(range_factor=float("inf")), ValueError, "range_factor must be"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_all_methods_are_tried_here():
    methods = {cls for cls in registered_methods().values() if issubclass(cls, stats.AbstractRobustMethod)}
    assert methods == {type(method) for method in DATA_METHODS}
